"""How long statements take, and where."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import OperationalError, connection, connections

from config.database import bound_statements
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
