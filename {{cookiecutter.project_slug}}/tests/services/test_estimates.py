"""How long a caller is told they will wait."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.core.cache import cache

from django_twilio_call.constants import QueueEntryState
from django_twilio_call.models import Agent, AgentStateSpan, Queue, QueueEntry
from django_twilio_call.services import EstimateService
from django_twilio_call.services.estimates import pace

from .test_routing import waiting


def at(now: datetime, *seconds: int) -> list[tuple[datetime, datetime | None]]:
    """Visits from pairs of (enqueued, answered) seconds."""
    times = [now + timedelta(seconds=second) for second in seconds]
    return list(zip(times[::2], times[1::2], strict=True))


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ((0, 10, 0, 20, 0, 30, 0, 40, 0, 50), 10),  # all came at once, one was answered every ten seconds
        ((0, 10, 100, 110, 200, 210, 300, 310, 400, 410), 10),  # nobody ever waited behind another
        ((0, 0, 10, 10, 20, 20, 30, 30, 40, 40), 0),  # answered at once
        ((0, 10, 0, 20, 0, 30, 0, 40), None),  # too few
    ],
)
def test_the_pace_is_the_time_at_the_head_of_the_line(
    now: datetime, seconds: tuple[int, ...], expected: float | None
) -> None:
    assert pace(at(now, *seconds)) == expected
    assert pace(reversed(at(now, *seconds))) == expected


@pytest.fixture
def busy(queue: Queue, agent: Agent, now: datetime) -> None:
    """Six callers came five minutes ago and were answered one a minute."""
    for number in range(1, 7):
        entry = waiting(queue, number, now - timedelta(minutes=5))
        entry.answered_at = entry.enqueued_at + timedelta(minutes=number)
        entry.state = QueueEntryState.ANSWERED
        entry.save()


@pytest.mark.django_db
def test_each_place_costs_the_pace(busy: None, queue: Queue, now: datetime) -> None:
    assert EstimateService().estimate(queue_id=queue.pk, position=3, now=now) == 180


@pytest.mark.django_db
def test_with_nobody_logged_in_nothing_is_known(busy: None, queue: Queue, now: datetime) -> None:
    AgentStateSpan.objects.update(state="offline")

    assert EstimateService().estimate(queue_id=queue.pk, position=3, now=now) is None


@pytest.mark.django_db
def test_with_nobody_but_who_went_home_on_a_break_nothing_is_known(
    busy: None, queue: Queue, agent: Agent, now: datetime
) -> None:
    AgentStateSpan.objects.update(state="lunch")
    assert EstimateService().estimate(queue_id=queue.pk, position=3, now=now) == 180

    Agent.objects.heard(agent_id=agent.pk, now=now - timedelta(hours=1))
    cache.clear()
    assert EstimateService().estimate(queue_id=queue.pk, position=3, now=now) is None


@pytest.mark.django_db
def test_what_is_long_ago_tells_nothing(busy: None, queue: Queue, now: datetime) -> None:
    assert EstimateService().estimate(queue_id=queue.pk, position=3, now=now + timedelta(hours=1)) is None


@pytest.mark.django_db
def test_calls_nobody_answered_tell_nothing(busy: None, queue: Queue, now: datetime) -> None:
    QueueEntry.objects.update(state=QueueEntryState.ABANDONED)

    assert EstimateService().estimate(queue_id=queue.pk, position=3, now=now) is None
