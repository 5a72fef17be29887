"""Migrating while calls are served: whoever holds a table is not waited for long, and the migration is tried again."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection
from django.db.models import Index
from pytest_django import Settings

from django_twilio_call.management.commands.migrate import (
    ATTEMPTS,
    LOCK_SECONDS,
    indexes_anew,
    patiently,
    short_locks,
)
from django_twilio_call.models import Call

TABLE = Call._meta.db_table

on_postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")


class Held:
    """A table that somebody else reads from in a transaction, until they are let go."""

    def __init__(self) -> None:
        self._held, self._over = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._hold)

    def __enter__(self) -> Held:
        self._thread.start()
        assert self._held.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self.let_go()

    def let_go(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _hold(self) -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute(f"BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1 FROM {TABLE}")  # as a backup does
                self._held.set()
                self._over.wait(60)
                cursor.execute("ROLLBACK")
        finally:
            connection.close()


def alter() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {TABLE} ADD COLUMN meanwhile integer; ALTER TABLE {TABLE} DROP COLUMN meanwhile")


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_a_migration_that_meets_a_lock_is_tried_again() -> None:
    told: list[str] = []
    with Held() as held, short_locks(connection):
        patiently(alter, say=told.append, sleep=held.let_go)

    (line,) = told
    assert line == f"Attempt 1 of {ATTEMPTS} met a lock: canceling statement due to lock timeout"


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_the_locks_of_others_are_theirs_again_afterwards() -> None:
    with short_locks(connection), connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == (f"{LOCK_SECONDS}s",)
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("0",)


MEANWHILE = Index(fields=["duration"], name="meanwhile")


@pytest.fixture
def no_index() -> Iterator[None]:
    yield
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX IF EXISTS meanwhile")


def add_index() -> None:
    """As `AddIndexConcurrently` does."""
    with connection.schema_editor(atomic=False) as editor:
        editor.add_index(Call, MEANWHILE, concurrently=True)  # type: ignore[call-arg]  # PostgreSQL's takes it


def is_valid() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = 'meanwhile'::regclass")
        return bool(cursor.fetchone()[0])


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_an_index_made_meanwhile_waits_for_a_backup_to_end(no_index: None) -> None:
    with Held() as held, short_locks(connection):
        backup = threading.Timer(LOCK_SECONDS + 1, held.let_go)
        backup.start()
        add_index()
        backup.join()
        with connection.cursor() as cursor:
            cursor.execute("SHOW lock_timeout")
            assert cursor.fetchone() == (f"{LOCK_SECONDS}s",)

    assert is_valid()


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_an_index_that_was_broken_off_is_made_anew(no_index: None) -> None:
    with Held(), connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '100ms'")
        with pytest.raises(OperationalError, match="lock timeout"):
            add_index()
        cursor.execute("RESET lock_timeout")
    assert not is_valid()

    with indexes_anew(connection):
        add_index()

    assert is_valid()


def test_whatever_else_is_wrong_is_said_at_once() -> None:
    asked: list[int] = []

    def act() -> None:
        asked.append(1)
        raise OperationalError("the disk is full")

    with pytest.raises(OperationalError, match="the disk is full"):
        patiently(act, say=print, sleep=print)

    assert asked == [1]


def a_deadlock() -> OperationalError:
    error = OperationalError("deadlock detected")
    error.__cause__ = Exception()
    error.__cause__.sqlstate = "40P01"  # type: ignore[attr-defined]  # as psycopg's have it
    return error


def test_a_lock_that_is_never_let_go_is_an_error_in_the_end() -> None:
    asked: list[int] = []

    def act() -> None:
        asked.append(1)
        raise a_deadlock()

    with pytest.raises(OperationalError, match="deadlock"):
        patiently(act, say=lambda _: None, sleep=lambda _: None)

    assert len(asked) == ATTEMPTS


def test_how_often_is_the_databases_rule_where_that_is_more_patient(settings: Settings) -> None:
    settings.DJANGO_TWILIO_RETRY_DATABASE_MAX_RETRIES = ATTEMPTS
    asked: list[int] = []

    def act() -> None:
        asked.append(1)
        raise a_deadlock()

    with pytest.raises(OperationalError, match="deadlock"):
        patiently(act, say=lambda _: None, sleep=lambda _: None)

    assert len(asked) == 1 + ATTEMPTS


@pytest.mark.django_db
def test_migrate_is_ours() -> None:
    call_command("migrate", "--check", verbosity=0)
    from django.core.management import get_commands

    assert get_commands()["migrate"] == "django_twilio_call"
