"""What the figures say: the live wallboard, screens that may lag behind it, and call analytics of past days.

Answers that are kept are those of all queues at once: a screen that shows one queue takes its share of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

from django.db.models import Count, F, Min
from django.db.models.functions import Coalesce, Greatest
from django.utils import timezone

from ..cache import cached_parts
from ..constants import AgentStatus, Limits, QueueEntryState, ReservationState
from ..exceptions import ValidationError
from ..models import PLACEHOLDER, Agent, AgentStateSpan, Queue, QueueEntry, Reservation
from . import counts
from .base import BaseService, cache_result
from .counts import CallCounts, Row
from .figures import Rule

LONGEST_PERIOD: Final = 366
"""Days a report may cover."""


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
class QueueFigures:
    """One queue as of a moment: callers in line, agents who could take one, and the day so far."""

    key: str
    name: str
    waiting: int
    longest_wait_s: float | None
    agents_available: int
    today: CallCounts


@dataclass(frozen=True, slots=True)
class AllQueues:
    """Every active queue, by key, as of one moment."""

    as_of: datetime
    queues: dict[str, QueueFigures]


@dataclass(frozen=True, slots=True)
class AgentLine:
    """One agent now: their state, and since when (None for one who was never on duty)."""

    name: str
    state: str
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Roster:
    """Every agent, as of one moment."""

    as_of: datetime
    agents: tuple[AgentLine, ...]


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
    rule: Rule

    @property
    def formula(self) -> str:
        """The service level's formula, in English."""
        return self.rule.formula


class AnalyticsService(BaseService):
    """Figures, in a number of queries that does not grow with the call center."""

    service_type = "analytics"

    def wallboard(self, *, now: datetime) -> Wallboard:
        """The state of things at `now`, and the day so far (it begins at midnight, in the configured time zone)."""
        self.must_be_on("enable_real_time_metrics")
        today, waiting = self._today(now), _waiting(now)
        return Wallboard(
            totals=Totals(
                waiting=sum(count for count, _ in waiting.values()),
                longest_wait_s=max((longest for _, longest in waiting.values()), default=None),
                service_level=self.level(counts.added(map(counts.row, today.values()))),
            ),
            calls_now=Reservation.objects.filter(
                state=ReservationState.ACCEPTED, entry__state=QueueEntryState.ANSWERED
            ).count(),
            queues=tuple(
                self._line(queue, today.get(queue.key, CallCounts()), *waiting.get(queue.key, (0, None)))
                for queue in Queue.objects.filter(is_active=True)
            ),
            agents=_agents(),
            rule=Rule.of(self.config),
        )

    @property
    def formula(self) -> str:
        """The service level's formula with this deploy's figures."""
        return Rule.of(self.config).formula

    def level(self, counts: CallCounts) -> float | None:
        """The service level in per cent, by `formula`; None where nobody counts."""
        return Rule.of(self.config).service_level(counts)

    def queue_figures(self, *, now: datetime) -> AllQueues:
        """How all queues are doing, for screens that may lag by what the configuration says for "queue"."""
        self.must_be_on("enable_real_time_metrics")
        return self._queue_figures(now=now)

    @cache_result(service_type="queue", key_prefix="figures", ignore=["now"])
    def _queue_figures(self, *, now: datetime) -> AllQueues:
        today, waiting, available = self._today(now), _waiting(now), _available()
        names = Queue.objects.filter(is_active=True).values_list("key", "name")
        figures = {}
        for key, name in names:
            count, longest = waiting.get(key, (0, None))
            figures[key] = QueueFigures(key, name, count, longest, available.get(key, 0), today.get(key, CallCounts()))
        return AllQueues(now, figures)

    def roster(self, *, now: datetime) -> Roster:
        """Everybody's name and state, for screens that may lag by what the configuration says for "agent"."""
        self.must_be_on("enable_real_time_metrics")
        return self._roster(now=now)

    @cache_result(service_type="agent", key_prefix="roster", ignore=["now"])
    def _roster(self, *, now: datetime) -> Roster:
        return Roster(now, _agents())

    def get_call_analytics(self, *, first: date, last: date, queue_key: str = "", now: datetime) -> CallCounts:
        """Visits that began from the first to the last day, both included; of one queue, or of all.

        Any period is the sum of days that are kept, each for all queues: one that is over for as long as the
        configuration says for "reporting", today for "analytics", so a figure of today may be that old.
        """
        self.must_be_on("enable_analytics")
        days = (last - first).days + 1
        if not 0 < days <= LONGEST_PERIOD:
            raise ValidationError(f"{first} to {last} must be a period of 1 to {LONGEST_PERIOD} days")
        over = timezone.localdate(now - timedelta(seconds=Limits.MAX_QUEUE_WAIT_TIME))  # whoever came before has gone
        wanted = [first + timedelta(days=number) for number in range(days)]
        rows = list(self._over([day for day in wanted if day < over]).values())
        if last >= over:
            so_far = self._so_far(since=over, short=self.config.short_abandon_threshold, now=now)
            rows += [queues for day, queues in so_far.items() if first <= day <= last]
        return counts.added(row for queues in rows for key, row in queues.items() if queue_key in ("", key))

    def _over(self, days: list[date]) -> dict[tuple[date, int], dict[str, Row]]:
        """(day that is over, what counts as short) -> queue key -> its visits; those not kept are read in one query."""
        short = self.config.short_abandon_threshold

        def read(missing: list[tuple[date, int]]) -> dict[tuple[date, int], dict[str, Row]]:
            begin, end = _midnight(missing[0][0]), _midnight(missing[-1][0] + timedelta(days=1))
            found = counts.by_day(begin, end, short=short)
            return {part: found.get(part[0], {}) for part in missing}

        parts = [(day, short) for day in days]
        return cached_parts(parts, service_type="reporting", name="visits_of_a_day", compute=read)

    @cache_result(service_type="analytics", key_prefix="so_far", ignore=["now"])
    def _so_far(self, *, since: date, short: int, now: datetime) -> dict[date, dict[str, Row]]:
        """Visits of the days that are not over yet: today, and soon after midnight yesterday."""
        return counts.by_day(_midnight(since), _midnight(timezone.localdate(now) + timedelta(days=1)), short=short)

    def _today(self, now: datetime) -> dict[str, CallCounts]:
        midnight = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
        return counts.by_queue(midnight, now, short=self.config.short_abandon_threshold)

    def _line(self, queue: Queue, today: CallCounts, waiting: int, longest_wait_s: float | None) -> QueueLine:
        return QueueLine(
            name=queue.name,
            waiting=waiting,
            longest_wait_s=longest_wait_s,
            service_level_threshold_s=queue.service_level_threshold,
            offered_today=today.offered,
            answered_today=today.answered,
            abandoned_today=today.abandoned,
            overflowed_today=today.overflowed,
            service_level=self.level(today),
        )


def _waiting(now: datetime) -> dict[str, tuple[int, float]]:
    """Queue key -> (callers on the line, seconds the longest wait of them has taken).

    Who is to be called back is not on the line, and waits there from when they have answered.
    """
    line = QueueEntry.objects.filter(state__in=QueueEntryState.OPEN_STATES).exclude(call__sid__startswith=PLACEHOLDER)
    came = Greatest("enqueued_at", Coalesce("call__answered_at", "call__started_at"))
    rows = line.order_by().values("queue__key").annotate(count=Count("pk"), first=Min(came))
    return {row["queue__key"]: (row["count"], (now - row["first"]).total_seconds()) for row in rows}


def _available() -> dict[str, int]:
    """Queue key -> agents of it who could take a call."""
    spans = AgentStateSpan.objects.current().filter(state=AgentStatus.AVAILABLE).order_by()
    rows = spans.values(queue=F("agent__memberships__queue__key")).annotate(count=Count("pk"))
    return {row["queue"]: row["count"] for row in rows}


def _agents() -> tuple[AgentLine, ...]:
    spans = {pk: now for pk, *now in AgentStateSpan.objects.current().values_list("agent_id", "state", "started_at")}
    names = Agent.objects.values_list("pk", "name")
    return tuple(AgentLine(name, *spans.get(pk, (AgentStatus.OFFLINE, None))) for pk, name in names)


def _midnight(day: date) -> datetime:
    """When a day begins, where the call center is."""
    return timezone.make_aware(datetime.combine(day, time()))
