"""Values as bytes and back, with their types: msgpack, never pickle, so that what lies in Redis is data, not code."""

from __future__ import annotations

import dataclasses
import hmac
import pickle
import sys
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from hashlib import sha256
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import msgpack
from django.conf import settings
from django.utils.crypto import salted_hmac
from django.utils.safestring import SafeString

from ..exceptions import CacheValueError

Packer = Callable[[Any], Any]


def dumps(value: Any) -> bytes:
    """A value as bytes. Raises `CacheValueError`, naming the type, for one that has no such form."""
    try:
        packed: bytes = msgpack.packb(value, default=_extended, strict_types=True)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise CacheValueError(f"a {type(value).__qualname__} cannot be cached: {error}") from None
    return packed


def loads(data: bytes) -> Any:
    """The value. Raises `CacheValueError` when the bytes are not one of ours, or of a class that has changed."""
    try:
        return _unpacked(data)
    except CacheValueError:
        raise
    except (ValueError, TypeError, ArithmeticError, KeyError, msgpack.exceptions.UnpackException) as error:
        raise CacheValueError(f"unreadable: {type(error).__name__}") from None


def _extended(value: Any) -> Any:
    """What msgpack does not know itself, as a numbered extension."""
    if found := _EXTENSIONS.get(type(value)):
        number, pack = found
        return msgpack.ExtType(number, pack(value))
    if isinstance(value, Enum):
        return msgpack.ExtType(_ENUM, dumps([*_path(type(value)), value.name]))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value) if field.init}
        return msgpack.ExtType(_DATACLASS, dumps([*_path(type(value)), fields]))
    raise TypeError(f"{type(value).__module__}.{type(value).__qualname__} is not plain data")


def _restored(number: int, data: bytes) -> Any:
    if (restore := _RESTORE.get(number)) is not None:
        return restore(data)
    module, name, content = _unpacked(data)
    found: Any = _classes.get((module, name)) or _known_class(module, name)
    if issubclass(found, Enum) is (number == _ENUM):
        return found[content] if number == _ENUM else found(**content)
    raise CacheValueError(f"unreadable: {module}.{name} is another class here")


def _unpacked(data: bytes) -> Any:
    return msgpack.unpackb(data, ext_hook=_restored, strict_map_key=False)


def _path(kind: type) -> tuple[str, str]:
    if "<" in kind.__qualname__:
        raise TypeError(f"{kind.__module__}.{kind.__qualname__} is a local class, which no other process can find")
    return kind.__module__, kind.__qualname__


_classes: Final[dict[tuple[str, str], Any]] = {}


def _known_class(module: str, name: str) -> Any:
    """A dataclass or an enum of a module that is loaded already: bytes from a store must not import anything."""
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    if not isinstance(found, type) or not (dataclasses.is_dataclass(found) or issubclass(found, Enum)):
        raise CacheValueError(f"unreadable: no class {module}.{name} here")
    _classes[module, name] = found
    return found


def _moment_text(moment: datetime) -> bytes:
    """A named zone keeps its name: an offset alone would be wrong after the next change of the clocks."""
    if isinstance(zone := moment.tzinfo, ZoneInfo) and zone.key:
        return f"{moment.replace(tzinfo=None).isoformat()}|{zone.key}|{moment.fold}".encode()
    return f"{moment.isoformat()}||{moment.fold}".encode() if moment.fold else moment.isoformat().encode()


def _moment(data: bytes) -> datetime:
    text, bar, more = data.decode().partition("|")
    moment = datetime.fromisoformat(text)
    if not bar:
        return moment
    zone, _, fold = more.rpartition("|")
    return moment.replace(fold=int(fold), tzinfo=ZoneInfo(zone) if zone else moment.tzinfo)


def _hour_text(hour: time) -> bytes:
    return f"{hour.isoformat()}|{hour.fold}".encode()


def _hour(data: bytes) -> time:
    text, _, fold = data.decode().partition("|")
    return time.fromisoformat(text).replace(fold=int(fold))


def _sequence(number: int, kind: Callable[[Any], Any]) -> tuple[int, Any, Packer, Packer]:
    return number, kind, lambda values: dumps(list(values)), lambda data: kind(_unpacked(data))


_KINDS: Final[tuple[tuple[int, Any, Packer, Packer], ...]] = (
    _sequence(1, tuple),
    _sequence(2, set),
    _sequence(3, frozenset),
    # Of one word each: their text, without another layer of msgpack to unpack.
    (30, Decimal, lambda value: str(value).encode(), lambda data: Decimal(data.decode())),
    (31, UUID, lambda value: value.bytes, lambda data: UUID(bytes=data)),
    (32, datetime, _moment_text, _moment),
    (33, date, lambda value: value.isoformat().encode(), lambda data: date.fromisoformat(data.decode())),
    (34, time, _hour_text, _hour),
    (
        35,
        timedelta,
        lambda value: b"%d" % (value // timedelta(microseconds=1)),
        lambda data: timedelta(microseconds=int(data)),
    ),
    (36, int, lambda value: hex(value).encode(), lambda data: int(data, 16)),  # beyond 64 bits
    # What a template fragment is: a plain text would be escaped a second time.
    (37, SafeString, lambda value: str(value).encode(), lambda data: SafeString(data.decode())),
)
"""Number (stable: it stands in the store; 4 to 11 were an older release's), type, to bytes, from bytes."""

_EXTENSIONS: Final = {kind: (number, pack) for number, kind, pack, _ in _KINDS}
_RESTORE: Final = {number: restore for number, _, _, restore in _KINDS}
_ENUM: Final = 20
_DATACLASS: Final = 21


class Serializer:
    """`OPTIONS["SERIALIZER"]` of a cache: typed msgpack. Integers stay digits, so that Redis can count with them."""

    def dumps(self, value: Any) -> bytes | int:
        """A value as Redis keeps it."""
        return value if type(value) is int else b"m" + dumps(value)

    def loads(self, data: bytes) -> Any:
        """The value. Raises `CacheValueError` for anything else than what `dumps` writes."""
        if data[:1] == b"m":
            return loads(data[1:])
        try:
            return int(data)
        except ValueError:
            raise CacheValueError("unreadable: not written by this serializer") from None


class SignedPickleSerializer(Serializer):
    """By choice only: any Python object, signed with a key derived from SECRET_KEY, so that Redis cannot make code run.

    Who knows SECRET_KEY can; rotating it empties the cache.
    """

    def dumps(self, value: Any) -> bytes | int:
        """A signature, then the pickle."""
        if type(value) is int:
            return value
        data = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
        return b"p" + self._signature(data) + data

    def loads(self, data: bytes) -> Any:
        """The object. Raises `CacheValueError` when the signature is not ours, before anything is unpickled."""
        if data[:1] != b"p":
            return super().loads(data)
        signature, pickled = data[1:33], data[33:]
        if not hmac.compare_digest(signature, self._signature(pickled)):
            raise CacheValueError("unreadable: the signature is not ours")
        return pickle.loads(pickled)  # noqa: S301  # signed by us

    def _signature(self, data: bytes) -> bytes:
        key = salted_hmac("django_twilio_call.cache.codec", "", settings.SECRET_KEY, algorithm="sha256").digest()
        return hmac.new(key, data, sha256).digest()
