"""Whether the services that the whole deploy shares answer. No probe asks this: a process without them still serves."""

from __future__ import annotations

import redis
from django.db import DatabaseError, InterfaceError, connection
from kombu import Connection
from kombu.exceptions import OperationalError
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from .conf import get_config

SECONDS = 1
"""How long cache and broker may take. The database has the limits it has for callers."""


def dependencies() -> dict[str, bool]:
    """Each by its name; what this deploy does without is not named."""
    config = get_config()
    found = {"database": _database()}
    if config.redis_url:
        found["cache"] = _cache(config.redis_url)
    if config.celery_broker_url:
        found["broker"] = _broker(config.celery_broker_url)
    return found


def _database() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except (DatabaseError, InterfaceError):
        return False
    return True


def _cache(url: str) -> bool:
    options = {"socket_timeout": SECONDS, "socket_connect_timeout": SECONDS, "retry": Retry(NoBackoff(), 0)}
    try:
        with redis.Redis.from_url(url, **options) as client:
            return bool(client.ping())
    except (RedisError, OSError):
        return False


def _broker(url: str) -> bool:
    options = {"socket_timeout": SECONDS, "socket_connect_timeout": SECONDS}
    try:
        with Connection(url, connect_timeout=SECONDS, transport_options=options) as broker:
            broker.ensure_connection(max_retries=1, timeout=SECONDS, interval_start=0, interval_step=0)
    except (OperationalError, RedisError, OSError):
        return False
    return True
