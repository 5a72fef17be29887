"""Who gets whom, and what time brings."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from django.db import IntegrityError

from django_twilio_call.constants import AgentStatus, QueueEntryState, ReservationState
from django_twilio_call.models import Agent, AgentStateSpan, Call, Queue, QueueEntry, QueueMembership, Reservation
from django_twilio_call.services import AgentService, RoutingService
from django_twilio_call.services.rules import Rules, load
from tests.conftest import make_agent
from tests.fakes import call_sid

pytestmark = pytest.mark.django_db


def waiting(
    queue: Queue, number: int, at: datetime, priority: int = 1, requires: str = "", caller: str = "+1"
) -> QueueEntry:
    call = Call.objects.create(sid=call_sid(number), from_number=caller, to_number="+2", started_at=at)
    return QueueEntry.objects.create(call=call, queue=queue, priority=priority, enqueued_at=at, requires=requires)


def state_of(agent: Agent) -> str:
    return AgentStateSpan.objects.current().get(agent=agent).state


def test_the_longest_idle_agent_gets_the_first_caller(queue: Queue, now: datetime) -> None:
    make_agent("late", queue, since=now - timedelta(minutes=1))
    idle = make_agent("idle", queue, since=now - timedelta(minutes=9))
    first, _ = waiting(queue, 1, now - timedelta(seconds=30)), waiting(queue, 2, now)

    reservation = RoutingService().reserve(queue_id=queue.pk, now=now)

    assert reservation is not None
    assert (reservation.entry, reservation.agent) == (first, idle)
    assert state_of(idle) == AgentStatus.RESERVED


def test_a_higher_priority_goes_before_a_longer_wait(queue: Queue, agent: Agent, now: datetime) -> None:
    waiting(queue, 1, now - timedelta(minutes=5))
    urgent = waiting(queue, 2, now, priority=9)

    RoutingService().route(now=now)

    assert Reservation.objects.get().entry == urgent


def test_a_step_of_priority_is_worth_so_many_seconds_of_wait(queue: Queue, agent: Agent, now: datetime) -> None:
    queue.priority_weight = 20
    patient = waiting(queue, 1, now - timedelta(seconds=41), priority=1)
    waiting(queue, 2, now, priority=3)

    RoutingService().route(now=now)

    assert Reservation.objects.get().entry == patient


@pytest.mark.parametrize("state", [AgentStatus.OFFLINE, AgentStatus.LUNCH, AgentStatus.BUSY, AgentStatus.WRAP_UP])
def test_an_agent_who_is_not_available_is_left_alone(queue: Queue, now: datetime, state: str) -> None:
    make_agent("away", queue, state=state)
    waiting(queue, 1, now)

    assert RoutingService().route(now=now) == 0


def test_an_agent_of_another_queue_is_left_alone(queue: Queue, now: datetime) -> None:
    make_agent("seller", Queue.objects.create(key="sales", name="Sales"))
    waiting(queue, 1, now)

    assert RoutingService().route(now=now) == 0


class Forgetful(RoutingService):
    """With a shared cache that did not hear of the newest queues."""

    def __init__(self, kept: list[Rules]) -> None:
        super().__init__()
        self.kept, self.config = kept, replace(self.config, redis_url="redis://cache")

    def rules(self) -> list[Rules]:  # type: ignore[override]
        return self.kept


def test_a_queue_that_the_kept_rules_do_not_know_is_routed_and_holds_up_no_other(
    queue: Queue, agent: Agent, now: datetime
) -> None:
    routing = Forgetful(load())
    new = Queue.objects.create(key="new", name="New")
    make_agent("grace", new)
    waiting(new, 1, now - timedelta(minutes=5))
    waiting(queue, 2, now)

    assert routing.route(now=now) == 2


def test_routing_goes_on_until_agents_or_callers_run_out(queue: Queue, now: datetime) -> None:
    agents = [make_agent(f"agent{number}", queue) for number in range(3)]
    for number in range(5):
        waiting(queue, number, now)

    assert RoutingService().route(now=now) == len(agents)
    assert QueueEntry.objects.filter(state=QueueEntryState.WAITING).count() == 2


def test_queues_that_share_an_agent_take_turns_by_who_waits_longest(queue: Queue, agent: Agent, now: datetime) -> None:
    sales = Queue.objects.create(key="sales", name="Sales")
    QueueMembership.objects.create(queue=sales, agent=agent)
    for number in range(3):
        waiting(queue, number, now)
    longest = waiting(sales, 9, now - timedelta(seconds=1))

    RoutingService().route(now=now)

    assert Reservation.objects.get().entry == longest


def test_a_queue_without_agents_does_not_hold_up_the_others(queue: Queue, agent: Agent, now: datetime) -> None:
    nobody = Queue.objects.create(key="nobody", name="Nobody")
    waiting(nobody, 1, now - timedelta(minutes=5), priority=9)
    waiting(queue, 2, now)

    assert RoutingService().route(now=now) == 1


def test_an_offer_nobody_answers_goes_back_and_the_agent_off_duty(queue: Queue, agent: Agent, now: datetime) -> None:
    entry = waiting(queue, 1, now)
    RoutingService().route(now=now)

    RoutingService().sweep(now=now + timedelta(seconds=31))

    entry.refresh_from_db()
    assert entry.state == QueueEntryState.WAITING
    assert Reservation.objects.get().state == ReservationState.TIMEOUT
    span = AgentStateSpan.objects.current().get(agent=agent)
    assert (span.state, span.reason) == (AgentStatus.OFFLINE, "no answer")


def test_an_accepted_offer_whose_phone_never_joins_goes_back_too(queue: Queue, agent: Agent, now: datetime) -> None:
    entry = waiting(queue, 1, now)
    RoutingService().route(now=now)
    AgentService().accept(reservation_id=Reservation.objects.get().pk, agent_id=agent.pk, now=now)

    assert RoutingService().sweep(now=now + timedelta(seconds=14)) == 0
    assert RoutingService().sweep(now=now + timedelta(seconds=16)) == 1
    entry.refresh_from_db()
    assert entry.state == QueueEntryState.WAITING


def test_an_agent_whose_leg_ended_without_word_from_the_conference_is_released(
    queue: Queue, agent: Agent, now: datetime
) -> None:
    waiting(queue, 1, now)
    RoutingService().route(now=now)
    leg = Call.objects.create(sid=call_sid(8), from_number="c", to_number="", started_at=now, ended_at=now)
    Reservation.objects.update(state=ReservationState.ACCEPTED, agent_call=leg)
    AgentStateSpan.objects.move(agent_id=agent.pk, to=AgentStatus.BUSY, now=now)

    RoutingService().sweep(now=now)

    assert state_of(agent) == AgentStatus.WRAP_UP


def test_the_tables_refuse_a_second_reservation_of_an_agent(queue: Queue, agent: Agent, now: datetime) -> None:
    first, second = waiting(queue, 1, now), waiting(queue, 2, now)
    Reservation.objects.create(entry=first, agent=agent, created_at=now, expires_at=now)

    with pytest.raises(IntegrityError):
        Reservation.objects.create(entry=second, agent=agent, created_at=now, expires_at=now)


def test_the_tables_refuse_two_states_at_once(agent: Agent, now: datetime) -> None:
    with pytest.raises(IntegrityError):
        AgentStateSpan.objects.create(agent=agent, state=AgentStatus.LUNCH, started_at=now)


def test_the_tables_refuse_two_open_visits_of_a_call(queue: Queue, now: datetime) -> None:
    entry = waiting(queue, 1, now)

    with pytest.raises(IntegrityError):
        QueueEntry.objects.create(call=entry.call, queue=queue, priority=1, enqueued_at=now)
