"""What docs/operations.md says of PgBouncer, done: calls through a few connections, each lent for one transaction."""

from __future__ import annotations

import contextlib
import re
import shutil
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.callcenter import LAWS, CallCenter, running, stage
from tests.servers import Home, free_port, postgres, valkey

pytestmark = [pytest.mark.integration, pytest.mark.pgbouncer]
PAGE = Path(__file__).resolve().parents[2] / "docs" / "operations.md"
CALLS = 12
PROGRAM = """
import django; django.setup()
from django.contrib.auth.models import Permission
from django.db import connection
print(len(list(Permission.objects.iterator(chunk_size=5))) > 5, connection.settings_dict["DISABLE_SERVER_SIDE_CURSORS"])
"""


@contextlib.contextmanager
def pgbouncer(home: Home, database: str) -> Iterator[str]:
    """The page's pgbouncer.ini, with addresses of these tests and nobody's password; gives its DATABASE_URL."""
    program = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin")
    if program is None:
        pytest.skip("PgBouncer is missing (apt-get install pgbouncer)")
    port, behind = free_port(), database.rpartition(":")[2].partition("/")[0]
    (text,) = re.findall(r"^```ini\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    for page, here in (
        ("host=db.internal port=5432 dbname=calls", f"host=127.0.0.1 port={behind} dbname=postgres"),
        ("listen_port = 6432", f"listen_port = {port}\nunix_socket_dir ="),
        ("auth_type = scram-sha-256", "auth_type = trust"),
        ("auth_file = /etc/pgbouncer/userlist.txt", f"auth_file = {home.folder / 'users'}"),
        ("default_pool_size = 20", "default_pool_size = 5"),
    ):
        assert page in text
        text = text.replace(page, here)
    (home.folder / "pgbouncer.ini").write_text(text)
    (home.folder / "users").write_text('"postgres" ""\n')

    def ready() -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", port)) == 0

    with home.running([program, home.folder / "pgbouncer.ini"], ready, signal.SIGINT):
        yield f"postgres://postgres@127.0.0.1:{port}/calls"


@pytest.fixture(scope="module")
def addresses() -> Iterator[dict[str, str]]:
    """PostgreSQL, PgBouncer before it, and Valkey."""
    with Home.open() as home, valkey(home) as cache, postgres(home) as database, pgbouncer(home, database) as pooled:
        yield {"database": database, "pooled": pooled, "REDIS_URL": cache, "CELERY_BROKER_URL": f"{cache[:-1]}1"}


@pytest.fixture
def environment(addresses: dict[str, str], tmp_path: Path) -> Iterator[dict[str, str]]:
    """Of a deploy behind PgBouncer."""
    with stage(tmp_path) as env:
        servers = {name: addresses[name] for name in ("REDIS_URL", "CELERY_BROKER_URL")}
        yield {**env, **servers, "DATABASE_URL": addresses["pooled"], "DATABASE_POOLER": "transaction"}


def test_no_call_is_lost_with_fewer_connections_than_threads(
    addresses: dict[str, str], environment: dict[str, str], tmp_path: Path
) -> None:
    direct = {**environment, "DATABASE_URL": addresses["database"], "DATABASE_POOLER": "session"}
    CallCenter(tmp_path, direct).manage("migrate", "--verbosity", "0")  # past PgBouncer, as the page has it
    with running(tmp_path, environment) as center:
        figures = center.load(calls=CALLS, rate=4, agents=6)
    assert {name: figures[name] for name in LAWS} == dict.fromkeys(LAWS, 0), figures
    assert figures["received"] == CALLS
    assert center.run(PROGRAM) == "True True\n"


def test_the_bound_of_a_statement_is_the_poolers(addresses: dict[str, str]) -> None:
    found = {}
    for name in ("database", "pooled"):
        with psycopg.connect(addresses[name]) as connection:
            found[name] = connection.execute("SHOW statement_timeout").fetchone()
    assert found == {"database": ("0",), "pooled": ("2s",)}


def test_pgbouncer_refuses_what_is_not_told_of_it(addresses: dict[str, str]) -> None:
    """So a deploy that forgot DATABASE_POOLER is refused at once, rather than now and then."""
    options = "-c statement_timeout=2000"
    with pytest.raises(psycopg.OperationalError, match="unsupported startup parameter"):
        psycopg.connect(addresses["pooled"], options=options)
