"""Interval counts: counted once, in any order, however late, and the same when made anew from the rows."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_twilio_call import tasks
from django_twilio_call.constants import AgentStatus, QueueEntryState, ReservationState
from django_twilio_call.exceptions import ValidationError
from django_twilio_call.models import (
    Agent,
    AgentInterval,
    AgentStateSpan,
    Call,
    Queue,
    QueueEntry,
    QueueInterval,
    Reservation,
    interval_of,
)
from django_twilio_call.services import IntervalService
from django_twilio_call.services.intervals import pieces
from tests.conftest import NOW, make_agent
from tests.fakes import Twilio, call_sid
from tests.webhooks.test_walk import conference_end, connected

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def count_all() -> None:
    while IntervalService().count(now=NOW):
        pass


def table(model: Any) -> dict[Any, dict[str, int]]:
    """All that is in a table of intervals, but for intervals in which nothing was."""
    rows = model.objects.values(model.OWNER, "begins_at", *model.figures())
    figures = {(row.pop(model.OWNER), row.pop("begins_at")): row for row in rows}
    return {key: row for key, row in figures.items() if any(row.values())}


def tables() -> tuple[Any, Any]:
    return table(QueueInterval), table(AgentInterval)


def visit(queue: Queue, at: datetime, waited: float | None = None, state: str = "waiting", to: str = "") -> QueueEntry:
    """A caller who came then; who still waits unless it is said for how many seconds."""
    ended = None if waited is None else at + timedelta(seconds=waited)
    return QueueEntry.objects.create(
        call=Call.objects.create(sid=call_sid(Call.objects.count()), started_at=at),
        queue=queue,
        priority=1,
        state=state,
        enqueued_at=at,
        answered_at=ended if state == QueueEntryState.ANSWERED else None,
        ended_at=ended,
        overflow_to=to,
    )


def test_a_visit_counts_in_the_interval_it_began_in(queue: Queue, now: datetime) -> None:
    visit(queue, now.replace(minute=44, second=59), 31, "answered")
    visit(queue, now.replace(minute=45), 2, "abandoned")
    visit(queue, now.replace(minute=45), 30, "abandoned")
    visit(queue, now.replace(minute=59), 40, "overflowed", to="callback")
    visit(queue, now.replace(minute=59))

    count_all()

    first, second = (row for _, row in sorted(table(QueueInterval).items()))
    assert {name: value for name, value in first.items() if value} == {
        "offered": 1,
        "answered": 1,
        "answer_wait_ms": 31_000,
    }
    assert {name: value for name, value in second.items() if value} == {
        "offered": 3,
        "abandoned": 2,
        "abandoned_in_time": 2,
        "abandoned_short": 1,
        "abandon_wait_ms": 32_000,
        "overflowed": 1,
        "callbacks": 1,
    }


def test_counting_again_changes_nothing_and_a_late_end_is_added(queue: Queue, now: datetime) -> None:
    late = visit(queue, now)
    visit(queue, now, 5, "answered")
    count_all()
    before = table(QueueInterval)
    count_all()
    assert table(QueueInterval) == before

    QueueEntry.objects.filter(pk=late.pk).update(state="abandoned", ended_at=now + 3 * HOUR)
    count_all()

    (row,) = table(QueueInterval).values()
    assert (row["offered"], row["answered"], row["abandoned"], row["abandon_wait_ms"]) == (2, 1, 1, 3 * 3_600_000)


def test_a_whole_call_by_webhooks_is_counted_for_queue_and_agent(twilio: Twilio, agent: Agent) -> None:
    reservation = connected(twilio)
    conference_end(twilio, reservation)
    conference_end(twilio, reservation)
    AgentStateSpan.objects.current().update(expires_at=reservation.created_at)
    tasks.sweep()
    tasks.sweep()

    (of_queue,), (of_agent,) = (list(rows.values()) for rows in (table(QueueInterval), _talks()))
    assert (of_queue["offered"], of_queue["answered"], of_queue["handled"]) == (1, 1, 1)
    assert (of_agent["offers"], of_agent["accepted"], of_agent["handled"]) == (1, 1, 1)
    assert of_queue["talk_ms"] == of_agent["talk_ms"]
    assert of_queue["wrap_up_ms"] == sum(row["wrap_up_ms"] for row in table(AgentInterval).values())


def _talks() -> dict[Any, dict[str, int]]:
    return {key: row for key, row in table(AgentInterval).items() if row["offers"]}


def test_a_moment_before_an_interval_and_a_moment_over_the_threshold(queue: Queue, now: datetime) -> None:
    begin = interval_of(now)
    at = begin - timedelta(microseconds=400)
    visit(queue, at, queue.service_level_threshold + 0.0009, "answered")

    count_all()

    ((_, began), row), *others = table(QueueInterval).items()
    assert (began, others) == (begin - HOUR / 4, [])
    assert (row["answered"], row["answered_in_time"]) == (1, 0)
    assert row["answer_wait_ms"] == 1000 * queue.service_level_threshold


def test_an_offer_nobody_took_and_one_declined(queue: Queue, agent: Agent, now: datetime) -> None:
    entry = visit(queue, now)
    for state in (ReservationState.TIMEOUT, ReservationState.DECLINED, ReservationState.CANCELLED):
        Reservation.objects.create(
            entry=entry, agent=agent, state=state, created_at=now, expires_at=now, ended_at=now + HOUR
        )

    count_all()

    (row,) = table(AgentInterval).values()
    assert (row["offers"], row["missed"], row["declined"], row["accepted"], row["handled"]) == (3, 1, 1, 0, 0)


def test_time_in_a_state_is_cut_at_the_intervals(agent: Agent, now: datetime) -> None:
    AgentStateSpan.objects.move(agent_id=agent.pk, to=AgentStatus.LUNCH, now=now.replace(minute=31))  # since 9:01

    count_all()

    assert [row["available_ms"] // 60_000 for _, row in sorted(table(AgentInterval).items())] == [14, 15, 1]


def test_pieces_add_up_to_the_whole_to_the_millisecond(now: datetime) -> None:
    begin = now + timedelta(microseconds=999)
    end = begin + timedelta(hours=2, microseconds=1_001)

    assert sum(length for _, length in pieces(begin, end)) == 7_200_001


@pytest.mark.parametrize(("begin", "end"), [(0, 0), (1, 15), (0, 20)])
def test_a_period_that_is_no_intervals_is_refused(now: datetime, begin: int, end: int) -> None:
    minute = timedelta(minutes=1)
    with pytest.raises(ValidationError, match="whole quarters"):
        IntervalService().rebuild(begin=now + begin * minute, end=now + end * minute)


def test_rows_are_counted_in_few_statements(queue: Queue, now: datetime, settings: Any) -> None:
    settings.DJANGO_TWILIO_BATCH_SIZE_ANALYTICS = 100

    def cost(visits: int) -> int:
        for number in range(visits):
            visit(queue, now + number * timedelta(minutes=4), 5, "answered")
        with CaptureQueriesContext(connection) as queries:
            assert IntervalService().count(now=NOW) == visits
        return len(queries)

    assert cost(1) == cost(30)


class Day:
    """A few agents' consistent day, as rows whose ends come in any order that is possible: each agent's one by one."""

    def __init__(self, seed: int, queues: list[Queue], agents: list[Agent], now: datetime) -> None:
        self.dice, self.queues, self.agents = random.Random(seed), queues, agents
        self.begin = interval_of(now)
        self.courses: list[list[tuple[Any, dict[str, Any]]]] = []
        for agent in agents:
            self.courses.append([])
            self._work(agent)
        for _ in range(15):
            self.courses.append([])
            came, waited = self._time(0), self._length(600)
            state = self.dice.choice(("abandoned", "overflowed"))
            self._ends(visit(self.dice.choice(queues), came), state=state, ended_at=came + waited)

    def run(self, share: float = 1) -> None:
        """End everything, or a share of it, in a random order, and count in between."""
        for _ in range(round(share * sum(map(len, self.courses)))):
            row, changes = self.dice.choice([course for course in self.courses if course]).pop(0)
            type(row).objects.filter(pk=row.pk).update(**changes)
            if self.dice.random() < 0.2:
                IntervalService().count(now=NOW)
        if share == 1:
            count_all()

    def _work(self, agent: Agent) -> None:
        AgentStateSpan.objects.filter(agent=agent).delete()
        at = self._time(0)
        for _ in range(6):
            at = self._span(agent, "available", at, 1500)
            offered = at
            at = self._span(agent, "reserved", at, 40)
            entry = visit(self.dice.choice(self.queues), offered - self._length(900))
            offer = Reservation(entry=entry, agent=agent, created_at=offered, expires_at=at)
            if self.dice.random() < 0.3:
                self._ends(offer, state=self.dice.choice(("timeout", "declined")), ended_at=at)
                self._ends(entry, state="abandoned", ended_at=at + self._length(30))
                at = self._span(agent, "on_break", at, 1000)
                continue
            accepted, at = at, self._span(agent, "busy", at, 1800)
            answered = min(accepted + self._length(3), at)
            self._ends(entry, state="answered", answered_at=answered, ended_at=answered)
            self._ends(offer, state="completed", accepted_at=accepted, ended_at=at)
            at = self._span(agent, "wrap_up", at, 60)

    def _span(self, agent: Agent, state: str, at: datetime, longest: int) -> datetime:
        end = at + self._length(longest)
        # Closed already, but hidden from counting until its turn comes: the index allows one open span for an agent.
        span = AgentStateSpan(agent=agent, state=state, started_at=at, ended_at=at, is_counted=True)
        self._ends(span, ended_at=end, is_counted=False)
        return end

    def _ends(self, row: Any, **changes: Any) -> None:
        if row.pk is None:
            if isinstance(row, Reservation):
                row.state = "cancelled"  # there can be one active one for an agent
            row.save()
        self.courses[-1].append((row, changes))

    def _time(self, after: float) -> datetime:
        return self.begin + timedelta(seconds=after + self.dice.random() * 3600)

    def _length(self, longest: int) -> timedelta:
        return timedelta(seconds=0.001 + self.dice.random() * longest)


@pytest.fixture(params=range(6))
def day(request: pytest.FixtureRequest, queue: Queue, now: datetime) -> Iterator[Day]:
    """One of some days."""
    other = Queue.objects.create(key="other", name="Other", service_level_threshold=300)
    return Day(request.param, [queue, other], [make_agent(name, queue, other) for name in ("ada", "grace")], now)  # type: ignore[return-value]


def test_any_order_gives_what_a_rebuild_gives(day: Day, now: datetime) -> None:
    day.run()
    added = tables()

    IntervalService().rebuild(begin=day.begin - 24 * HOUR, end=day.begin + 24 * HOUR)

    assert added == tables()
    assert sum(row["offered"] for row in added[0].values()) == QueueEntry.objects.count()


def test_a_rebuild_of_a_part_leaves_the_rest(day: Day) -> None:
    day.run()
    added = tables()
    QueueInterval.objects.between(day.begin, day.begin + HOUR).update(offered=999)

    IntervalService().rebuild(begin=day.begin, end=day.begin + HOUR)

    assert added == tables()


def test_what_is_not_counted_yet_is_added_after_a_rebuild(day: Day) -> None:
    window = {"begin": day.begin - 24 * HOUR, "end": day.begin + 24 * HOUR}
    day.run(share=0.5)
    IntervalService().rebuild(**window)
    day.run()
    added = tables()

    IntervalService().rebuild(**window)

    assert added == tables()


def test_the_sums_are_those_of_the_rows_over_any_window(day: Day) -> None:
    day.run()

    for begin in range(0, 8, 3):
        window = (day.begin + begin * HOUR / 4, day.begin + (begin + 5) * HOUR / 4)
        visits = QueueEntry.objects.filter(enqueued_at__gte=window[0], enqueued_at__lt=window[1])
        states = Counter(visits.values_list("state", flat=True))
        waits = [visit.answered_at - visit.enqueued_at for visit in visits if visit.answered_at]
        rows = QueueInterval.objects.between(*window).totals()
        sums = next(iter(rows), {f"sum_{name}": 0 for name in QueueInterval.figures()})

        assert [sums[f"sum_{state}"] for state in ("answered", "abandoned", "overflowed")] == [
            states[state] for state in ("answered", "abandoned", "overflowed")
        ]
        assert sums["sum_answer_wait_ms"] == sum(wait // timedelta(milliseconds=1) for wait in waits)
