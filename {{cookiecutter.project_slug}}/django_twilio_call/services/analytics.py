"""What the figures say: the live wallboard, and call analytics of past days.

Ratios are never stored: counts and sums are, so figures of any two periods add up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from django.db.models import Count, DurationField, ExpressionWrapper, F, IntegerField, Min, Q, Sum, Value
from django.db.models.functions import Cast, TruncDate
from django.utils import timezone

from ..cache import cached_parts
from ..constants import AgentStatus, CacheKeyPrefixes, Limits, QueueEntryState, ReservationState
from ..exceptions import ValidationError
from ..models import Agent, AgentStateSpan, Queue, QueueEntry, Reservation
from .base import BaseService, cache_result

FORMULA: Final = "answered in time ÷ (answered + abandoned − abandoned within {short} s)"
"""The service level's formula: shown beside every figure that it gives."""

LONGEST_PERIOD: Final = 366
"""Days a report may cover."""

_WAIT = ExpressionWrapper(F("answered_at") - F("enqueued_at"), output_field=DurationField())
_THRESHOLD = ExpressionWrapper(
    # Cast: on SQLite Django multiplies no PositiveIntegerField with a duration.
    Cast("queue__service_level_threshold", IntegerField()) * timedelta(seconds=1),
    output_field=DurationField(),
)


@dataclass(frozen=True, slots=True)
class CallCounts:
    """Visits to queues in a period, by outcome. `wait_s` is the sum of seconds that answered callers waited."""

    offered: int = 0
    answered: int = 0
    answered_in_time: int = 0
    abandoned: int = 0
    abandoned_short: int = 0
    overflowed: int = 0
    wait_s: float = 0.0

    @property
    def service_level(self) -> float | None:
        """Per cent, by `FORMULA`; None where nobody counts."""
        return _percent(self.answered_in_time, self.answered + self.abandoned - self.abandoned_short)

    @property
    def abandonment_rate(self) -> float | None:
        """Per cent of those offered."""
        return _percent(self.abandoned, self.offered)

    @property
    def average_speed_of_answer(self) -> float | None:
        """ASA: mean seconds that answered callers waited."""
        return self.wait_s / self.answered if self.answered else None


@dataclass(frozen=True, slots=True)
class QueueLine:
    """One queue now and today."""

    name: str
    waiting: int
    longest_wait_s: float | None
    service_level_threshold_s: int
    offered_today: int
    answered_today: int
    abandoned_today: int
    overflowed_today: int
    service_level: float | None


@dataclass(frozen=True, slots=True)
class AgentLine:
    """One agent now: their state, and since when (None for one who was never on duty)."""

    name: str
    state: str
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Totals:
    """All queues together."""

    waiting: int
    longest_wait_s: float | None
    service_level: float | None


@dataclass(frozen=True, slots=True)
class Wallboard:
    """Everything the wallboard shows."""

    totals: Totals
    calls_now: int
    queues: tuple[QueueLine, ...]
    agents: tuple[AgentLine, ...]
    formula: str


class AnalyticsService(BaseService):
    """Figures, in a number of queries that does not grow with the call center."""

    service_type = "analytics"

    def wallboard(self, *, now: datetime) -> Wallboard:
        """The state of things at `now`, and the day so far (it begins at midnight, in the configured time zone)."""
        begin = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
        today = self._counted(begin, now, by="queue")
        waiting = self._waiting(now)
        total = _added(today.values())
        return Wallboard(
            totals=Totals(
                waiting=sum(count for count, _ in waiting.values()),
                longest_wait_s=max((longest for _, longest in waiting.values()), default=None),
                service_level=total.service_level,
            ),
            calls_now=Reservation.objects.filter(
                state=ReservationState.ACCEPTED, entry__state=QueueEntryState.ANSWERED
            ).count(),
            queues=tuple(
                _queue_line(queue, today.get(queue.pk, CallCounts()), *waiting.get(queue.pk, (0, None)))
                for queue in Queue.objects.filter(is_active=True)
            ),
            agents=self._agents(),
            formula=self.formula,
        )

    @property
    def formula(self) -> str:
        """The service level's formula with this deploy's figures."""
        return FORMULA.format(short=self.config.short_abandon_threshold)

    @cache_result(service_type="analytics", key_prefix=CacheKeyPrefixes.CALL_ANALYTICS, ignore=["now"])
    def get_call_analytics(self, *, first: date, last: date, queue_key: str = "", now: datetime) -> CallCounts:
        """Visits that began from the first to the last day, both included; of one queue, or of all.

        Cached as the configuration says for "analytics": a figure of today may be that old. Days that are over are
        counted once and kept on their own, for "reporting", so any period is the sum of days that are there already.
        """
        days = (last - first).days + 1
        if not 0 < days <= LONGEST_PERIOD:
            raise ValidationError(f"{first} to {last} must be a period of 1 to {LONGEST_PERIOD} days")
        over = timezone.localdate(now - timedelta(seconds=Limits.MAX_QUEUE_WAIT_TIME))  # whoever came before has gone
        closed = [day for number in range(days) if (day := first + timedelta(days=number)) < over]
        kept = cached_parts(
            [(day, queue_key) for day in closed],
            service_type="reporting",
            name="calls_of_a_day",
            compute=lambda missing: self._of_days([day for day, _ in missing], queue_key),
        )
        rest = self._counted(_midnight(max(first, over)), _midnight(last + timedelta(days=1)), queue_key=queue_key)
        return _added([*kept.values(), *rest.values()])

    def _of_days(self, days: list[date], queue_key: str) -> dict[tuple[date, str], CallCounts]:
        """Visits of each of these days, in one query."""
        begin, end = _midnight(min(days)), _midnight(max(days) + timedelta(days=1))
        found = self._counted(begin, end, by="day", queue_key=queue_key)
        return {(day, queue_key): found.get(day, CallCounts()) for day in days}

    def _counted(self, begin: datetime, end: datetime, *, by: str = "", queue_key: str = "") -> dict[Any, CallCounts]:
        """Visits that began from `begin` and before `end`, and have ended or not, by queue or by day."""
        if begin >= end:
            return {}
        visits = QueueEntry.objects.filter(enqueued_at__gte=begin, enqueued_at__lt=end)
        if queue_key:
            visits = visits.filter(queue__key=queue_key)
        group = {"queue": F("queue_id"), "day": TruncDate("enqueued_at"), "": Value(0)}[by]
        answered = Q(state=QueueEntryState.ANSWERED)
        short = timedelta(seconds=self.config.short_abandon_threshold)
        rows = (
            visits.order_by()
            .values(group=group)
            .annotate(
                offered=Count("pk"),
                answered=Count("pk", filter=answered),
                answered_in_time=Count("pk", filter=answered & Q(answered_at__lte=F("enqueued_at") + _THRESHOLD)),
                abandoned=Count("pk", filter=Q(state=QueueEntryState.ABANDONED)),
                abandoned_short=Count(
                    "pk", filter=Q(state=QueueEntryState.ABANDONED, ended_at__lt=F("enqueued_at") + short)
                ),
                overflowed=Count("pk", filter=Q(state=QueueEntryState.OVERFLOWED)),
                waited=Sum(_WAIT, filter=answered),
            )
        )
        return {row["group"]: _counts(row) for row in rows}

    def _waiting(self, now: datetime) -> dict[int, tuple[int, float]]:
        """Queue -> (callers in line, seconds the first of them has waited)."""
        line = QueueEntry.objects.filter(state__in=QueueEntryState.OPEN_STATES).order_by().values("queue")
        rows = line.annotate(count=Count("pk"), first=Min("enqueued_at"))
        return {row["queue"]: (row["count"], (now - row["first"]).total_seconds()) for row in rows}

    def _agents(self) -> tuple[AgentLine, ...]:
        spans = {span.agent_id: span for span in AgentStateSpan.objects.current()}
        return tuple(
            AgentLine(agent.name, span.state, span.started_at) if (span := spans.get(agent.pk)) else _off_duty(agent)
            for agent in Agent.objects.all()
        )


def _off_duty(agent: Agent) -> AgentLine:
    return AgentLine(agent.name, AgentStatus.OFFLINE, None)


def _counts(row: Mapping[str, Any]) -> CallCounts:
    counts = {name: row[name] for name in CallCounts.__slots__ if name != "wait_s"}
    return CallCounts(**counts, wait_s=row["waited"].total_seconds() if row["waited"] else 0.0)


def _added(each: Any) -> CallCounts:
    rows = [[getattr(counts, name) for name in CallCounts.__slots__] for counts in each]
    return CallCounts(*(sum(column) for column in zip(*rows, strict=True))) if rows else CallCounts()


def _queue_line(queue: Queue, today: CallCounts, waiting: int, longest_wait_s: float | None) -> QueueLine:
    return QueueLine(
        name=queue.name,
        waiting=waiting,
        longest_wait_s=longest_wait_s,
        service_level_threshold_s=queue.service_level_threshold,
        offered_today=today.offered,
        answered_today=today.answered,
        abandoned_today=today.abandoned,
        overflowed_today=today.overflowed,
        service_level=today.service_level,
    )


def _midnight(day: date) -> datetime:
    """When a day begins, where the call center is."""
    return timezone.make_aware(datetime.combine(day, time()))


def _percent(part: int, whole: int) -> float | None:
    return 100 * part / whole if whole > 0 else None
