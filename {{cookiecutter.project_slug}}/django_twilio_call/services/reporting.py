"""Reports of past periods, from interval counts alone: by queue, by agent, by day.

Days that are over are asked for once and kept as the configuration says for "reporting"; a day that goes on is read
anew. Spans that agents are still in are added to it, so that who has been available for hours does not count as away.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from django.db.models import F
from django.db.models.functions import TruncDate
from django.utils import timezone
from django.utils.translation import gettext

from ..constants import Limits
from ..exceptions import ValidationError
from ..models import TIMED_STATES, Agent, AgentInterval, AgentStateSpan, Queue, QueueInterval
from .base import BaseService, cache_result
from .figures import AgentCounts, QueueCounts, added, from_row

LONGEST_PERIOD: Final = 366
"""Days a report may cover."""
YEARS: Final = range(2000, 2100)


@dataclass(frozen=True, slots=True)
class QueueReport:
    """One queue's counts in the period."""

    key: str
    name: str
    threshold_s: int
    counts: QueueCounts


@dataclass(frozen=True, slots=True)
class AgentReport:
    """One agent's counts in the period."""

    name: str
    counts: AgentCounts


@dataclass(frozen=True, slots=True)
class Report:
    """All of it. `days` has every day of the period; agents are there who did anything, of all queues together."""

    first: date
    last: date
    total: QueueCounts
    agents_total: AgentCounts
    queues: tuple[QueueReport, ...]
    agents: tuple[AgentReport, ...]
    days: tuple[tuple[date, QueueCounts], ...]


class ReportingService(BaseService):
    """Figures of a period, in a number of queries that grows with nothing."""

    service_type = "reporting"

    def report(self, *, first: date, last: date, queue_key: str = "", now: datetime) -> Report:
        """The days from the first to the last, both included; of one queue, or of all that had calls or take some."""
        self.must_be_on("enable_analytics")
        check_period(first, last)
        going_on = first_open_day(now)
        by_day: dict[tuple[date, int], QueueCounts] = {}
        by_agent: list[Mapping[int, AgentCounts]] = []
        if first < going_on:
            over = min(last, going_on - timedelta(days=1))
            by_day |= self.queue_days(first=first, last=over)
            by_agent.append(self.agents(first=first, last=over))
        if last >= going_on:
            since = max(first, going_on)
            by_day |= _queue_days(since, last)
            by_agent += [_agents(since, last), _under_way(midnight(since), midnight(last + timedelta(days=1)), now)]
        queues = [queue for queue in Queue.objects.all() if queue_key in ("", queue.key)]
        if not queues and queue_key:
            raise ValidationError(f"queue {queue_key!r} is none")
        return _assembled(first, last, queues, by_day, by_agent)

    def intervals(self, *, first: date, last: date, queue_key: str = "") -> Iterator[tuple[datetime, str, QueueCounts]]:
        """(begin, queue's name, counts) of every interval in which something was, in that order, as they are read."""
        self.must_be_on("enable_analytics")
        check_period(first, last)
        rows = QueueInterval.objects.between(midnight(first), midnight(last + timedelta(days=1)))
        rows = rows.filter(queue__key=queue_key) if queue_key else rows
        names = [field.name for field in fields(QueueCounts)]
        found = rows.order_by("begins_at", "queue__name").values_list("begins_at", "queue__name", *names)
        return ((row[0], row[1], QueueCounts(*row[2:])) for row in found.iterator(self.batch_size))

    @cache_result(service_type="reporting", key_prefix="queue_days")
    def queue_days(self, *, first: date, last: date) -> dict[tuple[date, int], QueueCounts]:
        """(day, queue's pk) -> counts, of days that are over."""
        return _queue_days(first, last)

    @cache_result(service_type="reporting", key_prefix="agents")
    def agents(self, *, first: date, last: date) -> dict[int, AgentCounts]:
        """Agent's pk -> counts, of days that are over."""
        return _agents(first, last)


def check_period(first: date, last: date) -> None:
    """Refuses a period that cannot be meant."""
    if not 0 < (last - first).days + 1 <= LONGEST_PERIOD:
        raise ValidationError(
            gettext("%(first)s to %(last)s must be a period of 1 to %(days)s days")
            % {"first": first, "last": last, "days": LONGEST_PERIOD}
        )
    if first.year not in YEARS or last.year not in YEARS:
        raise ValidationError(
            gettext("%(first)s to %(last)s must be in the years %(from)s to %(until)s")
            % {"first": first, "last": last, "from": YEARS[0], "until": YEARS[-1]}
        )


def midnight(day: date) -> datetime:
    """When a day begins, where the call center is; in UTC, in which lengths of time are what they are."""
    return timezone.make_aware(datetime.combine(day, time())).astimezone(UTC)


def first_open_day(now: datetime) -> date:
    """The first day that is not over: whoever came before it has gone."""
    return timezone.localdate(now - timedelta(seconds=Limits.MAX_QUEUE_WAIT_TIME))


def _queue_days(first: date, last: date) -> dict[tuple[date, int], QueueCounts]:
    rows = QueueInterval.objects.between(midnight(first), midnight(last + timedelta(days=1)))
    days = rows.totals(day=TruncDate("begins_at"), owner=F("queue_id"))
    return {(row["day"], row["owner"]): from_row(QueueCounts, row) for row in days}


def _agents(first: date, last: date) -> dict[int, AgentCounts]:
    rows = AgentInterval.objects.between(midnight(first), midnight(last + timedelta(days=1)))
    return {row["owner"]: from_row(AgentCounts, row) for row in rows.totals(owner=F("agent_id"))}


def _under_way(begin: datetime, end: datetime, now: datetime) -> dict[int, AgentCounts]:
    """What of the spans that agents are still in lies in the period so far."""
    spans = AgentStateSpan.objects.current().filter(state__in=TIMED_STATES, started_at__lt=end)
    found = {}
    for agent_id, state, started_at in spans.values_list("agent_id", "state", "started_at"):
        length = (min(now, end) - max(started_at, begin)) // timedelta(milliseconds=1)
        if length > 0:
            found[agent_id] = AgentCounts(**{f"{state}_ms": length})
    return found


def _assembled(
    first: date,
    last: date,
    queues: list[Queue],
    by_day: Mapping[tuple[date, int], QueueCounts],
    by_agent: list[Mapping[int, AgentCounts]],
) -> Report:
    wanted = {queue.pk for queue in queues}
    of_queue: dict[int, list[QueueCounts]] = {}
    of_day: dict[date, list[QueueCounts]] = {}
    for (day, queue_id), counts in by_day.items():
        if queue_id in wanted:
            of_queue.setdefault(queue_id, []).append(counts)
            of_day.setdefault(day, []).append(counts)
    queue_reports = tuple(
        _queue_report(queue, of_queue.get(queue.pk, [])) for queue in queues if queue.is_active or queue.pk in of_queue
    )
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    agents = _agent_reports(by_agent)
    return Report(
        first=first,
        last=last,
        total=added(QueueCounts, (report.counts for report in queue_reports)),
        agents_total=added(AgentCounts, (report.counts for report in agents)),
        queues=queue_reports,
        agents=agents,
        days=tuple((day, added(QueueCounts, of_day.get(day, []))) for day in days),
    )


def _queue_report(queue: Queue, counts: list[QueueCounts]) -> QueueReport:
    return QueueReport(queue.key, queue.name, queue.service_level_threshold, added(QueueCounts, counts))


def _agent_reports(parts: list[Mapping[int, AgentCounts]]) -> tuple[AgentReport, ...]:
    names = dict(Agent.objects.values_list("pk", "name"))
    did = {pk for part in parts for pk in part}
    reports = [
        AgentReport(names[pk], added(AgentCounts, (part[pk] for part in parts if pk in part)))
        for pk in did & names.keys()
    ]
    return tuple(sorted(reports, key=lambda report: report.name))
