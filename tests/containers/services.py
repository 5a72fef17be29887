"""PostgreSQL and Valkey on loopback, as the generated project's own tests start them."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

# In a process of its own, which sees the project as its tests do, and which ends when its stdin does.
SERVERS = """
import json, sys
from tests.servers import Home, postgres, valkey
with Home.open() as home, postgres(home) as database, valkey(home) as redis:
    print(json.dumps([database, redis]), flush=True)
    sys.stdin.read()
"""


@contextlib.contextmanager
def postgres_and_valkey(project: Path) -> Iterator[dict[str, str]]:
    """Start both; gives the variables that lead to them, cache and broker in databases of their own."""
    argv = [sys.executable, "-c", SERVERS]
    with subprocess.Popen(argv, cwd=project, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, "the servers did not start: what they say stands above"
        database, redis = json.loads(line)
        yield {"DATABASE_URL": database, "REDIS_URL": redis, "CELERY_BROKER_URL": redis.removesuffix("/0") + "/1"}
        process.communicate()


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
