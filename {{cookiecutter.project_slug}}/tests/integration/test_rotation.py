"""What docs/rotation.md says of the database's password, done on a PostgreSQL that asks for it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.callcenter import LAWS, CallCenter, running, stage
from tests.servers import Home, postgres

pytestmark = pytest.mark.integration
PAGE = Path(__file__).resolve().parents[2] / "docs" / "rotation.md"
ASKED = "host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n"


@pytest.fixture
def server() -> Iterator[str]:
    """The address of a PostgreSQL that wants everybody's password but the administrator's."""
    with Home.open() as home, postgres(home) as url:
        (home.folder / "data" / "pg_hba.conf").write_text(ASKED)
        run(url, "SELECT pg_reload_conf()")
        yield url


def run(url: str, sql: str) -> None:
    """Each statement by itself: a database is not made inside a transaction."""
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in filter(None, map(str.strip, sql.split(";"))):
            connection.execute(statement)


def as_role(server: str, role: str, password: str) -> str:
    return server.replace("postgres@", f"{role}:{password}@").removesuffix("postgres") + "calls"


def test_two_roles_take_turns_and_no_call_is_lost(server: str, tmp_path: Path) -> None:
    first, create, lock, again = re.findall(r"^```sql\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    run(server, first)
    old, new = as_role(server, "app_a", "the-first-one"), as_role(server, "app_b", "the-next-one")
    with stage(tmp_path) as env, psycopg.connect(old, autocommit=True) as held:
        CallCenter(tmp_path, {**env, "DATABASE_URL": old}).manage("migrate", "--verbosity", "0")
        run(server, create)
        with running(tmp_path, {**env, "DATABASE_URL": new}) as center:
            figures = center.load(calls=4, rate=4, agents=4)
        assert {name: figures[name] for name in LAWS} == dict.fromkeys(LAWS, 0), figures
        run(new, "ALTER TABLE django_twilio_call_call ADD COLUMN later integer")  # which the other role made
        run(server, lock)
        # A pod of the old release that is still there goes on, with what the new one wrote.
        assert held.execute("SELECT count(later), count(*) > 0 FROM django_twilio_call_call").fetchone() == (0, True)

    with pytest.raises(psycopg.OperationalError, match=r"not permitted to log in|password authentication failed"):
        psycopg.connect(old)
    run(server, again)
    psycopg.connect(as_role(server, "app_a", "a-third-one")).close()
