"""The project set up in this process, over real servers from wheels; peers where they are installed."""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

PROJECT: Final = Path(__file__).resolve().parent.parent.parent / "{{cookiecutter.project_slug}}"
PEERS: Final = {
    "django-redis": "django_redis",
    "dogpile.cache": "dogpile.cache",
    "cacheops": "cacheops",
    "cachalot": "cachalot",
}
"""Name -> what is imported."""

if str(PROJECT) not in sys.path:
    sys.path.insert(0, str(PROJECT))


def has(peer: str) -> bool:
    """Whether a peer is installed."""
    module = PEERS[peer]
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


@contextlib.contextmanager
def servers(*, database: bool = False) -> Iterator[str]:
    """A Valkey of our own, and a PostgreSQL if wanted, in the environment of this process and of its children."""
    from tests.servers import Home, postgres, valkey

    with Home.open() as home, contextlib.ExitStack() as stack:
        url: str = stack.enter_context(valkey(home))
        where = stack.enter_context(postgres(home)) if database else f"sqlite:///{home.folder / 'db.sqlite3'}"
        os.environ |= {"REDIS_URL": url, "DATABASE_URL": where}
        yield url


def set_up(*, query_caches: bool = False, patient: bool = False, **timeouts: int) -> None:
    """Django with the project's settings, and other caches beside its own; `timeouts` are services', in seconds.

    `query_caches`: those that put themselves between models and database too, for all there is in this process.
    `patient`: the cache's server may take its time, where a busy machine is not what is measured.
    """
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings.testing"
    for name in ("DJANGO_SECRET_KEY", "TWILIO_AUTH_TOKEN"):
        os.environ.setdefault(name, secrets.token_urlsafe(48))
    os.environ |= {f"DJANGO_TWILIO_CACHE_TIMEOUT_{name.upper()}": str(value) for name, value in timeouts.items()}
    import django
    from django.conf import settings

    url = os.environ["REDIS_URL"]
    settings.CACHES = {**settings.CACHES, **_caches(url)}
    if patient:
        settings.CACHES["default"]["OPTIONS"] = {"socket_timeout": 30, "socket_connect_timeout": 30}
    settings.LOGGING = {"version": 1, "root": {"level": "CRITICAL"}}
    if query_caches and has("cacheops"):
        settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, "cacheops"]
        settings.CACHEOPS_REDIS = f"{url[:-1]}2"
        settings.CACHEOPS = {"django_twilio_call.queue": {"ops": (), "timeout": 300}}
    if query_caches and has("cachalot"):
        settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, "cachalot"]
        settings.CACHALOT_CACHE = "django-redis" if has("django-redis") else "django"
        settings.CACHALOT_ONLY_CACHABLE_TABLES = frozenset({"django_twilio_call_queue"})
    django.setup()


def _caches(url: str) -> dict[str, Any]:
    """Django's own backend, with its ways of serialising, and django-redis, each in a database of its own."""
    caches: dict[str, Any] = {
        "django": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": f"{url[:-1]}3"}
    }
    if has("django-redis"):
        caches["django-redis"] = {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": f"{url[:-1]}4"}
    return caches
