"""What a call center's pages and webhooks ask in a day, as cached functions over the project's services and models.

Menu and reports are the project's own cached methods. The others are what the configuration has services for and the
project does not cache yet, computed from its models with its queries: how a queue is doing, who is there, who may take
a queue's calls.
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from django.db import connection
from django.db.models import Count
from django_twilio_call.cache import cache_result
from django_twilio_call.constants import AgentStatus
from django_twilio_call.models import AgentStateSpan, Queue, QueueMembership
from django_twilio_call.services import AnalyticsService, IVRService

DAY: Final = date(2026, 3, 2)
OURS: Final = "(c) ours"
MIDNIGHT: Final = datetime(2026, 3, 2, tzinfo=UTC)


@dataclass
class Moment:
    """The virtual clock: seconds since midnight, and how many edits were committed so far."""

    seconds: float = 0.0
    edits: int = 0

    def time(self) -> float:
        """As `time.time`."""
        return MIDNIGHT.timestamp() + self.seconds

    def now(self) -> datetime:
        """As a moment of that day."""
        return MIDNIGHT + timedelta(seconds=self.seconds)


@dataclass
class Meter:
    """What computing costs, by who asked (a policy) and what was asked."""

    policy: str = ""
    seconds: dict[tuple[str, str], list[float]] = field(default_factory=lambda: defaultdict(list))
    queries: Counter[tuple[str, str]] = field(default_factory=Counter)

    @contextlib.contextmanager
    def computing(self, what: str) -> Iterator[None]:
        """Measure what is done inside."""

        def count(execute: Callable[..., Any], *args: Any) -> Any:
            self.queries[self.policy, what] += 1
            return execute(*args)

        began = time.perf_counter()
        with connection.execute_wrapper(count):
            yield
        self.seconds[self.policy, what].append(time.perf_counter() - began)


moment: Final = Moment()
meter: Final = Meter()

Answer = list[Any]
"""When it was computed, after how many edits, and what."""


def _answer(what: str, compute: Callable[[], Any]) -> Answer:
    as_of = (moment.seconds, moment.edits)
    with meter.computing(what):
        return [*as_of, compute()]


@cache_result(service_type="ivr", key_prefix="day-menu")
def menu() -> Answer:
    """The project's."""
    return _answer("menu", lambda: IVRService.options.function(IVRService()))


@cache_result(service_type="analytics", key_prefix="day-report")
def report(back: int, days: int, queue_key: str) -> Answer:
    """The project's, for days that begin so many back.

    Ours is the sum of days that are kept on their own; the other policies know no parts, and count the whole period.
    """
    service, first = AnalyticsService(), DAY - timedelta(days=back)
    what = "report of today" if back == 0 else f"report of {days} day{'s' * (days > 1)}"

    def compute() -> Any:
        last = first + timedelta(days=days - 1)
        if meter.policy == OURS:
            report = AnalyticsService.get_call_analytics.function
            return report(service, first=first, last=last, queue_key=queue_key, now=moment.now())
        begin = MIDNIGHT - timedelta(days=back)
        return service._counted(begin, begin + timedelta(days=days), queue_key=queue_key).get(0)

    return _answer(what, compute)


@cache_result(service_type="queue", key_prefix="day-metrics")
def metrics(queue_key: str) -> Answer:
    """One queue on the wall: who waits, who could answer, and the day so far."""

    def compute() -> list[Any]:
        service = AnalyticsService()
        queue = Queue.objects.get(key=queue_key)
        waiting = service._waiting(moment.now()).get(queue.pk, (0, None))
        ready = AgentStateSpan.objects.current().filter(
            state=AgentStatus.AVAILABLE, agent__memberships__queue_id=queue.pk
        )
        today = service._counted(MIDNIGHT, moment.now(), queue_key=queue_key).get(0)
        return [queue.name, *waiting, ready.count(), today]

    return _answer("queue metrics", compute)


@cache_result(service_type="agent", key_prefix="day-roster")
def roster() -> Answer:
    """Everybody's name and state."""
    return _answer("roster", lambda: AnalyticsService()._agents())


@cache_result(service_type="routing", key_prefix="day-rules")
def rules(queue_key: str) -> Answer:
    """What decides who gets a queue's next call: its rules, and who belongs to it and to how many others."""

    def compute() -> list[Any]:
        queue = Queue.objects.get(key=queue_key)
        members = QueueMembership.objects.filter(queue=queue).values_list("agent", "agent__name").order_by("agent")
        return [
            [queue.priority, queue.max_wait, queue.wrap_up_time, queue.max_size],
            [list(row) for row in members.annotate(others=Count("agent__memberships"))],
        ]

    return _answer("routing rules", compute)
