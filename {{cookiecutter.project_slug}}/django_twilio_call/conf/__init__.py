"""How this deploy behaves: `get_config()`, one for each process, and one for the whole of a request or task.

An explicit value beats the stage's, the stage's beats the default; a Django setting of a variable's name beats all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..exceptions import ConfigurationError
from . import legacy
from .catalogue import Config
from .live import get_cache_timeout, get_config, get_reading, pin, unpin
from .reload import reload_config

__all__ = [
    "Config",
    "ConfigurationError",
    "get_batch_size",
    "get_cache_timeout",
    "get_config",
    "get_reading",
    "get_retry_config",
    "is_feature_enabled",
    "pin",
    "reload_config",
    "unpin",
]

legacy.install()


def get_batch_size(operation_type: str) -> int:
    """Rows this operation takes at a time."""
    return get_config().get_batch_size(operation_type)


def get_retry_config(operation_type: str) -> Mapping[str, Any]:
    """How often and how far apart this operation is tried again."""
    return get_config().get_retry_config(operation_type)


def is_feature_enabled(feature_name: str) -> bool:
    """Whether a feature is on."""
    return get_config().is_feature_enabled(feature_name)


def __getattr__(name: str) -> Any:
    """A name of django-twilio-call 0.1.9."""
    if name == "PackageConfig":
        from .package import PackageConfig

        legacy.warn("django_twilio_call.conf.PackageConfig", "Config")
        return PackageConfig
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
