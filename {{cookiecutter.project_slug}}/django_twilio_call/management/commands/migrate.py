"""`manage.py migrate` beside processes that serve calls: it waits for no lock for long, and tries again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from django.core.management.commands import migrate
from django.db import OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from ...conf import get_config

T = TypeVar("T")

LOCK_SECONDS: Final = 2
"""All that wants a table stands behind whoever waits to change it: so long a caller may hear nothing."""
ATTEMPTS: Final = 30
PAUSE_SECONDS: Final = 1.0
"""What stood behind goes on meanwhile."""


class Command(migrate.Command):
    """Django's, with patience. A migration that was broken off has changed nothing: it is done whole or not at all."""

    def handle(self, *args: Any, **options: Any) -> str | None:
        """Migrate, as often as it takes."""
        connection = connections[options["database"]]
        with short_locks(connection):
            return patiently(lambda: super(Command, self).handle(*args, **options), say=self.stderr.write)


@contextmanager
def short_locks(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """A block in which PostgreSQL gives up a lock it waits for. What PgBouncer lends to many keeps its own setting."""
    if connection.vendor != "postgresql" or get_config().database_pooler != "session":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = '{LOCK_SECONDS}s'")
    try:
        yield
    finally:
        if not connection.in_atomic_block:  # whose end takes the setting back
            connection.close()


def patiently(
    act: Callable[[], T], *, say: Callable[[str], object], sleep: Callable[[float], object] = time.sleep
) -> T:
    """Do it, and again while it meets somebody's locks. Raises `OperationalError` for anything else, and in the end."""
    attempt = 0
    while True:
        attempt += 1
        try:
            return act()
        except OperationalError as error:
            if attempt == ATTEMPTS or not _met_a_lock(error):
                raise
            say(f"Attempt {attempt} of {ATTEMPTS} met a lock: {str(error).splitlines()[0]}")
            sleep(PAUSE_SECONDS)


def _met_a_lock(error: OperationalError) -> bool:
    """Whether PostgreSQL broke it off for the sake of others: 40P01 deadlock_detected, 55P03 lock_not_available."""
    return getattr(error.__cause__, "sqlstate", None) in ("40P01", "55P03")
