"""How this deploy behaves: `get_config()`, one for each process.

An explicit value beats the stage's, the stage's beats the default; a Django setting of a variable's name beats all.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from django.conf import settings
from django.core.signals import setting_changed

from ..exceptions import ConfigurationError
from .catalogue import Config, declarations
from .reader import Problem, read

__all__ = [
    "Config",
    "get_batch_size",
    "get_cache_timeout",
    "get_config",
    "get_retry_config",
    "is_feature_enabled",
    "reload_config",
]

OVERRIDABLE: Final = ("DJANGO_TWILIO_", "TWILIO_", "PUBLIC_BASE_URL")
"""Beginnings of the names that count when Django's settings have them; other names there are Django's own."""

_current: Config | None = None
_lock = threading.Lock()


def get_config() -> Config:
    """The configuration of this process, read once. Raises `ConfigurationError` with every problem."""
    return _current if _current is not None else _load()


def reload_config() -> Config:
    """Read again what Django's settings say, as `override_settings` does by itself."""
    global _current  # noqa: PLW0603  # one for each process, by design
    _current = None
    return get_config()


def get_cache_timeout(service_type: str) -> int:
    """Seconds an answer of this service stays in the cache."""
    return get_config().get_cache_timeout(service_type)


def get_batch_size(operation_type: str) -> int:
    """Rows this operation takes at a time."""
    return get_config().get_batch_size(operation_type)


def get_retry_config(operation_type: str) -> Mapping[str, Any]:
    """How often and how far apart this operation is tried again."""
    return get_config().get_retry_config(operation_type)


def is_feature_enabled(feature_name: str) -> bool:
    """Whether a feature is on."""
    return get_config().is_feature_enabled(feature_name)


def _load() -> Config:
    global _current  # noqa: PLW0603  # one for each process, by design
    with _lock:
        if _current is None:
            read_by_settings: Config | None = getattr(settings, "CALL_CENTER_CONFIG", None)
            stage = os.environ.get("DJANGO_SETTINGS_MODULE", "").rpartition(".")[2]
            _current = _overridden(read_by_settings or read(os.environ, stage))
        return _current


def _overridden(config: Config) -> Config:
    """The configuration with what Django's settings say under the name of one of our variables."""
    changes: dict[str, Any] = {}
    problems = []
    for name, key, declared in declarations():
        if not declared.name.startswith(OVERRIDABLE) or not hasattr(settings, declared.name):
            continue
        value = getattr(settings, declared.name)
        try:
            value = declared.type.read(value if isinstance(value, str) else declared.type.write(value))
        except (ValueError, TypeError):
            shown = "(hidden)" if declared.secret else repr(value)
            problems.append(Problem(declared.name, f"must be {declared.type.rule}", "Django settings", shown))
            continue
        changes |= {name: value} if key is None else _in_table(config, changes, name, key, value)
    if problems:
        raise ConfigurationError(problems)
    return replace(config, **changes) if changes else config


def _in_table(config: Config, changes: dict[str, Any], name: str, key: str, value: Any) -> dict[str, Any]:
    """The table `name` with one value changed; retries nest one deeper, by operation and field."""
    table = dict(changes.get(name, getattr(config, name)))
    operation, _, inner = key.partition(".")
    table[operation] = MappingProxyType({**table[operation], inner: value}) if inner else value
    return {name: MappingProxyType(table)}


def _forget(*, setting: str, **_: Any) -> None:
    """A test overrides a setting: read again at the next use."""
    global _current  # noqa: PLW0603  # one for each process, by design
    if setting.startswith((*OVERRIDABLE, "CALL_CENTER_CONFIG")):
        _current = None


setting_changed.connect(_forget, dispatch_uid="django_twilio_call.conf")
