"""System checks: a wrong deploy fails at `manage.py check`, before it takes a call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import DatabaseError, connections

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


LIMIT: Final = """
    SELECT least(
        current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int,
        (SELECT nullif(rolconnlimit, -1) FROM pg_roles WHERE rolname = current_user),
        (SELECT nullif(datconnlimit, -1) FROM pg_database WHERE datname = current_database())
    )
"""
"""How many connections the server gives this role in this database."""


@register(Tags.database)
def connection_budget(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """W002: the last pods to start would get no connection. Asked by `check --database default`, and by `migrate`."""
    try:
        config = get_config()
    except ConfigurationError:
        return []  # E001 speaks of that
    wanted, pod = config.database_connections, config.web_concurrency * config.web_threads
    found = []
    if pod > wanted:
        found.append(
            f"One web pod opens up to {pod}, WEB_CONCURRENCY times WEB_THREADS: DATABASE_CONNECTIONS says {wanted}."
        )
    if config.database_pooler == "session" and "default" in (databases or ()):
        given = _limit()
        if given is not None and given < wanted:
            found.append(f"The server gives this role {given}: DATABASE_CONNECTIONS says {wanted}.")
    hint = "Raise max_connections, put PgBouncer in between, or have fewer pods: docs/operations.md has the budget."
    return [Warning(f"Too few database connections. {each}", hint=hint, id="django_twilio_call.W002") for each in found]


def _limit() -> int | None:
    connection = connections["default"]
    if connection.vendor != "postgresql":
        return None
    try:
        with connection.cursor() as cursor:
            cursor.execute(LIMIT)
            return int(cursor.fetchone()[0])
    except DatabaseError:
        return None  # away: the health endpoint speaks of that
