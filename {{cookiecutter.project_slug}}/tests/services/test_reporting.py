"""Reports and metrics: right, from counts alone, and kept where a day is over."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from django_twilio_call.constants import AgentStatus
from django_twilio_call.exceptions import NotFound, ValidationError
from django_twilio_call.models import Agent, AgentInterval, AgentStateSpan, Queue, QueueEntry, QueueInterval
from django_twilio_call.services import IntervalService, MetricsService, ReportingService
from django_twilio_call.services.figures import QueueCounts, added
from tests.conftest import NOW, make_agent
from tests.services.test_intervals import count_all, visit

pytestmark = pytest.mark.django_db
DAY = date(2026, 3, 2)
HOUR = timedelta(hours=1)


@pytest.fixture
def days(queue: Queue, now: datetime) -> Queue:
    """Calls on three days, the last of which goes on; answers another queue, which had one."""
    other = Queue.objects.create(key="other", name="Other")
    for number, calls in ((2, 4), (1, 3), (0, 2)):
        for minute in range(calls):
            visit(queue, now - timedelta(days=number, minutes=20 * minute), 5, "answered")
    visit(other, now, 50, "abandoned")
    count_all()
    return other


def test_a_period_by_queue_and_by_day(days: Queue) -> None:
    report = ReportingService().report(first=DAY - timedelta(days=2), last=DAY, now=NOW)

    assert [(line.key, line.counts.offered) for line in report.queues] == [("other", 1), ("support", 9)]
    assert [counts.offered for _, counts in report.days] == [4, 3, 3]
    assert report.total == added(QueueCounts, (counts for _, counts in report.days))


def test_one_queue_alone(days: Queue) -> None:
    report = ReportingService().report(first=DAY, last=DAY, queue_key="other", now=NOW)

    assert ([line.key for line in report.queues], report.total.abandoned) == (["other"], 1)
    with pytest.raises(ValidationError, match="'nobody'"):
        ReportingService().report(first=DAY, last=DAY, queue_key="nobody", now=NOW)


def test_agents_with_the_state_they_are_still_in(agent: Agent, now: datetime) -> None:
    make_agent("grace", state=AgentStatus.OFFLINE)
    AgentStateSpan.objects.move(agent_id=agent.pk, to=AgentStatus.LUNCH, now=now - timedelta(minutes=10))
    count_all()

    report = ReportingService().report(first=DAY, last=DAY, now=now)

    (line,) = report.agents
    assert (line.name, line.counts.available_ms, line.counts.lunch_ms) == ("Ada", 19 * 60_000, 10 * 60_000)
    assert report.agents_total == line.counts


@pytest.mark.parametrize("number", [-1, 366])
def test_a_period_that_cannot_be_right_is_refused(number: int) -> None:
    with pytest.raises(ValidationError, match="1 to 366 days"):
        ReportingService().report(first=DAY, last=DAY + timedelta(days=number), now=NOW)


@pytest.mark.django_db(transaction=True)
def test_days_that_are_over_are_asked_for_once_and_never_of_rows(days: Queue) -> None:
    def tables() -> list[str]:
        with CaptureQueriesContext(connection) as queries:
            ReportingService().report(first=DAY - timedelta(days=2), last=DAY, now=NOW)
        return [query["sql"] for query in queries]

    first, second = tables(), tables()

    assert (len(first), len(second)) == (7, 5)
    assert not [sql for sql in first if QueueEntry._meta.db_table in sql]
    assert sum(QueueInterval._meta.db_table in sql for sql in first) == 2
    assert sum(AgentInterval._meta.db_table in sql for sql in first) == 2


@pytest.mark.django_db(transaction=True)
def test_a_late_end_reaches_what_was_kept(days: Queue, now: datetime) -> None:
    yesterday = DAY - timedelta(days=1)

    def offered() -> tuple[int, int]:
        report = ReportingService().report(first=yesterday, last=yesterday, now=now)
        intervals = MetricsService().intervals(day=yesterday, now=now)
        return report.total.offered, sum(counts.offered for _, counts in intervals)

    assert offered() == (3, 3)
    visit(days, now - 26 * HOUR, 7200, "abandoned")
    IntervalService().count(now=now)

    assert offered() == (4, 4)


def test_a_day_has_every_interval(days: Queue, now: datetime) -> None:
    intervals = MetricsService().intervals(day=DAY, now=now)

    assert len(intervals) == 96
    assert {moment.strftime("%H:%M"): counts.offered for moment, counts in intervals if counts.offered} == {
        "09:00": 1,
        "09:30": 2,
    }
    with pytest.raises(NotFound):
        MetricsService().intervals(day=DAY, queue_key="nobody", now=now)


@override_settings(TIME_ZONE="Europe/Berlin")
@pytest.mark.parametrize(("day", "number"), [(date(2026, 3, 29), 92), (date(2026, 10, 25), 100)])
def test_a_day_on_which_clocks_change_has_as_many_as_it_has(queue: Queue, day: date, number: int) -> None:
    evening = datetime.fromisoformat(f"{day}T23:50:00+01:00" if number == 100 else f"{day}T23:50:00+02:00")
    visit(queue, evening, 5, "answered")
    visit(queue, evening + timedelta(minutes=10), 5, "answered")
    count_all()

    intervals = MetricsService().intervals(day=day, now=evening)

    assert len({moment for moment, _ in intervals}) == number
    assert intervals[-1][1].offered == 1
    assert ReportingService().report(first=day, last=day, now=evening).total.offered == 1


def test_the_agents_a_days_volume_needed(queue: Queue, now: datetime) -> None:
    QueueInterval.objects.create(
        queue=queue, begins_at=now, offered=100, answered=100, handled=100, talk_ms=20_000_000, wrap_up_ms=4_000_000
    )

    staffed = MetricsService().staffing(day=DAY, target=0.8, threshold_s=20, shrinkage=0.3, now=now)

    (busy,) = [interval for interval in staffed if interval.counts.offered]
    assert busy.needed is not None
    assert (busy.needed.agents, busy.on_payroll) == (32, 46)  # 26.67 erlangs, by the golden values
    assert {interval.needed.agents for interval in staffed if interval.needed and interval is not busy} == {0}


def test_nobody_handled_is_no_ground_for_a_number(queue: Queue, now: datetime) -> None:
    visit(queue, now, 50, "abandoned")
    count_all()

    staffed = MetricsService().staffing(day=DAY, target=0.8, threshold_s=20, shrinkage=0.3, now=now)

    assert {interval.needed for interval in staffed} == {None}
