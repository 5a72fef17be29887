"""How long statements take, and where, and how long connections are kept."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from celery.fixups.django import DjangoWorkerFixup  # type: ignore[attr-defined]  # the stubs are behind
from celery.signals import task_postrun, task_prerun
from django.db import OperationalError, connection, connections

from config.celery import app
from config.database import bound_statements
from django_twilio_call.tasks import work
from tests.fakes import uses_postgres


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
