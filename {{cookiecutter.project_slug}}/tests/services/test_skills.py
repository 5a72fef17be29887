"""Skills, what is asked less of as a wait goes on, and the agent a caller already knows."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from django_twilio_call.constants import AgentStatus, RelaxationAction
from django_twilio_call.models import (
    Agent,
    AgentSkill,
    AgentStateSpan,
    Call,
    Queue,
    QueueEntry,
    QueueMembership,
    QueueSkill,
    Relaxation,
    Reservation,
    Skill,
)
from django_twilio_call.services import RoutingService
from django_twilio_call.services.rules import Demand, Rules, Step
from tests.conftest import make_agent

from .test_routing import waiting
from .test_strategies import put_in_tier, talked

pytestmark = pytest.mark.django_db
CALLER = "+14155550111"


@pytest.fixture
def german(db: None) -> Skill:
    """A skill."""
    return Skill.objects.create(key="german", name="German")


@pytest.fixture
def asks(queue: Queue, german: Skill) -> QueueSkill:
    """The queue asks for it at level 5."""
    return QueueSkill.objects.create(queue=queue, skill=german, level=5)


def speaks(agent: Agent, skill: Skill, level: int) -> Agent:
    AgentSkill.objects.create(agent=agent, skill=skill, level=level)
    return agent


def route(now: datetime, after: int = 0) -> list[Reservation]:
    RoutingService().route(now=now + timedelta(seconds=after))
    return list(Reservation.objects.order_by("pk"))


def test_only_an_agent_who_is_good_enough_gets_the_caller(
    queue: Queue, german: Skill, asks: QueueSkill, now: datetime
) -> None:
    make_agent("none", queue)
    speaks(make_agent("some", queue), german, 4)
    fluent = speaks(make_agent("fluent", queue, since=now), german, 5)
    waiting(queue, 1, now)
    waiting(queue, 2, now)

    (reservation,) = route(now)

    assert reservation.agent == fluent


def test_a_caller_may_need_more_than_the_queue(queue: Queue, german: Skill, agent: Agent, now: datetime) -> None:
    waiting(queue, 1, now, requires="german:3")
    anybody = waiting(queue, 2, now)
    fluent = speaks(make_agent("fluent", queue, since=now), german, 3)

    first, second = route(now)

    assert (first.agent, second.entry, second.agent) == (fluent, anybody, agent)


def test_a_caller_nobody_can_help_holds_up_nobody_in_the_queue(
    queue: Queue, german: Skill, agent: Agent, now: datetime
) -> None:
    waiting(queue, 1, now - timedelta(minutes=5), requires="german:9")
    anybody = waiting(queue, 2, now)

    (reservation,) = route(now)

    assert reservation.entry == anybody


def test_a_queue_whose_first_caller_cannot_be_helped_does_not_jump_another_queue(
    queue: Queue, german: Skill, agent: Agent, now: datetime
) -> None:
    sales = Queue.objects.create(key="sales", name="Sales")
    QueueMembership.objects.create(queue=sales, agent=agent)
    waiting(queue, 1, now - timedelta(minutes=5), requires="german:9")
    waiting(queue, 2, now)
    longest = waiting(sales, 3, now - timedelta(minutes=1))

    (reservation,) = route(now)

    assert reservation.entry == longest


def test_a_skill_that_is_no_more_is_not_asked_for(queue: Queue, agent: Agent, now: datetime) -> None:
    waiting(queue, 1, now, requires="klingon:9")

    assert len(route(now)) == 1


@pytest.mark.parametrize(("action", "amount"), [(RelaxationAction.LOWER_LEVEL, 2), (RelaxationAction.DROP_SKILL, 1)])
def test_after_a_while_less_is_asked_for(
    queue: Queue, german: Skill, asks: QueueSkill, agent: Agent, now: datetime, action: str, amount: int
) -> None:
    speaks(agent, german, 3)
    Relaxation.objects.create(queue=queue, after_s=30, action=action, skill=german, amount=amount)
    waiting(queue, 1, now)

    assert route(now, after=29) == []
    assert len(route(now, after=30)) == 1


def test_a_step_may_bring_in_further_tiers(queue: Queue, agent: Agent, now: datetime) -> None:
    Queue.objects.update(tier_wait=600)
    put_in_tier(agent, 3)
    Relaxation.objects.create(queue=queue, after_s=30, action=RelaxationAction.WIDEN_TIER, amount=2)
    waiting(queue, 1, now)

    assert route(now, after=29) == []
    assert len(route(now, after=30)) == 1


def test_a_caller_who_waited_longer_is_helped_though_one_who_did_not_is_before_them(
    queue: Queue, german: Skill, asks: QueueSkill, agent: Agent, now: datetime
) -> None:
    Relaxation.objects.create(queue=queue, after_s=30, action=RelaxationAction.DROP_SKILL)
    waiting(queue, 1, now, priority=9)
    patient = waiting(queue, 2, now - timedelta(seconds=31))

    (reservation,) = route(now)

    assert reservation.entry == patient


def test_steps_add_up() -> None:
    steps = (
        Step(10, RelaxationAction.LOWER_LEVEL, "german", 2),
        Step(20, RelaxationAction.LOWER_LEVEL, "", 2),
        Step(30, RelaxationAction.DROP_SKILL, "billing", 1),
        Step(40, RelaxationAction.WIDEN_TIER, "", 1),
    )
    rules = Rules(1, "longest_idle", 60, 3, 0, 0, (("billing", 4), ("german", 5)), steps, ("billing", "german"))

    demands = {waited: rules.demand("", waited) for waited in (0, 10, 20, 30, 40, 60, 999)}

    assert demands == {
        0: Demand((("billing", 4), ("german", 5)), 1),
        10: Demand((("billing", 4), ("german", 3)), 1),
        20: Demand((("billing", 2), ("german", 1)), 1),
        30: Demand((("german", 1),), 1),
        40: Demand((("german", 1),), 2),
        60: Demand((("german", 1),), 3),
        999: Demand((("german", 1),), 3),
    }
    assert [rules.next_change(waited) for waited in (0, 10, 39, 40, 60, 120)] == [10, 20, 40, 60, 120, None]


@pytest.fixture
def known(queue: Queue, now: datetime) -> Agent:
    """The agent with whom the caller spoke yesterday, less idle than another; the queue prefers such agents."""
    Queue.objects.update(sticky_days=7, sticky_wait=30)
    queue.refresh_from_db()
    make_agent("idle", queue)
    agent = make_agent("known", queue, since=now)
    talked(agent, queue, now - timedelta(days=1))
    Reservation.objects.get().entry.call.__class__.objects.filter(from_number="+1").update(from_number=CALLER)
    return agent


def reserved_for(caller: QueueEntry) -> Agent | None:
    reservation = Reservation.objects.filter(entry=caller).first()
    return reservation.agent if reservation else None


def test_a_caller_gets_the_agent_they_know(queue: Queue, known: Agent, now: datetime) -> None:
    caller = waiting(queue, 1, now, caller=CALLER)

    route(now)

    assert reserved_for(caller) == known


def knows(known: Agent, number: str) -> None:
    """The agent spoke with that number."""
    Call.objects.filter(from_number=CALLER).update(from_number=number)


def test_a_number_of_eleven_characters_is_somebodys_too(queue: Queue, known: Agent, now: datetime) -> None:
    knows(known, "+4512345678")
    caller = waiting(queue, 1, now, caller="+4512345678")

    route(now)

    assert reserved_for(caller) == known


@pytest.mark.parametrize("number", ["+266696687", "+86282452253"])
def test_nobody_knows_a_caller_who_withholds_their_number(
    queue: Queue, known: Agent, now: datetime, number: str
) -> None:
    knows(known, number)
    caller = waiting(queue, 1, now, caller=number)

    route(now)

    assert reserved_for(caller) == Agent.objects.get(name="Idle")


def test_a_caller_is_kept_for_an_agent_on_a_call_and_then_goes_to_any(
    queue: Queue, known: Agent, now: datetime
) -> None:
    AgentStateSpan.objects.move(agent_id=known.pk, to=AgentStatus.BUSY, now=now)
    caller = waiting(queue, 1, now, caller=CALLER)

    route(now, after=29)
    assert reserved_for(caller) is None
    route(now, after=30)
    assert reserved_for(caller) == Agent.objects.get(name="Idle")


def test_a_caller_is_not_kept_for_an_agent_who_went_home(queue: Queue, known: Agent, now: datetime) -> None:
    AgentStateSpan.objects.move(agent_id=known.pk, to=AgentStatus.OFFLINE, now=now)
    caller = waiting(queue, 1, now, caller=CALLER)

    route(now)

    assert reserved_for(caller) == Agent.objects.get(name="Idle")


@pytest.mark.parametrize(("number", "days"), [("anonymous", 7), ("+14155550199", 7), (CALLER, 0)])
def test_others_go_to_the_longest_idle(queue: Queue, known: Agent, now: datetime, number: str, days: int) -> None:
    Queue.objects.update(sticky_days=days)
    caller = waiting(queue, 1, now, caller=number)

    route(now)

    assert reserved_for(caller) == Agent.objects.get(name="Idle")


def test_a_caller_who_is_kept_holds_up_nobody(queue: Queue, known: Agent, now: datetime) -> None:
    AgentStateSpan.objects.move(agent_id=known.pk, to=AgentStatus.BUSY, now=now)
    kept = [waiting(queue, number, now - timedelta(seconds=9), caller=CALLER) for number in (1, 2)]
    other = waiting(queue, 3, now)

    route(now)

    assert [reserved_for(caller) for caller in (*kept, other)] == [None, None, Agent.objects.get(name="Idle")]
