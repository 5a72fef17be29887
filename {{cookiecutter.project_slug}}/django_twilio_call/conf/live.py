"""The configuration in force: one for each process, and one for the whole of an operation.

A request or a task begins with `pin()` and ends with `unpin()`; in between `get_config()` gives the same object,
however often it is asked and whatever is reloaded meanwhile. Outside of operations it gives the newest.
"""

from __future__ import annotations

import os
import threading
from contextvars import ContextVar, Token
from typing import Any, Final

from django.conf import settings
from django.core.signals import setting_changed

from .catalogue import Config, variables
from .envfiles import loaded
from .reader import Reading, overridden, reading

OVERRIDABLE: Final = ("DJANGO_TWILIO_", "TWILIO_", "OIDC_", "PUBLIC_BASE_URL")
"""Beginnings of the names that count when Django's settings have them; other names there are Django's own."""

_pinned: Final[ContextVar[Config | None]] = ContextVar("django_twilio_call_config", default=None)
_current: Config | None = None
_reading: Reading | None = None
_lock = threading.RLock()

# While all operations under way have the same configuration, as they have but for a moment after a reload, it is read
# from here, at half the price of a context variable. `_timeouts` is a copy of its table for the same reason.
_common: Config | None = None
_timeouts: dict[str, int] = {}
_under_way: Final[dict[int, Config]] = {}


def get_config() -> Config:
    """The configuration of this operation, or else of this process. Raises `ConfigurationError` with every problem."""
    return _common or _own()


def get_cache_timeout(service_type: str) -> int:
    """Seconds an answer of this service stays in the cache."""
    try:
        return _timeouts[service_type]
    except KeyError:
        return _own().get_cache_timeout(service_type)


def _own() -> Config:
    return _pinned.get() or _current or get_reading().config


def get_reading() -> Reading:
    """The newest configuration, with where each value came from."""
    with _lock:
        if _reading is None:
            _put(with_settings(getattr(settings, "CALL_CENTER_READING", None) or from_environment()))
        return _reading  # type: ignore[return-value]  # _put has set it


def put(reading_: Reading) -> None:
    """Make this the configuration in force. Operations under way keep theirs."""
    with _lock:
        _put(reading_)


def forget() -> None:
    """Read again at the next use."""
    global _current, _reading, _common, _timeouts  # noqa: PLW0603  # one for each process, by design
    with _lock:
        _current = _reading = _common = None
        _timeouts = {}


def pin() -> Token[Config | None]:
    """Begin an operation: until `unpin`, this thread or coroutine sees one configuration."""
    with _lock:
        config = _own()
        token = _pinned.set(config)
        _under_way[id(token)] = config
        return token


def unpin(token: Token[Config | None]) -> None:
    """End the operation."""
    _pinned.reset(token)
    with _lock:
        del _under_way[id(token)]
        if _common is None:
            _settle()


def from_environment() -> Reading:
    """What environment and mounted files say now."""
    stage = os.environ.get("DJANGO_SETTINGS_MODULE", "").rpartition(".")[2]
    return reading(os.environ, stage, where=loaded(os.environ))


def with_settings(before: Reading) -> Reading:
    """The reading with what Django's settings say under the name of one of our variables."""
    names = [name for name in variables() if name.startswith(OVERRIDABLE) and hasattr(settings, name)]
    return overridden(before, {name: getattr(settings, name) for name in names}, "Django settings") if names else before


def _put(reading_: Reading) -> None:
    global _current, _reading, _common, _timeouts
    _common, _timeouts = None, {}
    _current, _reading = reading_.config, reading_
    _settle()


def _settle() -> None:
    """Once no operation is left that began with another configuration, all may read the common one."""
    global _common, _timeouts
    if _current is not None and all(config is _current for config in _under_way.values()):
        _common, _timeouts = _current, dict(_current.cache_timeouts)


def _forget(*, setting: str, **_: Any) -> None:
    """A test overrides a setting."""
    if setting.startswith((*OVERRIDABLE, "CALL_CENTER_READING")):
        forget()


setting_changed.connect(_forget, dispatch_uid="django_twilio_call.conf")
