"""Deprecated: the settings of django-twilio-call 0.1. Use `conf.get_config()` and `constants`."""

from __future__ import annotations

import warnings
from typing import Any

warnings.warn(
    "django_twilio_call.settings is deprecated: use django_twilio_call.conf.get_config() and "
    "django_twilio_call.constants",
    DeprecationWarning,
    stacklevel=2,
)


def validate_settings() -> None:
    """Raise `ConfigurationError` where something is wrong, as any use of the configuration does."""
    from .conf import get_config

    get_config()


def __getattr__(name: str) -> Any:
    """A setting by its old name, in capitals: read from the configuration at each use."""
    from .conf import get_config
    from .conf.legacy import old_value

    try:
        return old_value(get_config(), name.removeprefix("DJANGO_TWILIO_"))
    except AttributeError:
        raise AttributeError(f"django_twilio_call.settings has no {name}") from None
