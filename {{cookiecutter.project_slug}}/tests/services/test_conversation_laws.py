"""Whatever callers, agents and colleagues do, and in whatever order it is told: nobody is left alone on a line."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from datetime import timedelta
from random import Random

import pytest
from django.utils import timezone

from django_twilio_call.constants import AgentStatus, OverflowReason, QueueEntryState, ReservationState
from django_twilio_call.exceptions import BusinessLogicError
from django_twilio_call.models import Agent, AgentStateSpan, Call, OutsideLeg, Queue, QueueEntry, Reservation
from django_twilio_call.services import AgentService, ConferenceService, TransferService
from tests.conftest import make_agent
from tests.fakes import Twilio, call_sid
from tests.switch import Switch

pytestmark = pytest.mark.django_db

STEPS = 12
OUTSIDE = "+14155550199"
OPEN = (*QueueEntryState.OPEN_STATES,)


class World:
    """Three agents and a few callers who act at random."""

    def __init__(self, seed: int, twilio: Twilio, queue: Queue) -> None:
        self.dice = Random(seed)
        self.switch = Switch(twilio, self.dice)
        self.agents = [make_agent(name, queue) for name in ("ada", "grace", "hedy")]
        self.begin = [self.ask, self.ask, self.ask, self.call_in, self.call_in, self.transfer, self.hand, self.hold]
        self.go_on = [self.take, self.answer, self.hang_up, self.hang_up, self.complete, self.take_back, self.decline]

    def act(self) -> None:
        """Where somebody was asked in, what may become of that; else somebody is asked in, or the caller sent away."""
        asked = Reservation.objects.filter(state__in=ReservationState.ACTIVE_STATES, asked_by__isnull=False)
        under_way = asked.exists() or OutsideLeg.objects.filter(ended_at=None).exists()
        self.dice.choice(self.go_on if under_way else self.begin)()

    def go(self) -> None:
        for _ in range(STEPS):
            if not self.switch.rooms:
                self.talk()
            with suppress(BusinessLogicError):  # refused: an act that is not possible now
                self.act()
            self.switch.work()
            busy = Reservation.objects.filter(state__in=ReservationState.ACTIVE_STATES).values_list("agent", flat=True)
            assert max(Counter(busy).values(), default=1) == 1, "an agent in two calls"

    def settle(self) -> None:
        """All that is under way is told, offers nobody takes run out, and the sweep has looked a few times."""
        self.switch.calling.clear()
        OutsideLeg.objects.filter(room__startswith="dial-").update(ended_at=timezone.now())
        AgentStateSpan.objects.filter(ended_at=None, state=AgentStatus.AVAILABLE).update(state=AgentStatus.LUNCH)
        for minutes in range(1, 6):
            self.switch.deliver(everything=True)
            self.switch.work(timezone.now() + timedelta(minutes=minutes))
            AgentStateSpan.objects.filter(ended_at=None, state=AgentStatus.AVAILABLE).update(state=AgentStatus.LUNCH)
        self.switch.deliver(everything=True)

    def agent(self) -> Agent:
        """Somebody who talks, where there is one."""
        talking = Agent.objects.filter(reservations__state=ReservationState.ACCEPTED).order_by("pk")
        return self.dice.choice(list(talking) or self.agents)

    def other(self) -> Agent:
        return self.dice.choice(self.agents)

    def free(self) -> None:
        """Everybody who may is available."""
        chosen = AgentStateSpan.objects.filter(ended_at=None, state__in=AgentStatus.CHOSEN_STATUSES)
        for agent_id in chosen.values_list("agent", flat=True):
            AgentService().set_state(agent_id=agent_id, state=AgentStatus.AVAILABLE, now=timezone.now())

    def talk(self) -> None:
        """Everybody is free, and somebody rings and is answered."""
        self.free()
        self.switch.ring(call_sid(next(self.switch.numbers)))
        self.switch.work()
        self.take()
        self.switch.work()

    def take(self) -> None:
        for offer in Reservation.objects.filter(state=ReservationState.PENDING).select_related("agent"):
            self.switch.take(offer)

    def ask(self) -> None:
        self.free()
        hold = self.dice.random() < 0.7
        mine, other = self.agent().pk, self.other().pk
        ConferenceService().ask_agent(agent_id=mine, other_id=other, hold=hold, now=timezone.now())

    def call_in(self) -> None:
        ConferenceService().ask_outside(agent_id=self.agent().pk, number=OUTSIDE, now=timezone.now())

    def answer(self) -> None:
        for label in list(self.switch.calling):
            leg = OutsideLeg.objects.get(pk=label.removeprefix("outside-"))
            if leg.room in self.switch.rooms:
                self.switch.answer(label, leg.room)

    def complete(self) -> None:
        ConferenceService().complete(agent_id=self.agent().pk, now=timezone.now())

    def take_back(self) -> None:
        ConferenceService().take_back(agent_id=self.agent().pk, now=timezone.now())

    def transfer(self) -> None:
        TransferService().to_queue(agent_id=self.agent().pk, queue_key="support", now=timezone.now())

    def hand(self) -> None:
        TransferService().to_agent(agent_id=self.agent().pk, to_agent_id=self.other().pk, now=timezone.now())

    def hold(self) -> None:
        on = self.dice.random() < 0.5
        ConferenceService().hold(agent_id=self.agent().pk, on=on, now=timezone.now())

    def decline(self) -> None:
        for offer in Reservation.objects.filter(state=ReservationState.PENDING):
            AgentService().decline(reservation_id=offer.pk, agent_id=offer.agent_id, now=timezone.now())

    def hang_up(self) -> None:
        talking = sorted(leg for room in self.switch.rooms.values() for leg in room.legs)
        if talking:
            self.switch.hang_up(self.dice.choice(talking))


@pytest.mark.parametrize("seed", range(8))
def test_nobody_is_left_alone(twilio: Twilio, queue: Queue, seed: int) -> None:
    world = World(seed, twilio, queue)
    world.go()
    world.settle()

    for room in world.switch.rooms.values():
        assert len(room.legs) > 1, (seed, room)
        held = [leg for leg, flags in room.legs.items() if flags["Hold"] == "true"]
        assert len(room.legs) - len(held) > 1 or len(held) < len(room.legs), (seed, room)
        assert any(flags["EndConferenceOnExit"] == "true" for flags in room.legs.values())
    assert all(place != "" for place in world.switch.where.values()), (seed, world.switch.where)
    waiting = [sid for sid, place in world.switch.where.items() if place == "queue"]
    entries = QueueEntry.objects.filter(state=QueueEntryState.WAITING).values_list("call__sid", flat=True)
    assert sorted(waiting) == sorted(entries)

    for sid in list(world.switch.where):
        world.switch.hang_up(sid)
    world.settle()
    assert not world.switch.where
    assert not QueueEntry.objects.filter(state__in=OPEN).exists()
    assert not QueueEntry.objects.filter(overflow_reason=OverflowReason.TROUBLE).exists()
    assert not Reservation.objects.filter(state__in=ReservationState.ACTIVE_STATES).exists()
    assert not OutsideLeg.objects.filter(ended_at=None).exists()
    assert not Call.objects.filter(ended_at=None).exists()
    for agent in world.agents:
        spans = list(AgentStateSpan.objects.filter(agent=agent).order_by("started_at", "pk"))
        assert [span.ended_at for span in spans[:-1]] == [span.started_at for span in spans[1:]]
