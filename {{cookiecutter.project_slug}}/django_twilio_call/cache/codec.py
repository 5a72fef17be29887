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
from django.utils.safestring import SafeString, mark_safe

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
        return msgpack.unpackb(data, ext_hook=_restored, strict_map_key=False)
    except CacheValueError:
        raise
    except (ValueError, TypeError, ArithmeticError, KeyError, msgpack.exceptions.UnpackException) as error:
        raise CacheValueError(f"unreadable: {type(error).__name__}") from None


def _extended(value: Any) -> Any:
    """What msgpack does not know itself, as a numbered extension around plain data."""
    number, plain = _EXTENSIONS.get(type(value), (0, None))
    if plain is not None:
        return msgpack.ExtType(number, dumps(plain(value)))
    if isinstance(value, Enum):
        return msgpack.ExtType(_ENUM, dumps([*_path(type(value)), value.name]))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value) if field.init}
        return msgpack.ExtType(_DATACLASS, dumps([*_path(type(value)), fields]))
    raise TypeError(f"{type(value).__module__}.{type(value).__qualname__} is not plain data")


def _restored(number: int, data: bytes) -> Any:
    plain = msgpack.unpackb(data, ext_hook=_restored, strict_map_key=False)
    if restore := _RESTORE.get(number):
        return restore(plain)
    module, name, content = plain
    found: Any = _classes.get((module, name)) or _known_class(module, name)
    if issubclass(found, Enum) is (number == _ENUM):
        return found[content] if number == _ENUM else found(**content)
    raise CacheValueError(f"unreadable: {module}.{name} is another class here")


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


def _moment(plain: list[Any]) -> datetime:
    text, zone, fold = plain
    moment = datetime.fromisoformat(text).replace(fold=fold)
    return moment.replace(tzinfo=ZoneInfo(zone)) if zone else moment


def _hour(plain: list[Any]) -> time:
    return time.fromisoformat(plain[0]).replace(fold=plain[1])


def _plain_moment(moment: datetime) -> list[Any]:
    """A named zone keeps its name: an offset alone would be wrong after the next change of the clocks."""
    if isinstance(zone := moment.tzinfo, ZoneInfo) and zone.key:
        return [moment.replace(tzinfo=None).isoformat(), zone.key, moment.fold]
    return [moment.isoformat(), "", moment.fold]


_KINDS: Final[tuple[tuple[int, type, Packer, Packer], ...]] = (
    (1, tuple, list, tuple),
    (2, set, list, set),
    (3, frozenset, list, frozenset),
    (4, Decimal, str, Decimal),
    (5, UUID, lambda value: value.bytes, lambda plain: UUID(bytes=plain)),
    (6, datetime, _plain_moment, _moment),
    (7, date, date.isoformat, date.fromisoformat),
    (8, time, lambda value: [value.isoformat(), value.fold], _hour),
    (9, timedelta, lambda value: value // timedelta(microseconds=1), lambda plain: timedelta(microseconds=plain)),
    (10, int, hex, lambda plain: int(plain, 16)),  # beyond 64 bits
    # What a template fragment is: a plain text would be escaped a second time.
    (11, SafeString, str.__str__, mark_safe),
)
"""Number (stable: it stands in the store), type, to plain data, from plain data."""

_EXTENSIONS: Final = {kind: (number, plain) for number, kind, plain, _ in _KINDS}
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
