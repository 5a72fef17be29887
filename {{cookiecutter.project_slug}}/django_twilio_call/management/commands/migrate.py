"""`manage.py migrate` beside processes that serve calls: it waits for no lock for long, and tries again."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from django.core.management.commands import migrate
from django.db import OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from ...conf import get_config
from ...retry import Backoff

T = TypeVar("T")

LOCK_SECONDS: Final = 2
"""All that wants a table stands behind whoever waits to change it: so long a caller may hear nothing."""
ATTEMPTS: Final = 30
PATIENCE: Final = Backoff(max_retries=ATTEMPTS - 1, base_delay=1, max_delay=1, multiplier=1)
"""What stood behind goes on in each pause."""
_CREATES: Final = re.compile(r'CREATE (?:UNIQUE )?INDEX CONCURRENTLY (?:IF NOT EXISTS )?("[^"]+"|\w+)')


class Command(migrate.Command):
    """Django's, with patience. An atomic migration that was broken off has changed nothing; of one that is not, each
    operation may be done again: of an index that was to be made meanwhile nothing may be left.
    """

    def handle(self, *args: Any, **options: Any) -> str | None:
        """Migrate, as often as it takes."""
        connection = connections[options["database"]]
        with short_locks(connection), indexes_anew(connection):
            return patiently(lambda: super(Command, self).handle(*args, **options), say=self.stderr.write)


@contextmanager
def short_locks(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """A block in which PostgreSQL gives up a lock it waits for. What PgBouncer lends to many keeps its own setting."""
    if connection.vendor != "postgresql" or get_config().database_pooler != "session":
        yield
        return

    def limit(seconds: int) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"SET lock_timeout = '{seconds}s'")

    def unhurried(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        """What is done CONCURRENTLY waits for old transactions, such as a backup's, and nobody stands behind it."""
        if "CONCURRENTLY" not in sql:
            return execute(sql, *rest)
        limit(0)
        try:
            return execute(sql, *rest)
        finally:
            if connection.is_usable():
                limit(LOCK_SECONDS)

    limit(LOCK_SECONDS)
    try:
        with connection.execute_wrapper(unhurried):
            yield
    finally:
        if not connection.in_atomic_block:  # whose end takes the setting back
            connection.close()


@contextmanager
def indexes_anew(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """A block in which an index that was broken off half made (PostgreSQL keeps it, invalid) is made anew."""

    def anew(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if made := _CREATES.match(sql):
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT 1 FROM pg_index WHERE indexrelid = to_regclass(%s) AND NOT indisvalid", made.groups()
                )
                if cursor.fetchone():
                    cursor.execute(f"DROP INDEX CONCURRENTLY {made[1]}")
        return execute(sql, *rest)

    if connection.vendor != "postgresql":
        yield
        return
    with connection.execute_wrapper(anew):
        yield


def patiently(
    act: Callable[[], T], *, say: Callable[[str], object], sleep: Callable[[float], object] = time.sleep
) -> T:
    """Do it, and again while it meets somebody's locks. Raises `OperationalError` for anything else, and in the end."""
    backoff = Backoff.from_config(get_config().get_retry_config("database")).within(PATIENCE)
    attempts = 1 + backoff.max_retries
    attempt = 0
    while True:
        attempt += 1
        try:
            return act()
        except OperationalError as error:
            if attempt == attempts or not _met_a_lock(error):
                raise
            say(f"Attempt {attempt} of {attempts} met a lock: {str(error).splitlines()[0]}")
            sleep(backoff.delay(attempt))


def _met_a_lock(error: OperationalError) -> bool:
    """Whether PostgreSQL broke it off for the sake of others: 40P01 deadlock_detected, 55P03 lock_not_available."""
    return getattr(error.__cause__, "sqlstate", None) in ("40P01", "55P03")
