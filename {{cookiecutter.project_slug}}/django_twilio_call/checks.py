"""System checks: a wrong deploy fails at `manage.py check`, before it takes a call."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Error, register

from .conf import get_config
from .exceptions import ConfigurationError


@register("django_twilio_call")
def configuration(**_: Any) -> list[CheckMessage]:
    """E001: one for each problem of the configuration that Django's settings bring in."""
    try:
        get_config()
    except ConfigurationError as error:
        return [Error(problem, id="django_twilio_call.E001") for problem in error.problems]
    return []
