"""Every leg that lives at Twilio is justified by a row, or ended; every row of a live leg is of one that lives."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from pytest_django import Settings

from django_twilio_call.conf import get_config
from django_twilio_call.constants import OutboxState
from django_twilio_call.exceptions import TelephonyError
from django_twilio_call.models import Agent, Call, Outbox
from django_twilio_call.services import ReapingService, reaping
from tests.fakes import NUMBER, FakeTelephony, call_sid

pytestmark = pytest.mark.django_db

LATER = timedelta(minutes=1)
LEG = call_sid(1)


@pytest.fixture(autouse=True)
def _our_number(monkeypatch: pytest.MonkeyPatch, settings: object) -> None:
    monkeypatch.setattr(settings, "TWILIO_PHONE_NUMBER", NUMBER, raising=False)


def live(now: datetime, sid: str = LEG, **fields: object) -> Call:
    return Call.objects.create(sid=sid, from_number="+1", to_number=NUMBER, started_at=now, **fields)


def compare(telephony: FakeTelephony, now: datetime) -> list[str]:
    """The legs that are told to end."""
    ReapingService(telephony=telephony).compare(now=now)
    return list(Outbox.objects.values_list("call_sid", flat=True))


@pytest.mark.parametrize("status", ["completed", "no-answer", "busy", None])
def test_a_leg_that_has_ended_and_nobody_told_is_closed_as_twilio_says(
    telephony: FakeTelephony, now: datetime, status: str | None
) -> None:
    live(now)
    if status:
        telephony.knows(LEG, status=status, duration=7)

    compare(telephony, now + LATER)

    call = Call.objects.get()
    assert (call.status, call.ended_at) == (status or "failed", now + LATER)
    assert call.duration == (7 if status else None)


def test_a_leg_that_lives_and_one_that_has_just_begun_are_left_alone(telephony: FakeTelephony, now: datetime) -> None:
    live(now)
    live(now + LATER, call_sid(2))
    telephony.knows(LEG)

    assert compare(telephony, now + LATER) == []
    assert not Call.objects.exclude(ended_at=None).exists()


def test_a_leg_beyond_what_was_read_is_asked_for_and_lives_on(
    telephony: FakeTelephony, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reaping, "MOST", 1)
    for number in (1, 2):
        live(now, call_sid(number))
        telephony.knows(call_sid(number))

    compare(telephony, now + LATER)

    assert ("call", call_sid(2)) in telephony.asked
    assert Call.objects.get(sid=call_sid(2)).checked_at == now + LATER
    assert Call.objects.live().count() == 2


def test_a_leg_that_is_over_here_and_lives_there_is_ended_and_told_again(
    telephony: FakeTelephony, now: datetime
) -> None:
    live(now, status="completed", ended_at=now)
    telephony.knows(LEG, created_at=now)

    assert compare(telephony, now + LATER) == [LEG]
    assert compare(telephony, now + LATER + timedelta(seconds=30)) == [LEG]
    Outbox.objects.update(state=OutboxState.DONE)
    assert compare(telephony, now + 3 * LATER) == [LEG, LEG]


def test_an_agents_leg_that_nobody_knows_is_ended(agent: Agent, telephony: FakeTelephony, now: datetime) -> None:
    telephony.knows(LEG, from_number=f"client:{agent.identity}", created_at=now)
    telephony.knows(call_sid(2), from_number="client:agent_999999", created_at=now)
    telephony.knows(call_sid(3), from_number="client:somebody", created_at=now)

    assert compare(telephony, now + LATER) == [LEG]


def test_an_agents_leg_of_another_deploy_of_the_account_is_left_alone(
    agent: Agent, telephony: FakeTelephony, now: datetime, settings: Settings
) -> None:
    of_another = f"client:{agent.identity}"
    settings.DJANGO_TWILIO_NAMESPACE = "staging"
    telephony.knows(LEG, from_number=of_another, to_number="", created_at=now)
    telephony.knows(call_sid(2), from_number=f"client:{agent.identity}", to_number="", created_at=now)
    assert compare(telephony, now + LATER) == [call_sid(2)]

    settings.DJANGO_TWILIO_NAMESPACE = ""
    assert compare(telephony, now + 3 * LATER) == [call_sid(2), LEG]


def test_a_caller_whom_nobody_knows_is_remembered_and_not_hung_up_on(telephony: FakeTelephony, now: datetime) -> None:
    telephony.knows(LEG, created_at=now)
    telephony.knows(call_sid(2), created_at=now, to_number="+15550999999")

    assert compare(telephony, now + LATER) == []
    assert list(Call.objects.values_list("sid", flat=True)) == [LEG]


@pytest.mark.parametrize(("state", "ended"), [("failed", [LEG]), ("submission_unknown", []), (None, [])])
def test_a_call_we_made_is_ended_when_nobody_asks_for_it_any_more(
    telephony: FakeTelephony, now: datetime, state: str | None, ended: list[str]
) -> None:
    telephony.knows(LEG, created_at=now, direction="outbound-api", from_number=NUMBER, to_number="+1415")
    if state:
        Outbox.objects.create(
            kind="create_call", state=state, to_number="+1415", sent_at=now, not_before=now, created_at=now
        )

    ReapingService(telephony=telephony).compare(now=now + LATER)

    assert list(Outbox.objects.filter(kind="end_call").values_list("call_sid", flat=True)) == ended


def test_a_call_without_a_date_was_made_just_now_and_is_left_alone(
    agent: Agent, telephony: FakeTelephony, now: datetime
) -> None:
    telephony.knows(LEG, status="queued", created_at=None, from_number=f"client:{agent.identity}")
    telephony.knows(call_sid(2), created_at=now, from_number=f"client:{agent.identity}")

    assert compare(telephony, now + LATER) == [call_sid(2)]


def test_one_worker_compares_at_a_time(telephony: FakeTelephony, now: datetime) -> None:
    every = timedelta(seconds=get_config().reconcile_interval)
    for at in (now, now, now + every / 2, now + every):
        compare(telephony, at)

    assert telephony.asked == [("live",), ("live",)]


def test_where_twilio_does_not_answer_nothing_is_concluded(telephony: FakeTelephony, now: datetime) -> None:
    live(now)
    telephony.error = TelephonyError("no answer", retryable=True)

    compare(telephony, now + LATER)

    assert Call.objects.get().ended_at is None
