"""The figures, against the formulas they claim to follow."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.db.models import F
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from django_twilio_call.cache import invalidate_service_cache
from django_twilio_call.constants import QueueEntryState
from django_twilio_call.exceptions import ValidationError
from django_twilio_call.models import Agent, Call, Queue, QueueEntry, QueueInterval
from django_twilio_call.services import AnalyticsService, IntervalService
from django_twilio_call.services.analytics import AllQueues
from django_twilio_call.services.counts import CallCounts
from tests.conftest import NOW, make_agent
from tests.fakes import call_sid

pytestmark = pytest.mark.django_db
DAY = date(2026, 3, 2)


def visit(queue: Queue, state: str, at: datetime, waited: float) -> QueueEntry:
    call = Call.objects.create(sid=call_sid(Call.objects.count()), from_number="+1", to_number="+2", started_at=at)
    ended = at + timedelta(seconds=waited)
    answered = ended if state == QueueEntryState.ANSWERED else None
    return QueueEntry.objects.create(
        call=call, queue=queue, state=state, priority=1, enqueued_at=at, answered_at=answered, ended_at=ended
    )


@pytest.fixture
def a_morning(queue: Queue, now: datetime) -> None:
    """Two in time, one late, one who left at once, one who gave up, one sent on."""
    for state, waited in (("answered", 10), ("answered", 30), ("answered", 31), ("abandoned", 3), ("abandoned", 40)):
        visit(queue, state, now - timedelta(minutes=20), waited)
    visit(queue, "overflowed", now - timedelta(minutes=20), 600)


def test_service_level_is_answered_in_time_over_all_but_short_abandons(a_morning: None) -> None:
    counts = AnalyticsService().get_call_analytics(first=DAY, last=DAY, now=NOW)

    assert (counts.offered, counts.answered, counts.abandoned, counts.overflowed) == (6, 3, 2, 1)
    assert AnalyticsService().level(counts) == 100 * 2 / (3 + 2 - 1)
    assert counts.average_speed_of_answer == pytest.approx((10 + 30 + 31) / 3)
    assert counts.abandonment_rate == pytest.approx(100 * 2 / 6)


@override_settings(DJANGO_TWILIO_SHORT_ABANDON_THRESHOLD=60)
def test_what_counts_as_short_is_configured_and_said(a_morning: None) -> None:
    service = AnalyticsService()

    assert service.level(service.get_call_analytics(first=DAY, last=DAY, now=NOW)) == 100 * 2 / 3
    assert service.formula.endswith("abandoned within 60 s)")


def test_a_callbacks_wait_begins_when_it_is_lined_up_and_not_the_night_before(queue: Queue, now: datetime) -> None:
    """In rows, and when they have been counted."""
    for state, waited in ((QueueEntryState.ANSWERED, 20), (QueueEntryState.ABANDONED, 3)):
        kept = visit(queue, state, now, waited)
        QueueEntry.objects.filter(pk=kept.pk).update(enqueued_at=now - timedelta(hours=9))

    for _ in range(2):
        cache.clear()
        counts = AnalyticsService().get_call_analytics(first=DAY, last=DAY, now=NOW)
        assert (counts.answered_in_time, counts.abandoned_short, counts.average_speed_of_answer) == (1, 1, 20)
        IntervalService().count(now=now)
    assert QueueInterval.objects.get().abandon_wait_ms == 3000


def test_nobody_at_all_gives_no_figure_rather_than_a_wrong_one() -> None:
    counts = AnalyticsService().get_call_analytics(first=DAY, last=DAY, now=NOW)

    assert counts == CallCounts()
    assert (AnalyticsService().level(counts), counts.abandonment_rate, counts.average_speed_of_answer) == (
        None,
        None,
        None,
    )


def test_a_queue_can_be_asked_for_alone(a_morning: None, now: datetime) -> None:
    visit(Queue.objects.create(key="sales", name="Sales"), "answered", now, 5)

    assert AnalyticsService().get_call_analytics(first=DAY, last=DAY, queue_key="sales", now=NOW).offered == 1


def test_counting_what_has_ended_changes_no_figure(a_morning: None, queue: Queue, now: datetime) -> None:
    waiting = visit(queue, QueueEntryState.WAITING, now, 0)
    QueueEntry.objects.filter(pk=waiting.pk).update(ended_at=None)
    QueueEntry.objects.filter(state="overflowed").update(overflow_to="callback", ended_at=F("enqueued_at"))

    def figures() -> tuple[object, ...]:
        cache.clear()
        service = AnalyticsService()
        board = service.wallboard(now=now)
        return service.get_call_analytics(first=DAY, last=DAY, now=now), board.totals, board.queues

    before = figures()
    assert IntervalService().count(now=now) == 6
    assert figures() == before


def test_what_has_been_counted_is_never_read_of_rows(a_morning: None, now: datetime) -> None:
    IntervalService().count(now=now)
    QueueEntry.objects.all().update(state="abandoned", enqueued_at=now)

    assert AnalyticsService().get_call_analytics(first=DAY, last=DAY, now=now).answered == 3


@override_settings(
    DJANGO_TWILIO_SERVICE_LEVEL_ABANDONED="timely",
    DJANGO_TWILIO_SERVICE_LEVEL_SHORT=True,
    DJANGO_TWILIO_SERVICE_LEVEL_OVERFLOWED=True,
)
def test_the_wallboards_level_is_by_the_deploys_rule(a_morning: None, now: datetime) -> None:
    for _ in range(2):
        board = AnalyticsService().wallboard(now=now)
        assert board.totals.service_level == board.queues[0].service_level == 100 * 3 / 6
        assert board.formula.endswith("÷ (answered + abandoned + overflowed)")
        IntervalService().count(now=now)


@override_settings(TIME_ZONE="Asia/Tokyo")
def test_days_begin_where_the_call_center_is(queue: Queue) -> None:
    visit(queue, "answered", datetime.fromisoformat("2026-03-01T15:00:00+00:00"), 5)  # midnight in Tokyo
    visit(queue, "answered", datetime.fromisoformat("2026-03-01T14:59:59+00:00"), 5)

    assert AnalyticsService().get_call_analytics(first=DAY, last=DAY, now=NOW).offered == 1


@pytest.mark.parametrize("days", [-1, 366])
def test_a_period_that_cannot_be_right_is_refused(days: int) -> None:
    with pytest.raises(ValidationError, match="1 to 366 days"):
        AnalyticsService().get_call_analytics(first=DAY, last=DAY + timedelta(days=days), now=NOW)


def asked(*, first: date = DAY, last: date = DAY, queue_key: str = "", now: datetime = NOW) -> tuple[int, int]:
    """Visits, and the queries it took to count them."""
    with CaptureQueriesContext(connection) as queries:
        counts = AnalyticsService().get_call_analytics(first=first, last=last, queue_key=queue_key, now=now)
    return counts.offered, len(queries)


@pytest.mark.django_db(transaction=True)
def test_a_report_is_computed_once_until_a_queue_changes(a_morning: None, queue: Queue) -> None:
    assert [asked() for _ in range(3)] == [(6, 2), (6, 0), (6, 0)]  # counted, and not counted yet
    queue.save()
    assert asked() == (6, 2)


@pytest.mark.django_db(transaction=True)
def test_one_computation_serves_every_queue(a_morning: None, queue: Queue, now: datetime) -> None:
    sales = Queue.objects.create(key="sales", name="Sales")
    for days in (0, 1):
        visit(sales, "answered", now - timedelta(days=days), 5)
    before = DAY - timedelta(days=1)

    assert asked(first=before) == (8, 4)  # two of the day that is over, and today
    assert asked(first=before, queue_key="sales") == (2, 0)
    assert asked(queue_key=queue.key) == (6, 0)
    assert asked(queue_key="nobody's") == (0, 0)


@pytest.mark.django_db(transaction=True)
def test_a_period_is_the_sum_of_days_that_are_kept(queue: Queue, now: datetime) -> None:
    for days in (3, 2, 2, 0):
        visit(queue, "answered", now - timedelta(days=days), 5)
    first = DAY - timedelta(days=3)

    assert asked(first=first) == (4, 4)  # two of the days that are over, and today
    assert asked(first=first + timedelta(days=1)) == (3, 0)
    assert asked(first=first - timedelta(days=1), last=first) == (1, 2)  # one day more
    assert asked(first=DAY + timedelta(days=1), last=DAY + timedelta(days=2)) == (0, 0)


@pytest.mark.django_db(transaction=True)
def test_another_rule_for_short_waits_counts_anew_at_once(a_morning: None, queue: Queue, now: datetime) -> None:
    visit(queue, "abandoned", now - timedelta(days=1), 40)
    first = DAY - timedelta(days=1)

    def short() -> int:
        return AnalyticsService().get_call_analytics(first=first, last=DAY, now=NOW).abandoned_short

    assert short() == 1
    with override_settings(DJANGO_TWILIO_SHORT_ABANDON_THRESHOLD=60):
        assert short() == 3


@pytest.mark.django_db(transaction=True)
def test_a_day_counts_as_over_when_its_last_caller_must_have_gone(queue: Queue) -> None:
    visit(queue, "waiting", datetime.fromisoformat("2026-03-02T23:59:00+00:00"), 0)
    after = datetime.fromisoformat("2026-03-03T00:30:00+00:00")

    AnalyticsService().get_call_analytics(first=DAY, last=DAY, now=after)
    QueueEntry.objects.update(state="abandoned")
    invalidate_service_cache("analytics")

    assert AnalyticsService().get_call_analytics(first=DAY, last=DAY, now=after).abandoned == 1


@pytest.mark.django_db(transaction=True)
def test_all_queues_are_looked_at_once_until_one_of_them_changes(queue: Queue, agent: Agent, now: datetime) -> None:
    Queue.objects.create(key="sales", name="Sales")
    waiting = visit(queue, QueueEntryState.WAITING, now - timedelta(seconds=42), 0)
    QueueEntry.objects.filter(pk=waiting.pk).update(ended_at=None)
    visit(queue, "answered", now - timedelta(minutes=20), 5)

    def figures() -> tuple[AllQueues, int]:
        with CaptureQueriesContext(connection) as queries:
            found = AnalyticsService().queue_figures(now=now)
        return found, len(queries)

    first, queries = figures()
    support, sales = first.queues["support"], first.queues["sales"]
    assert (support.waiting, support.longest_wait_s, support.agents_available, support.today.offered) == (1, 42, 1, 2)
    assert (sales.waiting, sales.longest_wait_s, sales.agents_available, sales.today) == (0, None, 0, CallCounts())
    assert (first.as_of, queries) == (now, 5)
    assert figures() == (first, 0)

    Queue.objects.filter(key="sales").update(name="Sales and more")
    again, queries = figures()
    assert (again.queues["sales"].name, queries) == ("Sales and more", 5)


@pytest.mark.django_db(transaction=True)
def test_the_roster_is_read_once_until_an_agent_changes(agent: Agent, now: datetime) -> None:
    first = AnalyticsService().roster(now=now)
    assert AnalyticsService().roster(now=now + timedelta(seconds=9)) == first

    agent.name = "Ada Lovelace"
    agent.save()

    (line,) = AnalyticsService().roster(now=now).agents
    assert (line.name, line.state) == ("Ada Lovelace", "available")


def test_the_wallboard_says_who_waits_and_who_talks(queue: Queue, agent: Agent, now: datetime) -> None:
    make_agent("grace", queue, state="lunch")
    waiting = visit(queue, QueueEntryState.WAITING, now - timedelta(seconds=42), 0)
    QueueEntry.objects.filter(pk=waiting.pk).update(ended_at=None)

    board = AnalyticsService().wallboard(now=now)

    assert (board.totals.waiting, board.totals.longest_wait_s, board.calls_now) == (1, 42, 0)
    assert [(line.name, line.waiting, line.offered_today) for line in board.queues] == [("Support", 1, 1)]
    assert [(line.name, line.state) for line in board.agents] == [("Ada", "available"), ("Grace", "lunch")]


def test_yesterdays_callers_are_not_in_todays_figures(queue: Queue, now: datetime) -> None:
    visit(queue, "answered", now - timedelta(days=1), 5)

    (line,) = AnalyticsService().wallboard(now=now).queues

    assert (line.offered_today, line.service_level) == (0, None)
