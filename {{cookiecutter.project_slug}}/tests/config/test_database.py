"""How long statements take, and where, and how long connections are kept."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from celery.fixups.django import DjangoWorkerFixup  # type: ignore[attr-defined]  # the stubs are behind
from celery.signals import task_postrun, task_prerun
from django.db import OperationalError, connection, connections

from config.celery import app
from config.database import bound_statements
from django_twilio_call.tasks import work
from tests.conf.deploys import environment
from tests.fakes import uses_postgres

ROOT = Path(__file__).parents[2]
TLS = {"sslmode": "verify-full", "sslrootcert": "/etc/ca.pem", "application_name": "calls"}
SETTINGS = """
import json
import django
django.setup()
from config.database import bound_statements
from django.db import connections
told = dict(connections.settings["default"])
bound_statements()
print(json.dumps([told, connections.settings["default"]["OPTIONS"]]))
"""


def database(url: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What Django is told of the database with this address, and the options of the web process then."""
    env = environment(DJANGO_SETTINGS_MODULE="config.settings.testing", DATABASE_URL=url, PATH=os.environ["PATH"])
    told, bounded = json.loads(subprocess.check_output([sys.executable, "-c", SETTINGS], cwd=ROOT, env=env))
    return told, bounded


def test_what_the_address_says_of_tls_is_kept() -> None:
    query = "&".join(f"{name}={value}" for name, value in TLS.items())

    told, bounded = database(f"postgres://app@db/calls?{query}&options=-c%20lock_timeout%3D900&conn_max_age=0")

    assert told["OPTIONS"] == {"connect_timeout": 2, "options": "-c lock_timeout=900", **TLS}
    assert bounded["options"] == "-c lock_timeout=900 -c statement_timeout=2000"
    assert (bounded["sslmode"], told["CONN_MAX_AGE"]) == ("verify-full", 0)


def test_an_address_that_says_nothing_more_has_the_time_outs_alone() -> None:
    told, bounded = database("postgres://app@db/calls")

    assert told["OPTIONS"] == {"connect_timeout": 2}
    assert bounded == {"connect_timeout": 2, "options": "-c statement_timeout=2000"}


def test_sqlite_has_its_busy_time_out_unless_the_address_has_another() -> None:
    told, _ = database("sqlite:///var/test.sqlite3?timeout=3")

    assert (told["OPTIONS"]["timeout"], told["OPTIONS"]["transaction_mode"]) == (3, "IMMEDIATE")


@pytest.fixture
def bounded() -> Iterator[None]:
    """A new connection, as the web process makes it, and the old kind afterwards."""
    before = connections.settings["default"]["OPTIONS"]
    connection.close()
    bound_statements()
    yield
    connection.close()
    connections.settings["default"]["OPTIONS"] = before


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(not uses_postgres(), reason="SQLite has one writer, and a busy time-out of its own")
def test_a_statement_there_takes_no_longer_than_a_caller_waits(bounded: None) -> None:
    with connection.cursor() as cursor, pytest.raises(OperationalError, match="statement timeout"):
        cursor.execute("SELECT pg_sleep(5)")


@pytest.mark.django_db(transaction=True)
def test_elsewhere_statements_take_their_time() -> None:
    assert "options" not in connection.settings_dict["OPTIONS"]


def take_another_task() -> None:
    """One task ends and the next begins: what Celery then does of itself, and what we have it do."""
    fixup = DjangoWorkerFixup(app)
    fixup.on_task_postrun(sender=work)
    task_postrun.send(sender=work)
    fixup.on_task_prerun(sender=work)
    task_prerun.send(sender=work)


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(not uses_postgres(), reason="SQLite's are not worth keeping")
def test_a_worker_keeps_its_connection_from_task_to_task() -> None:
    connection.ensure_connection()
    kept = connection.connection

    take_another_task()

    assert kept is not None
    assert connection.connection is kept


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(not uses_postgres(), reason="SQLite's cannot be ended by somebody else")
def test_a_worker_lets_go_of_a_connection_that_broke() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        mine = cursor.fetchone()[0]
    with psycopg.connect(**{**connection.get_connection_params(), "cursor_factory": None}) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [mine])

    take_another_task()

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        assert cursor.fetchone()[0] != mine
