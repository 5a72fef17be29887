"""The class of django-twilio-call 0.1.9's configuration, which code elsewhere calls and checks against."""

from __future__ import annotations

from typing import Any

from .catalogue import Config
from .live import get_config


class _Old(type(Config)):  # type: ignore[misc]
    """Makes `PackageConfig()` the configuration there is, and that an instance of it."""

    def __call__(cls) -> Any:
        return get_config()

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, Config)


class PackageConfig(Config, metaclass=_Old):
    """The class of 0.1.9's configuration."""
