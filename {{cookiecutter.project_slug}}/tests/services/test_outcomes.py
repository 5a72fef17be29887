"""How calls ended: said by the agent while wrapping up, or written by the server when nothing was said."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from django_twilio_call.constants import AgentStatus
from django_twilio_call.exceptions import BusinessLogicError, ValidationError
from django_twilio_call.models import Agent, Call, CallOutcome, Disposition, Queue, Reservation
from django_twilio_call.services import AgentService, CallService, ConferenceService, OutcomeService, RoutingService
from tests.fakes import call_sid

from .test_routing import state_of, waiting

pytestmark = pytest.mark.django_db


@pytest.fixture
def wrapping_up(queue: Queue, agent: Agent, now: datetime) -> Agent:
    """An agent whose call has just ended; the queue has two dispositions."""
    for code in ("sold", "again"):
        Disposition.objects.create(queue=queue, code=code, label=code.title())
    Disposition.objects.create(queue=queue, code="old", label="Old", is_active=False)
    waiting(queue, 1, now)
    RoutingService().route(now=now)
    reservation = Reservation.objects.get()
    AgentService().accept(reservation_id=reservation.pk, agent_id=agent.pk, now=now)
    CallService().join(
        sid=call_sid(2),
        reservation_id=reservation.pk,
        identity=agent.identity,
        from_number="c",
        to_number="",
        connect_url="u",
        now=now,
    )
    CallService().connect(reservation_id=reservation.pk, sid=call_sid(1), now=now)
    ConferenceService().ended(reservation_id=reservation.pk, now=now)
    Call.objects.filter(sid=call_sid(2)).update(status="completed", ended_at=now)
    assert state_of(agent) == AgentStatus.WRAP_UP
    return agent


def said() -> list[tuple[str, str]]:
    return list(CallOutcome.objects.values_list("code", "note"))


def test_an_agent_says_how_the_call_ended_and_may_change_it(wrapping_up: Agent, now: datetime) -> None:
    OutcomeService().say(agent_id=wrapping_up.pk, code="again", now=now)
    OutcomeService().say(agent_id=wrapping_up.pk, code="sold", note="two", now=now)

    assert said() == [("sold", "two")]


@pytest.mark.parametrize("code", ["", "old", "timeout", "elsewhere"])
def test_only_what_the_queue_offers_can_be_said(wrapping_up: Agent, now: datetime, code: str) -> None:
    with pytest.raises(ValidationError, match="sold"):
        OutcomeService().say(agent_id=wrapping_up.pk, code=code, now=now)


def test_where_the_queue_wants_to_know_nobody_goes_on_before(wrapping_up: Agent, queue: Queue, now: datetime) -> None:
    Queue.objects.update(disposition_required=True)
    with pytest.raises(BusinessLogicError, match="Support wants to know"):
        AgentService().set_state(agent_id=wrapping_up.pk, state=AgentStatus.AVAILABLE, now=now)

    OutcomeService().say(agent_id=wrapping_up.pk, code="sold", now=now)
    AgentService().set_state(agent_id=wrapping_up.pk, state=AgentStatus.AVAILABLE, now=now)

    assert state_of(wrapping_up) == AgentStatus.AVAILABLE


@pytest.mark.parametrize(("required", "written"), [(True, [("timeout", "")]), (False, [])])
def test_wrap_up_that_ends_by_itself_is_written_down(
    wrapping_up: Agent, now: datetime, required: bool, written: list[tuple[str, str]]
) -> None:
    Queue.objects.update(disposition_required=required)

    RoutingService().sweep(now=now + timedelta(seconds=10))

    assert state_of(wrapping_up) == AgentStatus.AVAILABLE
    assert said() == written


def test_what_was_said_stays_when_wrap_up_ends_by_itself(wrapping_up: Agent, now: datetime) -> None:
    Queue.objects.update(disposition_required=True)
    OutcomeService().say(agent_id=wrapping_up.pk, code="sold", now=now)

    RoutingService().sweep(now=now + timedelta(seconds=10))

    assert said() == [("sold", "")]


def test_a_note_is_kept_before_anything_is_said(wrapping_up: Agent, now: datetime) -> None:
    service = OutcomeService()
    for note in ("", "red", "red, no blue", ""):
        assert service.keep(agent_id=wrapping_up.pk, note=note, now=now)
    assert said() == [("", "")]

    service.keep(agent_id=wrapping_up.pk, note="blue", now=now)
    RoutingService().sweep(now=now + timedelta(seconds=10))

    assert said() == [("", "blue")]
    assert not service.keep(agent_id=wrapping_up.pk, note="too late", now=now)


def test_a_note_alone_is_not_what_the_queue_wants_to_know(wrapping_up: Agent, queue: Queue, now: datetime) -> None:
    Queue.objects.update(disposition_required=True)
    OutcomeService().keep(agent_id=wrapping_up.pk, note="blue", now=now)
    with pytest.raises(BusinessLogicError, match="Support wants to know"):
        AgentService().set_state(agent_id=wrapping_up.pk, state=AgentStatus.AVAILABLE, now=now)

    RoutingService().sweep(now=now + timedelta(seconds=10))

    assert said() == [("timeout", "blue")]


def test_where_there_is_nothing_to_choose_a_note_says_it(wrapping_up: Agent, now: datetime) -> None:
    Queue.objects.update(disposition_required=True)
    Disposition.objects.all().delete()
    OutcomeService().keep(agent_id=wrapping_up.pk, note="blue", now=now)

    AgentService().set_state(agent_id=wrapping_up.pk, state=AgentStatus.AVAILABLE, now=now)

    assert said() == [("", "blue")]


def test_a_note_leaves_what_was_said(wrapping_up: Agent, now: datetime) -> None:
    OutcomeService().say(agent_id=wrapping_up.pk, code="sold", now=now)
    OutcomeService().keep(agent_id=wrapping_up.pk, note="blue", now=now)

    assert said() == [("sold", "blue")]


def test_without_a_call_there_is_nothing_to_say(agent: Agent, now: datetime) -> None:
    with pytest.raises(BusinessLogicError, match="not wrapping up"):
        OutcomeService().say(agent_id=agent.pk, code="sold", now=now)
