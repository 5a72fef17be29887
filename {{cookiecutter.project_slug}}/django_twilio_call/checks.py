"""System checks: a wrong deploy fails at `manage.py check`, before it takes a call."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Error, Warning, register

from .cache import get_cache_manager
from .conf import get_config
from .exceptions import CacheError, ConfigurationError


@register("django_twilio_call")
def configuration(**_: Any) -> list[CheckMessage]:
    """E001: one for each problem of the configuration that Django's settings bring in."""
    try:
        get_config()
    except ConfigurationError as error:
        return [Error(problem, id="django_twilio_call.E001") for problem in error.problems]
    return []


@register("django_twilio_call", "caches")
def eviction_policy(**_: Any) -> list[CheckMessage]:
    """W001: a Redis that refuses writes when it is full keeps nothing from then on, though it loses nothing either."""
    try:
        server = get_cache_manager().get_cache_stats()["server"]
    except (CacheError, ConfigurationError):
        return []  # away, or it does not tell: E001 and the health endpoint speak of that
    if not server.get("maxmemory") or server["maxmemory_policy"] != "noeviction":
        return []
    return [
        Warning(
            "The cache server has a limit (maxmemory) and the policy noeviction: once full, it keeps no new answers.",
            hint="Set maxmemory-policy to allkeys-lru or allkeys-lfu.",
            id="django_twilio_call.W001",
        )
    ]
