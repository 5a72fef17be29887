"""Metrics through a day, by interval, from interval counts alone; and whom its volume needed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import F

from .. import erlang
from ..exceptions import NotFound
from ..models import INTERVAL, Queue, QueueInterval
from .base import BaseService, cache_result
from .figures import QueueCounts, added, from_row, handle_time
from .reporting import first_open_day, midnight


@dataclass(frozen=True, slots=True)
class StaffedInterval:
    """An interval's volume, and the agents it needed for the target; None where no handle time is known."""

    begins_at: datetime
    counts: QueueCounts
    needed: erlang.Staffing | None
    on_payroll: int | None


class MetricsService(BaseService):
    """Figures of one day. A day that is over is kept as the configuration says for "metrics"."""

    service_type = "metrics"

    def intervals(self, *, day: date, queue_key: str = "", now: datetime) -> tuple[tuple[datetime, QueueCounts], ...]:
        """Every interval of the day, 96 of them where no clock is changed, with what was counted in it."""
        found = self.day(day=day, queue_key=queue_key) if day < first_open_day(now) else _day(day, queue_key)
        begin, end = midnight(day), midnight(day + timedelta(days=1))
        number = int((end - begin) / INTERVAL)
        return tuple(
            (moment, found.get(moment, QueueCounts())) for moment in (begin + step * INTERVAL for step in range(number))
        )

    @cache_result(service_type="metrics", key_prefix="day")
    def day(self, *, day: date, queue_key: str = "") -> dict[datetime, QueueCounts]:
        """Beginning of an interval -> what was counted, of a day that is over."""
        return _day(day, queue_key)

    def staffing(
        self, *, day: date, queue_key: str = "", target: float, threshold_s: int, shrinkage: float, now: datetime
    ) -> tuple[StaffedInterval, ...]:
        """The day's volume with the agents it needed: `target` (0 to 1) answered within the threshold, by Erlang C.

        The handle time is the whole day's, or that of a quarter of an hour with two calls would lead.
        """
        self.must_be_on("enable_analytics")
        intervals = self.intervals(day=day, queue_key=queue_key, now=now)
        handle_time_s = handle_time(added(QueueCounts, (counts for _, counts in intervals)))
        return tuple(
            _staffed(moment, counts, _needed(counts, handle_time_s, threshold_s, target), shrinkage)
            for moment, counts in intervals
        )


def _staffed(
    moment: datetime, counts: QueueCounts, needed: erlang.Staffing | None, shrinkage: float
) -> StaffedInterval:
    employed = None if needed is None else erlang.on_payroll(needed.agents, shrinkage=shrinkage)
    return StaffedInterval(moment, counts, needed, employed)


def _needed(
    counts: QueueCounts, handle_time_s: float | None, threshold_s: int, target: float
) -> erlang.Staffing | None:
    if handle_time_s is None:
        return None
    load = erlang.traffic(calls=counts.offered, period_s=INTERVAL.total_seconds(), handle_time_s=handle_time_s)
    if load > erlang.MOST:
        return None
    return erlang.agents_needed(load=load, handle_time_s=handle_time_s, threshold_s=threshold_s, target=target)


def _day(day: date, queue_key: str) -> dict[datetime, QueueCounts]:
    rows = QueueInterval.objects.between(midnight(day), midnight(day + timedelta(days=1)))
    if queue_key:
        if not Queue.objects.filter(key=queue_key).exists():
            raise NotFound(f"queue {queue_key!r}")
        rows = rows.filter(queue__key=queue_key)
    return {row["moment"]: from_row(QueueCounts, row) for row in rows.totals(moment=F("begins_at"))}
