"""Commands to Twilio: sent after the commit, again when that is safe, and never to a caller who is already talking."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from django_twilio_call.constants import OutboxKind, OutboxState, QueueEntryState, ReservationState
from django_twilio_call.exceptions import CallNotInProgress, TelephonyError
from django_twilio_call.models import Agent, Call, Outbox, Queue, QueueEntry, Reservation
from django_twilio_call.services import OutboxService, RoutingService
from tests.fakes import FakeTelephony, call_sid

from .test_routing import waiting

pytestmark = pytest.mark.django_db


@pytest.fixture
def command(queue: Queue, agent: Agent, now: datetime) -> Outbox:
    """The caller of an agent who has joined is to be fetched."""
    entry = waiting(queue, 1, now)
    RoutingService().route(now=now)
    leg = Call.objects.create(sid=call_sid(2), from_number="client:agent", to_number="", started_at=now)
    Reservation.objects.update(state=ReservationState.ACCEPTED, agent_call=leg)
    entry.refresh_from_db()
    return Outbox.objects.create(
        kind=OutboxKind.REDIRECT_CALL, call_sid=call_sid(1), url="u", entry=entry, not_before=now, created_at=now
    )


def test_a_command_is_sent_once(command: Outbox, telephony: FakeTelephony, now: datetime) -> None:
    for _ in range(2):
        OutboxService(telephony=telephony).deliver(now=now)

    assert telephony.asked == [("redirect", call_sid(1), "u")]


def test_a_caller_who_is_already_talking_is_not_fetched_again(
    command: Outbox, telephony: FakeTelephony, now: datetime
) -> None:
    QueueEntry.objects.update(state=QueueEntryState.ANSWERED)

    OutboxService(telephony=telephony).deliver(now=now)

    assert telephony.asked == []
    command.refresh_from_db()
    assert command.state == OutboxState.DONE


def test_a_caller_who_hung_up_first_is_no_error(command: Outbox, telephony: FakeTelephony, now: datetime) -> None:
    telephony.error = CallNotInProgress("call is not in progress", code=21220, status=400)

    OutboxService(telephony=telephony).deliver(now=now)

    command.refresh_from_db()
    assert command.state == OutboxState.DONE


def test_too_many_requests_are_repeated_when_twilio_says(
    command: Outbox, telephony: FakeTelephony, now: datetime
) -> None:
    telephony.error = TelephonyError("too many requests", status=429, retryable=True, retry_after=7)
    service = OutboxService(telephony=telephony)

    service.deliver(now=now)
    service.deliver(now=now + timedelta(seconds=6))
    assert len(telephony.asked) == 1
    service.deliver(now=now + timedelta(seconds=7))
    assert len(telephony.asked) == 2


def test_a_worker_that_died_loses_the_lease_and_not_the_command(
    command: Outbox, telephony: FakeTelephony, now: datetime
) -> None:
    OutboxService(telephony=telephony)._take(now)

    OutboxService(telephony=telephony).deliver(now=now + timedelta(seconds=29))
    assert telephony.asked == []
    OutboxService(telephony=telephony).deliver(now=now + timedelta(seconds=30))
    assert len(telephony.asked) == 1


def test_when_the_caller_cannot_be_fetched_the_agents_leg_is_ended(
    command: Outbox, telephony: FakeTelephony, now: datetime
) -> None:
    telephony.error = TelephonyError("forbidden", status=403, retryable=False)

    OutboxService(telephony=telephony).deliver(now=now)

    command.refresh_from_db()
    assert command.state == OutboxState.FAILED
    assert telephony.asked[-1] == ("end", call_sid(2))


@pytest.mark.parametrize(("status", "state"), [(429, "pending"), (503, "failed"), (None, "failed")])
def test_a_call_that_may_have_been_created_is_not_created_again(
    db: None, telephony: FakeTelephony, now: datetime, status: int | None, state: str
) -> None:
    Outbox.objects.create(kind="create_call", call_sid="CB1", to_number="+1", not_before=now, created_at=now)
    telephony.error = TelephonyError("trouble", status=status, retryable=True)

    OutboxService(telephony=telephony).deliver(now=now)

    assert Outbox.objects.get().state == state
