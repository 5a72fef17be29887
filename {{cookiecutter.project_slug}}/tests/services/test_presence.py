"""Who is really there: heartbeats, reasons, and what the server does with an agent who is not."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.test import override_settings

from django_twilio_call.constants import AgentStatus
from django_twilio_call.exceptions import ValidationError
from django_twilio_call.models import Agent, AgentReason, AgentStateSpan, Queue
from django_twilio_call.services import AgentService, RoutingService

from .test_routing import state_of, waiting

pytestmark = pytest.mark.django_db


def poll(agent: Agent, now: datetime, after: int = 0) -> None:
    AgentService().desk(agent_id=agent.pk, at_desk=True, now=now + timedelta(seconds=after))


def sweep(now: datetime, after: int) -> None:
    RoutingService().sweep(now=now + timedelta(seconds=after))


def test_an_agent_whose_desk_fell_silent_gets_no_calls(queue: Queue, agent: Agent, now: datetime) -> None:
    poll(agent, now)
    waiting(queue, 1, now)

    sweep(now, after=91)

    span = AgentStateSpan.objects.current().get(agent=agent)
    assert (span.state, span.reason) == (AgentStatus.OFFLINE, "away")
    assert RoutingService().route(now=now + timedelta(seconds=91)) == 0


def test_a_desk_that_goes_on_asking_keeps_its_agent(agent: Agent, now: datetime) -> None:
    for after in range(0, 300, 60):  # as seldom as a browser lets a page in the background
        poll(agent, now, after)
        sweep(now, after + 59)

    assert state_of(agent) == AgentStatus.AVAILABLE


def freeze(agent: Agent, now: datetime) -> None:
    AgentService().presence(agent_id=agent.pk, event="freeze", now=now)


def wrap_up(agent: Agent, now: datetime) -> None:
    until = now + timedelta(seconds=10)
    AgentStateSpan.objects.move(agent_id=agent.pk, to=AgentStatus.WRAP_UP, now=now, expires_at=until)


def test_a_desk_that_froze_while_wrapping_up_gets_no_calls_afterwards(
    queue: Queue, agent: Agent, now: datetime
) -> None:
    poll(agent, now)
    wrap_up(agent, now)
    freeze(agent, now + timedelta(seconds=1))
    waiting(queue, 1, now)

    sweep(now, after=10)

    states = AgentStateSpan.objects.filter(agent=agent).order_by("pk").values_list("state", "reason")
    assert list(states)[1:] == [(AgentStatus.WRAP_UP, ""), (AgentStatus.OFFLINE, "away")]
    assert RoutingService().route(now=now + timedelta(seconds=10)) == 0


def test_a_frozen_desk_whose_offer_was_taken_back_is_away(queue: Queue, agent: Agent, now: datetime) -> None:
    waiting(queue, 1, now)
    RoutingService().route(now=now)
    freeze(agent, now)

    with override_settings(DJANGO_TWILIO_NO_ANSWER_STATE=AgentStatus.AVAILABLE):
        sweep(now, after=31)
        sweep(now, after=32)

    assert state_of(agent) == AgentStatus.OFFLINE


def test_a_desk_that_is_opened_again_is_frozen_no_more(agent: Agent, now: datetime) -> None:
    poll(agent, now)
    wrap_up(agent, now)
    freeze(agent, now)

    poll(agent, now, after=2)  # the browser threw the tab away, so nothing said that it is back
    sweep(now, after=10)

    assert state_of(agent) == AgentStatus.AVAILABLE


def test_a_program_that_sets_a_state_and_goes_is_not_waited_for(agent: Agent, now: datetime) -> None:
    poll(agent, now)
    AgentService().set_state(agent_id=agent.pk, state=AgentStatus.AVAILABLE, now=now)

    sweep(now, after=9999)

    assert state_of(agent) == AgentStatus.AVAILABLE


def test_a_request_of_a_program_counts_once_a_desk_has_begun(agent: Agent, now: datetime) -> None:
    AgentService().heard(agent=agent, now=now)
    assert Agent.objects.get().heard_at is None

    poll(agent, now)
    AgentService().heard(agent=Agent.objects.get(), now=now + timedelta(seconds=60))
    sweep(now, after=91)

    assert state_of(agent) == AgentStatus.AVAILABLE


@pytest.mark.parametrize("state", [AgentStatus.BUSY, AgentStatus.RESERVED, AgentStatus.WRAP_UP, AgentStatus.LUNCH])
def test_only_who_is_available_can_fall_silent(agent: Agent, now: datetime, state: str) -> None:
    poll(agent, now)
    AgentStateSpan.objects.move(agent_id=agent.pk, to=state, now=now)

    sweep(now, after=91)

    assert state_of(agent) == state


@pytest.mark.parametrize("state", [AgentStatus.ON_BREAK, AgentStatus.AVAILABLE])
def test_what_an_unanswered_offer_brings_is_configured(queue: Queue, agent: Agent, now: datetime, state: str) -> None:
    waiting(queue, 1, now)
    RoutingService().route(now=now)

    with override_settings(DJANGO_TWILIO_NO_ANSWER_STATE=state):
        sweep(now, after=31)

    assert state_of(agent) == state


def test_a_reason_must_be_one_of_the_catalogue_where_there_is_one(agent: Agent, now: datetime) -> None:
    AgentReason.objects.create(state=AgentStatus.ON_BREAK, name="Coffee")
    AgentReason.objects.create(state=AgentStatus.ON_BREAK, name="Smoke", is_active=False)
    service = AgentService()

    with pytest.raises(ValidationError, match=r"'Smoke'.*Coffee"):
        service.set_state(agent_id=agent.pk, state=AgentStatus.ON_BREAK, reason="Smoke", now=now)

    service.set_state(agent_id=agent.pk, state=AgentStatus.ON_BREAK, reason="Coffee", now=now)
    assert AgentStateSpan.objects.current().get(agent=agent).reason == "Coffee"
    service.set_state(agent_id=agent.pk, state=AgentStatus.LUNCH, reason="anything", now=now)


def test_the_desk_knows_how_long_a_break_is_meant_to_be(agent: Agent, now: datetime) -> None:
    AgentService().set_state(agent_id=agent.pk, state=AgentStatus.TRAINING, now=now)
    assert AgentService().desk(agent_id=agent.pk, now=now).planned_until == now + timedelta(hours=1)

    with override_settings(DJANGO_TWILIO_TRAINING_DURATION=0):
        assert AgentService().desk(agent_id=agent.pk, now=now).planned_until is None
