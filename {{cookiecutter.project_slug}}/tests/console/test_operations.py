"""The operations page: what it shows, and to whom."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import timezone

from django_twilio_call.constants import OutboxKind
from django_twilio_call.models import Outbox, RunningProcess

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


def tell(pid: int, fingerprint: str = "same", **more: object) -> RunningProcess:
    now = timezone.now()
    return RunningProcess.objects.create(
        host="web-1", pid=pid, role="web", stage="testing", fingerprint=fingerprint, digests={}, started_at=now,
        **{"seen_at": now, **more},
    )  # fmt: skip


def text(client: Client) -> str:
    return client.get("/operations/live/", headers=HTMX).content.decode()


def test_it_is_for_staff(client: Client, admin_client: Client) -> None:
    client.force_login(get_user_model().objects.create(username="ada"))

    assert client.get("/operations/").status_code == 403
    assert Client().get("/operations/").headers["Location"].startswith("/accounts/login/")
    assert "Cache, by service" in admin_client.get("/operations/").content.decode()


def test_a_process_with_another_configuration_stands_out(admin_client: Client) -> None:
    for pid in (1, 2):
        tell(pid)
    tell(3, "other", pending=["PORT"])

    shown = text(admin_client)

    assert shown.count("unlike the others") == 1
    assert "PORT" in shown


def test_a_process_nobody_heard_of_lately_is_not_counted(admin_client: Client) -> None:
    tell(1, seen_at=timezone.now() - timedelta(hours=1))

    assert "No process has told that it runs." in text(admin_client)


def test_the_cache_of_all_processes_is_one_line_for_each_service(admin_client: Client) -> None:
    for pid in (1, 2):
        tell(pid, figures={"cache": {"ivr": {"hits": 3, "misses": 1}}})

    shown = text(admin_client)

    assert shown.count('<td role="cell" data-label="Hit rate">75.0%</td>') == 1


def test_what_waits_to_be_sent_is_shown_with_its_age(admin_client: Client) -> None:
    then = timezone.now() - timedelta(seconds=42)
    Outbox.objects.create(kind=OutboxKind.END_CALL, call_sid="CA1", not_before=then, created_at=then)

    assert "the oldest for 42 s" in text(admin_client)


def test_what_came_of_requests_to_twilio_is_added_up_and_doubt_is_named(admin_client: Client) -> None:
    tell(1, figures={"twilio": {"sent": 7, "opened": 1}})
    tell(2, figures={"twilio": {"sent": 5, "left_alone": 3}})
    now = timezone.now()
    Outbox.objects.create(kind=OutboxKind.CREATE_CALL, state="submission_unknown", not_before=now, created_at=now)

    shown = text(admin_client)

    assert '<td role="cell" data-label="Sent">12</td>' in shown
    assert '<td role="cell" data-label="Left alone">3</td>' in shown
    assert "1 time, for a while" in shown
    assert "1 in doubt, Twilio is asked" in shown
