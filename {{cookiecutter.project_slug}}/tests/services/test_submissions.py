"""A call that may have been made: asked for, adopted when it is found, given up when there is no trace of it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from django_twilio_call.constants import CallbackState, OutboxKind, OutboxState, QueueEntryState
from django_twilio_call.exceptions import TelephonyError
from django_twilio_call.models import Agent, Call, CallbackRequest, Outbox, Queue, QueueEntry, Reservation
from django_twilio_call.services import (
    AgentService,
    CallService,
    DialingService,
    OutboxService,
    RoutingService,
    SubmissionService,
)
from tests.fakes import CALLER, FakeTelephony, call_sid

pytestmark = pytest.mark.django_db

MADE = call_sid(5)
LOST = TelephonyError("no answer", retryable=True)
SOON, LATE = timedelta(seconds=5), timedelta(seconds=61)


@pytest.fixture
def doubt(queue: Queue, agent: Agent, telephony: FakeTelephony, now: datetime) -> Reservation:
    """An agent has joined for a callback, and nobody knows whether the call was made. It was, if `makes` stays."""
    call = Call.objects.create(sid=call_sid(1), from_number=CALLER, to_number="+1555", started_at=now, ended_at=now)
    CallbackRequest.objects.create(
        queue=queue, call=call, number=CALLER, enqueued_at=now, requested_at=now, not_before=now
    )
    DialingService().sweep(now=now)
    RoutingService().route(now=now)
    reservation = Reservation.objects.get()
    AgentService().accept(reservation_id=reservation.pk, agent_id=agent.pk, now=now)
    CallService().join(
        sid=call_sid(2),
        reservation_id=reservation.pk,
        identity=agent.identity,
        from_number=f"client:{agent.identity}",
        to_number="",
        connect_url="u",
        now=now,
    )
    telephony.sids, telephony.error = [MADE], LOST
    return reservation


def deliver(telephony: FakeTelephony, now: datetime) -> Outbox:
    OutboxService(telephony=telephony).deliver(now=now)
    telephony.asked.clear()
    return Outbox.objects.get(kind=OutboxKind.CREATE_CALL)


def settle(telephony: FakeTelephony, now: datetime) -> str:
    SubmissionService(telephony=telephony).settle(now=now)
    return Outbox.objects.get(kind=OutboxKind.CREATE_CALL).state


def made_at(telephony: FakeTelephony, now: datetime, **fields: str) -> None:
    telephony.knows(MADE, created_at=now, direction="outbound-api", to_number=CALLER, **{"status": "ringing", **fields})


def test_a_call_that_was_made_is_found_in_twilios_list(
    doubt: Reservation, telephony: FakeTelephony, now: datetime
) -> None:
    deliver(telephony, now)
    made_at(telephony, now)

    assert settle(telephony, now + SOON) == OutboxState.DONE
    assert QueueEntry.objects.get().call.sid == MADE
    assert telephony.asked == [("made", CALLER)]


def test_the_calls_own_webhook_is_enough(doubt: Reservation, telephony: FakeTelephony, now: datetime) -> None:
    deliver(telephony, now)
    CallService().status(
        sid=MADE,
        status="ringing",
        sequence=1,
        duration=None,
        from_number="",
        to_number=CALLER,
        reservation_id=doubt.pk,
        now=now,
    )

    assert settle(telephony, now + SOON) == OutboxState.DONE
    assert telephony.asked == []


def test_a_call_that_has_ended_meanwhile_is_known_to_have_ended(
    doubt: Reservation, telephony: FakeTelephony, now: datetime
) -> None:
    deliver(telephony, now)
    made_at(telephony, now, status="busy")

    settle(telephony, now + SOON)

    assert Call.objects.get(sid=MADE).status == "busy"


def test_without_a_trace_it_is_given_up_in_the_end_and_the_next_try_follows(
    doubt: Reservation, telephony: FakeTelephony, now: datetime
) -> None:
    telephony.makes = False
    deliver(telephony, now)

    assert settle(telephony, now + SOON) == OutboxState.SUBMISSION_UNKNOWN
    assert settle(telephony, now + LATE) == OutboxState.FAILED
    assert Outbox.objects.filter(kind=OutboxKind.END_CALL, call_sid=call_sid(2)).exists()
    DialingService().sweep(now=now + LATE)
    assert CallbackRequest.objects.get().state == CallbackState.WAITING
    assert QueueEntry.objects.get().state == QueueEntryState.OVERFLOWED


def test_an_earlier_call_to_the_same_number_is_not_taken_for_it(
    doubt: Reservation, telephony: FakeTelephony, now: datetime
) -> None:
    telephony.makes = False
    deliver(telephony, now)
    made_at(telephony, now - timedelta(minutes=5))
    telephony.calls[call_sid(7)] = telephony.calls.pop(MADE)

    assert settle(telephony, now + SOON) == OutboxState.SUBMISSION_UNKNOWN

    made_at(telephony, now)
    Call.objects.create(sid=MADE, from_number=CALLER, to_number="", started_at=now)
    assert settle(telephony, now + 2 * SOON) == OutboxState.SUBMISSION_UNKNOWN


def test_while_twilio_does_not_answer_it_stays_in_doubt(
    doubt: Reservation, telephony: FakeTelephony, now: datetime
) -> None:
    deliver(telephony, now)
    telephony.error = LOST

    assert settle(telephony, now + LATE) == OutboxState.SUBMISSION_UNKNOWN


def test_the_answer_alone_brings_the_sid(doubt: Reservation, telephony: FakeTelephony, now: datetime) -> None:
    telephony.error = None

    assert deliver(telephony, now).state == OutboxState.DONE
    assert QueueEntry.objects.get().call.sid == MADE


def test_who_answers_late_meets_the_agent_who_waits_by_then(
    doubt: Reservation, telephony: FakeTelephony, now: datetime
) -> None:
    deliver(telephony, now)
    entry = QueueEntry.objects.get()
    Reservation.objects.update(state="completed", ended_at=now)
    leg = Call.objects.create(sid=call_sid(9), role="agent", from_number="c", to_number="", started_at=now)
    other = Reservation.objects.create(
        entry=entry, agent=doubt.agent, agent_call=leg, state="accepted", created_at=now, expires_at=now
    )

    decision = CallService().connect(reservation_id=doubt.pk, sid=MADE, now=now)

    assert getattr(decision, "reservation_id", None) == other.pk
