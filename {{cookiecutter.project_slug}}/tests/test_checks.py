"""System checks: how many connections to the database there are, and how many are wanted."""

from __future__ import annotations

import pytest
from django.core.checks import run_checks
from django.test import override_settings

from django_twilio_call.conf import get_reading
from django_twilio_call.conf.reader import overridden
from tests.fakes import uses_postgres


def having(**values: int | str) -> override_settings:
    """With other values of some variables."""
    return override_settings(CALL_CENTER_READING=overridden(get_reading(), values, "this test"))


def told() -> list[str]:
    """What is said of the database when it may be asked."""
    ours = [message for message in run_checks(databases=["default"]) if message.id == "django_twilio_call.W002"]
    return [message.msg for message in ours]


@pytest.mark.django_db
def test_a_deploy_that_gets_its_connections_is_told_nothing() -> None:
    with having(DATABASE_CONNECTIONS=150, WEB_CONCURRENCY=2, WEB_THREADS=8):
        assert told() == []


@pytest.mark.django_db
def test_a_pod_that_wants_more_than_all_pods_have_is_named() -> None:
    with having(DATABASE_CONNECTIONS=15, WEB_CONCURRENCY=2, WEB_THREADS=8):
        (message,) = told()
    assert "up to 16" in message
    assert "DATABASE_CONNECTIONS says 15" in message


@pytest.mark.django_db
@pytest.mark.skipif(not uses_postgres(), reason="SQLite counts no connections")
def test_a_server_that_gives_fewer_is_named_unless_a_pooler_stands_before_it() -> None:
    with having(DATABASE_CONNECTIONS=1000):
        (message,) = told()
        assert "The server gives this role 197: DATABASE_CONNECTIONS says 1000" in message
    with having(DATABASE_CONNECTIONS=1000, DATABASE_POOLER="transaction"):
        assert told() == []
