"""Nobody stays in a conference with nobody."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from django_twilio_call.constants import CallStatus, OutboxKind, OutboxState, QueueEntryState, ReservationState
from django_twilio_call.models import Agent, Call, Outbox, Queue, QueueEntry, Reservation
from django_twilio_call.services import RoutingService, alone
from tests.fakes import call_sid

from .test_routing import waiting

pytestmark = pytest.mark.django_db
LATER = timedelta(seconds=30)


@pytest.fixture
def talking(queue: Queue, agent: Agent, now: datetime) -> Reservation:
    """A caller and an agent in their conference."""
    entry = waiting(queue, 1, now)
    QueueEntry.objects.update(state=QueueEntryState.ANSWERED, answered_at=now, ended_at=now)
    leg = Call.objects.create(sid=call_sid(8), role="agent", from_number="c", to_number="", started_at=now)
    return Reservation.objects.create(
        entry=entry, agent=agent, agent_call=leg, state=ReservationState.ACCEPTED, created_at=now, expires_at=now
    )


def ended(number: int, at: datetime) -> None:
    Call.objects.filter(sid=call_sid(number)).update(status=CallStatus.COMPLETED, ended_at=at)


def told_to_end(now: datetime) -> list[str]:
    for _ in range(2):
        RoutingService().sweep(now=now)
    return list(Outbox.objects.values_list("call_sid", flat=True))


def test_a_conversation_is_left_alone(talking: Reservation, now: datetime) -> None:
    assert told_to_end(now + timedelta(hours=1)) == []


def test_an_agent_whose_caller_hung_up_on_the_way_is_let_go_once(talking: Reservation, now: datetime) -> None:
    ended(1, now)

    assert told_to_end(now + timedelta(seconds=5)) == []
    assert told_to_end(now + LATER) == [call_sid(8)]


@pytest.mark.parametrize(("state", "told"), [(OutboxState.DONE, [call_sid(8)]), (OutboxState.FAILED, [])])
def test_an_agent_whose_caller_was_sent_on_before_they_came_is_let_go(
    talking: Reservation, now: datetime, state: str, told: list[str]
) -> None:
    Reservation.objects.update(accepted_at=now)
    Outbox.objects.create(
        kind=OutboxKind.TRANSFER_CALL, call_sid=call_sid(1), state=state, done_at=now, created_at=now, not_before=now
    )

    assert [sid for sid in told_to_end(now + LATER) if sid != call_sid(1)] == told


def test_a_caller_whose_agent_hung_up_on_the_way_is_let_go_once(talking: Reservation, now: datetime) -> None:
    ended(8, now)
    Reservation.objects.update(state=ReservationState.COMPLETED, ended_at=now)

    assert told_to_end(now + LATER) == [call_sid(1)]


def test_a_caller_who_came_to_another_agent_after_the_first_one_left_talks_on(
    talking: Reservation, now: datetime
) -> None:
    talking.pk, talking.agent_call = None, None
    talking.state, talking.ended_at = ReservationState.COMPLETED, now - LATER
    talking.save(force_insert=True)

    assert told_to_end(now + LATER) == []


def test_a_leg_that_still_lives_is_told_again(talking: Reservation, now: datetime) -> None:
    ended(1, now)
    assert told_to_end(now + LATER) == [call_sid(8)]
    Outbox.objects.update(state=OutboxState.DONE)

    assert told_to_end(now + LATER + alone.AGAIN - timedelta(seconds=1)) == [call_sid(8)]
    assert told_to_end(now + LATER + alone.AGAIN) == [call_sid(8), call_sid(8)]


@pytest.mark.parametrize("over", [ReservationState.COMPLETED, ReservationState.CANCELLED])
def test_an_agents_leg_whose_reservation_is_over_is_ended(talking: Reservation, now: datetime, over: str) -> None:
    ended(1, now)
    Reservation.objects.update(state=over, ended_at=now)

    assert told_to_end(now + timedelta(seconds=5)) == []
    assert told_to_end(now + LATER) == [call_sid(8)]


@pytest.mark.parametrize("outcome", [QueueEntryState.ABANDONED, QueueEntryState.OVERFLOWED])
def test_an_agent_who_waits_for_a_caller_who_left_is_let_go(talking: Reservation, now: datetime, outcome: str) -> None:
    QueueEntry.objects.update(state=outcome, answered_at=None, ended_at=now)

    assert told_to_end(now + timedelta(seconds=5)) == []
    assert told_to_end(now + LATER) == [call_sid(8)]


def test_an_agents_leg_that_never_had_a_reservation_is_ended(agent: Agent, now: datetime) -> None:
    Call.objects.create(sid=call_sid(9), role="agent", from_number="client:agent_1", to_number="", started_at=now)

    assert told_to_end(now + timedelta(seconds=5)) == []
    assert told_to_end(now + LATER) == [call_sid(9)]


def test_an_agent_who_waits_for_a_caller_on_the_way_is_left_alone(talking: Reservation, now: datetime) -> None:
    QueueEntry.objects.update(state=QueueEntryState.RESERVED, answered_at=None, ended_at=None)

    assert told_to_end(now + timedelta(hours=1)) == []
