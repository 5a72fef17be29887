"""What agents do, and what they are refused."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from django_twilio_call.constants import AgentStatus, QueueEntryState
from django_twilio_call.exceptions import BusinessLogicError, InvalidTransition, NotFound, ValidationError
from django_twilio_call.models import Agent, AgentStateSpan, Queue, Reservation
from django_twilio_call.services import AgentService, RoutingService
from tests.conftest import make_agent

from .test_routing import state_of, waiting

pytestmark = pytest.mark.django_db


@pytest.fixture
def offered(queue: Queue, agent: Agent, now: datetime) -> Reservation:
    """An offer to the agent."""
    waiting(queue, 1, now - timedelta(seconds=20))
    RoutingService().route(now=now)
    return Reservation.objects.get()


def test_spans_leave_no_gap(agent: Agent, now: datetime) -> None:
    for minutes, state in enumerate((AgentStatus.LUNCH, AgentStatus.AVAILABLE, AgentStatus.TRAINING)):
        AgentService().set_state(agent_id=agent.pk, state=state, now=now + timedelta(minutes=minutes))

    spans = list(AgentStateSpan.objects.filter(agent=agent).order_by("started_at"))
    assert [span.ended_at for span in spans[:-1]] == [span.started_at for span in spans[1:]]
    assert spans[-1].ended_at is None


def test_a_new_agent_starts_with_the_state_they_choose(queue: Queue, agent: Agent, now: datetime) -> None:
    AgentStateSpan.objects.all().delete()

    AgentService().set_state(agent_id=agent.pk, state=AgentStatus.AVAILABLE, now=now)

    assert state_of(agent) == AgentStatus.AVAILABLE


@pytest.mark.parametrize("state", ["busy", "reserved", "wrap_up", "", "gone"])
def test_a_state_that_follows_from_calls_cannot_be_chosen(agent: Agent, now: datetime, state: str) -> None:
    with pytest.raises(ValidationError, match=f"'{state}'.*available"):
        AgentService().set_state(agent_id=agent.pk, state=state, now=now)


def test_an_agent_with_an_offer_cannot_walk_away(offered: Reservation, now: datetime) -> None:
    with pytest.raises(InvalidTransition, match=r"reserved.*lunch"):
        AgentService().set_state(agent_id=offered.agent_id, state=AgentStatus.LUNCH, now=now)


def test_accepting_makes_the_agent_busy_and_may_be_clicked_twice(offered: Reservation, now: datetime) -> None:
    for _ in range(2):
        AgentService().accept(reservation_id=offered.pk, agent_id=offered.agent_id, now=now)

    assert state_of(offered.agent) == AgentStatus.BUSY


def test_an_offer_that_is_gone_cannot_be_accepted(offered: Reservation, now: datetime) -> None:
    RoutingService().sweep(now=now + timedelta(minutes=1))

    with pytest.raises(BusinessLogicError, match="timeout"):
        AgentService().accept(reservation_id=offered.pk, agent_id=offered.agent_id, now=now)


def test_somebody_elses_offer_is_not_found(offered: Reservation, queue: Queue, now: datetime) -> None:
    other = make_agent("other", queue)

    with pytest.raises(NotFound):
        AgentService().accept(reservation_id=offered.pk, agent_id=other.pk, now=now)


def test_declining_puts_the_caller_back_and_the_agent_on_a_break(offered: Reservation, now: datetime) -> None:
    AgentService().decline(reservation_id=offered.pk, agent_id=offered.agent_id, now=now)

    offered.entry.refresh_from_db()
    assert offered.entry.state == QueueEntryState.WAITING
    assert state_of(offered.agent) == AgentStatus.ON_BREAK


def test_hanging_up_before_the_phone_joined_puts_the_caller_back(offered: Reservation, now: datetime) -> None:
    AgentService().accept(reservation_id=offered.pk, agent_id=offered.agent_id, now=now)

    AgentService().hang_up(agent_id=offered.agent_id, now=now)

    offered.entry.refresh_from_db()
    assert offered.entry.state == QueueEntryState.WAITING


def test_without_a_call_there_is_nothing_to_hang_up(agent: Agent, now: datetime) -> None:
    with pytest.raises(BusinessLogicError, match="no call"):
        AgentService().hang_up(agent_id=agent.pk, now=now)


def test_the_desk_shows_the_offer(offered: Reservation, now: datetime) -> None:
    desk = AgentService().desk(agent_id=offered.agent_id, now=now)

    assert desk.offer is not None
    assert (desk.state, desk.offer.queue, desk.offer.waited_s) == (AgentStatus.RESERVED, "Support", 20)
    assert desk.call is None


def test_the_desk_shows_the_call(offered: Reservation, now: datetime) -> None:
    AgentService().accept(reservation_id=offered.pk, agent_id=offered.agent_id, now=now)

    desk = AgentService().desk(agent_id=offered.agent_id, now=now)

    assert desk.offer is None
    assert desk.call is not None
    assert (desk.call.accepted_at, desk.call.connected_at) == (now, None)
