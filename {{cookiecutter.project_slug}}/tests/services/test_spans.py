"""Whatever happens in whatever order, every agent is in exactly one state at any time, and in no two calls."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from django_twilio_call.constants import AgentStatus, ReservationState
from django_twilio_call.exceptions import CallCenterError
from django_twilio_call.models import Agent, AgentStateSpan, Queue, QueueEntry, Reservation
from django_twilio_call.services import AgentService, CallService, ConferenceService, QueueService, RoutingService
from tests.conftest import make_agent
from tests.fakes import call_sid

from .test_routing import waiting

pytestmark = pytest.mark.django_db


class World:
    """Two agents, their queue, and what may happen to them."""

    def __init__(self, queue: Queue, now: datetime) -> None:
        self.queue, self.now, self.sids = queue, now, 0
        self.agents = list(Agent.objects.order_by("pk"))

    def call(self, who: int) -> None:
        waiting(self.queue, self._sid(), self.now)
        RoutingService().route(now=self.now)

    def sweep(self, who: int) -> None:
        RoutingService().sweep(now=self.now)

    def choose(self, who: int) -> None:
        states = AgentStatus.CHOSEN_STATUSES
        state = states[self.sids % len(states)] if self.sids % 2 else AgentStatus.AVAILABLE
        AgentService().set_state(agent_id=self.agents[who].pk, state=state, at_desk=True, now=self.now)

    def accept(self, who: int) -> None:
        if (mine := self._active(who)) is not None:
            AgentService().accept(reservation_id=mine.pk, agent_id=mine.agent_id, now=self.now)

    def decline(self, who: int) -> None:
        if (mine := self._active(who)) is not None:
            AgentService().decline(reservation_id=mine.pk, agent_id=mine.agent_id, now=self.now)

    def join(self, who: int) -> None:
        if (mine := self._active(who)) is not None:
            CallService().join(
                sid=call_sid(self._sid()),
                reservation_id=mine.pk,
                identity=mine.agent.identity,
                from_number="c",
                to_number="",
                connect_url="u",
                now=self.now,
            )

    def connect(self, who: int) -> None:
        if (mine := self._active(who)) is not None:
            CallService().connect(reservation_id=mine.pk, sid=mine.entry.call.sid, now=self.now)

    def end(self, who: int) -> None:
        if (mine := self._active(who)) is not None:
            ConferenceService().ended(reservation_id=mine.pk, now=self.now)

    def hang_up(self, who: int) -> None:
        AgentService().hang_up(agent_id=self.agents[who].pk, now=self.now)

    def give_up(self, who: int) -> None:
        for entry in QueueEntry.objects.filter(state__in=("waiting", "reserved")).order_by("pk")[who : who + 1]:
            QueueService().leave(entry_id=entry.pk, result="hangup", now=self.now)

    def _active(self, who: int) -> Reservation | None:
        active = Reservation.objects.filter(state__in=ReservationState.ACTIVE_STATES).order_by("agent")
        found = list(active.select_related("agent", "entry__call"))
        return found[who % len(found)] if found else None

    def _sid(self) -> int:
        self.sids += 1
        return self.sids


EVENTS: Final[dict[str, Callable[[World, int], None]]] = {
    name: act for name, act in vars(World).items() if not name.startswith("_")
}
HAPPENINGS = st.lists(
    st.tuples(st.sampled_from(sorted(EVENTS)), st.integers(0, 1), st.integers(0, 40)), min_size=10, max_size=50
)


def check(agent: Agent) -> None:
    spans = list(AgentStateSpan.objects.filter(agent=agent).order_by("pk"))
    assert [span.ended_at for span in spans[:-1]] == [span.started_at for span in spans[1:]]
    assert spans[-1].ended_at is None
    active = Reservation.objects.filter(agent=agent, state__in=ReservationState.ACTIVE_STATES)
    promised = {"pending": AgentStatus.RESERVED, "accepted": AgentStatus.BUSY}
    now_in = [promised[reservation.state] for reservation in active]
    assert now_in == [state for state in (spans[-1].state,) if state in promised.values()]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(happenings=HAPPENINGS)
def test_spans_have_no_gap_and_say_what_the_reservations_say(
    queue: Queue, now: datetime, happenings: list[tuple[str, int, int]]
) -> None:
    with transaction.atomic():
        for name in ("ada", "grace"):
            make_agent(name, queue)
        world = World(queue, now)
        for name, who, seconds in happenings:
            world.now += timedelta(seconds=seconds)
            with suppress(CallCenterError), transaction.atomic():
                EVENTS[name](world, who)
            for agent in world.agents:
                check(agent)
        transaction.set_rollback(True)
