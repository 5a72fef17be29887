"""PostgreSQL and Valkey on loopback, as the generated project's own tests start them."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType


@contextlib.contextmanager
def postgres_and_valkey(project: Path) -> Iterator[dict[str, str]]:
    """Start both; gives the variables that lead to them, cache and broker in databases of their own."""
    servers = _servers(project)
    with servers.Home.open() as home, servers.postgres(home) as database, servers.valkey(home) as redis:
        yield {"DATABASE_URL": database, "REDIS_URL": redis, "CELERY_BROKER_URL": redis.removesuffix("/0") + "/1"}


def free_port(project: Path) -> int:
    """A port of loopback that nobody listens on now."""
    return int(_servers(project).free_port())


def _servers(project: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("generated_servers", project / "tests" / "servers.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)  # dataclasses look there
    spec.loader.exec_module(module)
    return module
