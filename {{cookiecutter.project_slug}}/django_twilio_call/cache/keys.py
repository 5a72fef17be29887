"""Cache keys: readable, the same in every process and release, and never the same for two different things."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from hashlib import blake2b
from typing import Any, Final
from urllib.parse import quote
from uuid import UUID

from ..exceptions import CacheKeyError

LONGEST: Final = 160
"""Characters of a key; a longer one keeps its beginning and has the rest as a digest. Memcached takes 250."""

_PLAIN: Final = re.compile(r"[A-Za-z0-9_.-]+").fullmatch


def build_key(prefix: str, *parts: Any) -> str:
    """A key of a prefix and any number of values: `agent:status:i7`.

    Types count: `1`, `"1"`, `True` and `Decimal(1)` give four keys. Raises `CacheKeyError` for a value that has no
    stable text, naming its type.
    """
    return join(_escaped(prefix), parts)


def namespace(*names: str) -> str:
    """The beginning of keys that belong together: `cc:agent:status`."""
    return ":".join(("cc", *map(_escaped, names)))


def join(beginning: str, parts: Iterable[Any]) -> str:
    """A key of a beginning, taken as it is, and values."""
    key = ":".join((beginning, *map(encode, parts)))
    if len(key) <= LONGEST:
        return key
    # 128 bits: two keys of one deploy meet once in 10^19.
    return f"{key[: LONGEST - 34]}:{blake2b(key.encode(), digest_size=16).hexdigest()}~"


def encode(value: Any) -> str:
    """One value as text: a letter for its type, then what tells it from others of that type."""
    encoder = _ENCODERS.get(type(value))
    return encoder(value) if encoder else _rarer(value)


def _escaped(text: str) -> str:
    return text if _PLAIN(text) else quote(text, safe=" ").replace(" ", "+")


def _rarer(value: Any) -> str:
    """Values whose type is not one of those below but of their kind."""
    if isinstance(value, Enum):
        return f"e{type(value).__name__}.{value.name}"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return f"c{type(value).__name__}{_mapping(fields)}"
    if (meta := getattr(value, "_meta", None)) is not None and getattr(value, "pk", None) is not None:
        return f"m{meta.label_lower}.{encode(value.pk)}"  # a row of a model
    for kind, encoder in _ENCODERS.items():
        if isinstance(value, kind):
            return encoder(value)
    raise CacheKeyError(
        f"{type(value).__module__}.{type(value).__qualname__} cannot be part of a cache key: pass its id, or plain data"
    )


def _sequence(opening: str, closing: str) -> Callable[[Any], str]:
    return lambda values: opening + ",".join(map(encode, values)) + closing


def _set(values: Any) -> str:
    return "<" + ",".join(sorted(map(encode, values))) + ">"


def _mapping(values: Mapping[Any, Any]) -> str:
    return "{" + ",".join(sorted(f"{encode(key)}={encode(value)}" for key, value in values.items())) + "}"


_ENCODERS: Final[dict[type, Callable[[Any], str]]] = {
    str: lambda value: f"s{_escaped(value)}",
    bool: lambda value: "T" if value else "F",
    int: lambda value: f"i{int(value)}",
    type(None): lambda _: "N",
    float: lambda value: f"f{float(value)!r}",
    Decimal: lambda value: f"d{value}",
    UUID: lambda value: f"u{value.hex}",
    datetime: lambda value: f"t{_escaped(value.isoformat())}",
    date: lambda value: f"D{value.isoformat()}",
    time: lambda value: f"h{_escaped(value.isoformat())}",
    timedelta: lambda value: f"l{value // timedelta(microseconds=1)}",
    bytes: lambda value: f"b{value.hex()}",
    tuple: _sequence("(", ")"),
    list: _sequence("[", "]"),
    set: _set,
    frozenset: _set,
    dict: _mapping,
}
