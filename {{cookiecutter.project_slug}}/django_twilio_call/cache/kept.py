"""A value as it lies in the store: until when it counts, under which marks it was computed, and what it cost."""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import Any, Final, NamedTuple

from .store import GENERATION_OF_ALL

FORMAT: Final = b"\x01"
MARK: Final = 8
"""Bytes of a generation: two random ones are the same once in 10^19."""

_HEAD: Final = struct.Struct(">dddB")


class Kept(NamedTuple):
    """A value as it is kept: fresh until `early`, valid until `expires`, and what it cost to compute, in seconds."""

    early: float
    expires: float
    cost: float
    marks: bytes
    payload: bytes

    def to_bytes(self) -> bytes:
        """For the store."""
        head = _HEAD.pack(self.early, self.expires, self.cost, len(self.marks) // MARK)
        return b"".join((FORMAT, head, self.marks, self.payload))


class Valid(NamedTuple):
    """A value that counts, with what is known of it; the value itself may be None. `stale`: it is to be renewed."""

    value: Any
    stale: bool
    cost: float


def from_bytes(data: bytes | None) -> Kept | None:
    """From the store; None when there is nothing, or nothing this release can read."""
    if not isinstance(data, bytes) or data[:1] != FORMAT or len(data) <= _HEAD.size:
        return None
    early, expires, cost, count = _HEAD.unpack_from(data, 1)
    begin = 1 + _HEAD.size
    end = begin + count * MARK
    return Kept(early, expires, cost, data[begin:end], data[end:])


def generation(tag: str) -> str:
    """Key of the mark of a tag."""
    return f"cc:g:{tag}"


@lru_cache(maxsize=1024)
def generations(*tags: str) -> tuple[str, ...]:
    """Keys of the marks that a value with these tags is kept under."""
    return (GENERATION_OF_ALL, *map(generation, tags))
