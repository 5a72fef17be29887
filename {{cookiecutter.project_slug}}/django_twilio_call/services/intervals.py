"""Interval counts: every row that has ended is added to its interval once, and any interval can be made anew from rows.

A worker claims rows that are not counted (`SKIP LOCKED`), adds their figures and marks them in one transaction, so a
lost, doubled or late message, or a worker that dies, changes nothing. A row that ends late is added to the interval it
belongs to, however long ago that was. Webhooks pay nothing: the mark is a column of the row they write anyway.
The database adds the rows up: a day of 100,000 calls is made anew without any of them being read into this process.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias

from django.db import transaction
from django.db.models import Aggregate, Count, F, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce, Greatest

from ..cache import invalidate_service_cache
from ..constants import AgentStatus, ReservationState
from ..exceptions import ValidationError
from ..models import (
    INTERVAL,
    TIMED_STATES,
    AgentInterval,
    AgentStateSpan,
    Interval,
    QueueEntry,
    QueueInterval,
    Reservation,
    interval_of,
)
from ..models.counting import ENDED, UNCOUNTED
from ..models.intervals import Key, Milliseconds, Quarter
from . import counts
from .base import BaseService
from .reporting import first_open_day, midnight

COUNTED: Final = Q(is_counted=True)
TALKED: Final = Q(
    state=ReservationState.COMPLETED, entry__answered_at__isnull=False, ended_at__gte=F("entry__answered_at")
)
"""Offers of which a conversation came that has ended."""
Counting: TypeAlias = Callable[["Sums", QuerySet[Any]], None]
_MILLISECOND: Final = timedelta(milliseconds=1)
_WAIT: Final = Milliseconds(counts.CAME, Coalesce("answered_at", "ended_at"))
_TALK_BEGAN: Final = Greatest("entry__answered_at", Coalesce("accepted_at", "created_at"))
"""When the caller and the agent of an offer that `TALKED` were put through."""


class Sums:
    """Figures that come together before they are written: of each model, by owner and interval."""

    def __init__(self) -> None:
        self._of: dict[type[Interval], dict[Key, dict[str, int]]] = {QueueInterval: {}, AgentInterval: {}}

    def add(self, model: type[Interval], owner: int, begins_at: datetime, **figures: int) -> None:
        """Add these to the interval that begins then."""
        row = self._of[model].setdefault((owner, begins_at), defaultdict(int))
        for name, value in figures.items():
            row[name] += value

    def add_up(self, model: type[Interval], rows: QuerySet[Any], owner: str, moment: Any, **figures: Aggregate) -> None:
        """Add what these rows come to, by `owner` and the interval in which `moment` lies; both are of a row."""
        groups = rows.order_by().values_list(owner, Quarter(moment)).annotate(**figures)
        for number, quarter, *found in groups:
            # The sum of nothing is None, and sums come as decimals.
            known = {name: int(value) for name, value in zip(figures, found, strict=True) if value}
            if known:
                self.add(model, number, datetime.fromtimestamp(quarter * INTERVAL.total_seconds(), UTC), **known)

    def reach_before(self, moment: datetime) -> bool:
        """Whether anything belongs to an interval before that."""
        return any(begins_at < moment for rows in self._of.values() for _, begins_at in rows)

    def write(self, begin: datetime | None = None, end: datetime | None = None) -> int:
        """Add all of it, or what lies from `begin` to `end`, to the tables; answers how many intervals that were."""
        written = 0
        for model, rows in self._of.items():  # always in this order: nobody waits in a circle
            wanted = {
                key: row
                for key, row in rows.items()
                if (begin is None or key[1] >= begin) and (end is None or key[1] < end)
            }
            for chunk in _chunks(sorted(wanted)):
                model.objects.add({key: wanted[key] for key in chunk})
            written += len(wanted)
        return written


class IntervalService(BaseService):
    """Keeps the interval counts. Several workers may do so at once."""

    service_type = "reporting"

    def __init__(self) -> None:
        super().__init__()
        self.batch_size = self.config.get_batch_size("analytics")

    def count(self, *, now: datetime) -> int:
        """Count rows that have ended since, up to a batch of each kind; answers how many."""
        kinds: tuple[tuple[QuerySet[Any], Counting], ...] = (
            (QueueEntry.objects.all(), self._count_visits),
            (Reservation.objects.all(), _count_offers),
            (AgentStateSpan.objects.all(), _count_spans),
        )
        return sum(self._claim(rows, counting, now) for rows, counting in kinds)

    @transaction.atomic
    def rebuild(self, *, begin: datetime, end: datetime) -> int:
        """Make the intervals from `begin` to `end` anew from the rows that are counted; answers how many there are.

        What was deleted is lost to them, so do this within the time for which rows are kept. Rows that are not counted
        yet stay so: the next `count` adds them.
        """
        if begin >= end or begin != interval_of(begin) or end != interval_of(end):
            raise ValidationError(f"{begin:%FT%R} to {end:%FT%R} must be a period of whole quarters of an hour")
        for model in (QueueInterval, AgentInterval):
            model.objects.hold_still()
            model.objects.between(begin, end).delete()
        offers, spans = Reservation.objects.filter(COUNTED), AgentStateSpan.objects.filter(COUNTED)
        came = offers.filter(entry__enqueued_at__gte=begin, entry__enqueued_at__lt=end)
        sums = Sums()
        self._count_visits(sums, QueueEntry.objects.filter(COUNTED, enqueued_at__gte=begin, enqueued_at__lt=end))
        _of_offers(sums, offers.filter(created_at__gte=begin, created_at__lt=end))
        _of_agents_talks(sums, offers.filter(ended_at__gte=begin, created_at__lt=end))
        _of_queues_talks(sums, came)
        _of_wrap_ups(sums, came, spans)
        _of_states(sums, spans.filter(started_at__lt=end, ended_at__gt=begin))
        transaction.on_commit(_forget)
        return sums.write(begin, end)

    @transaction.atomic
    def _claim(self, rows: QuerySet[Any], counting: Counting, now: datetime) -> int:
        """Count up to a batch of these."""
        uncounted = rows.filter(UNCOUNTED, ENDED).order_by("pk").select_for_update(skip_locked=True)
        taken = rows.filter(pk__in=list(uncounted.values_list("pk", flat=True)[: self.batch_size]))
        sums = Sums()
        counting(sums, taken)
        sums.write()
        if sums.reach_before(midnight(first_open_day(now))):
            transaction.on_commit(_forget)
        return taken.update(is_counted=True)

    def _count_visits(self, sums: Sums, visits: QuerySet[QueueEntry]) -> None:
        """Visits that have ended, with their outcomes."""
        sums.add_up(
            QueueInterval,
            visits,
            "queue_id",
            "enqueued_at",
            **counts.outcomes(self.config.short_abandon_threshold),
            callbacks=Count("pk", filter=counts.PROMISED),
            answer_wait_ms=Sum(_WAIT, filter=counts.ANSWERED),
            abandon_wait_ms=Sum(_WAIT, filter=counts.ABANDONED),
        )


def _forget() -> None:
    """What was kept of days that were over is not what they were any more."""
    for service in ("reporting", "metrics"):
        invalidate_service_cache(service)


def _count_offers(sums: Sums, offers: QuerySet[Reservation]) -> None:
    """Offers that have ended, and the conversations that came of them, which belong to their visits' intervals too."""
    _of_offers(sums, offers)
    _of_agents_talks(sums, offers)
    _of_queues_talks(sums, offers)


def _count_spans(sums: Sums, spans: QuerySet[AgentStateSpan]) -> None:
    """Spans of agents' states: the time in each, and what was wrapped up after a conversation."""
    _of_states(sums, spans)
    before = Reservation.objects.filter(agent=OuterRef("agent"), created_at__lt=OuterRef("started_at"))
    last = spans.filter(state=AgentStatus.WRAP_UP).values(
        offer=Subquery(before.order_by("-created_at").values("pk")[:1])
    )
    _of_wrap_ups(sums, Reservation.objects.filter(pk__in=last), spans)


def _of_offers(sums: Sums, offers: QuerySet[Reservation]) -> None:
    sums.add_up(
        AgentInterval,
        offers,
        "agent_id",
        "created_at",
        offers=Count("pk"),
        accepted=Count("accepted_at"),
        missed=Count("pk", filter=Q(state=ReservationState.TIMEOUT)),
        declined=Count("pk", filter=Q(state=ReservationState.DECLINED)),
    )


def _of_agents_talks(sums: Sums, offers: QuerySet[Reservation]) -> None:
    """A conversation is the agent's in the interval in which it began."""
    talk = {"handled": Count("pk"), "talk_ms": Sum(Milliseconds(_TALK_BEGAN, "ended_at"))}
    sums.add_up(AgentInterval, offers.filter(TALKED), "agent_id", _TALK_BEGAN, **talk)


def _of_queues_talks(sums: Sums, offers: QuerySet[Reservation]) -> None:
    """A conversation is the queue's in the interval in which its caller came."""
    talk = {"handled": Count("pk"), "talk_ms": Sum(Milliseconds(_TALK_BEGAN, "ended_at"))}
    sums.add_up(QueueInterval, offers.filter(TALKED), "entry__queue_id", "entry__enqueued_at", **talk)


def _of_wrap_ups(sums: Sums, offers: QuerySet[Reservation], spans: QuerySet[AgentStateSpan]) -> None:
    """Which of these spans began as the conversation ended: they belong to its queue, where it does."""
    follows = spans.filter(agent=OuterRef("agent"), started_at=OuterRef("ended_at"), state=AgentStatus.WRAP_UP)
    wrapped = offers.filter(TALKED).annotate(wrapped_at=Subquery(follows.values("ended_at")[:1]))
    length = Sum(Milliseconds("ended_at", "wrapped_at"))
    sums.add_up(QueueInterval, wrapped, "entry__queue_id", "entry__enqueued_at", wrap_up_ms=length)


def _of_states(sums: Sums, spans: QuerySet[AgentStateSpan]) -> None:
    """Most spans lie in one interval; those that do not are cut at the intervals, which no database does alike."""
    timed = spans.filter(state__in=TIMED_STATES).annotate(first=Quarter("started_at"), last=Quarter("ended_at"))
    length = Milliseconds("started_at", "ended_at")
    states = {f"{state}_ms": Sum(length, filter=Q(state=state)) for state in TIMED_STATES}
    sums.add_up(AgentInterval, timed.filter(first=F("last")), "agent_id", "started_at", **states)
    longer = timed.filter(last__gt=F("first")).order_by().values_list("agent_id", "state", "started_at", "ended_at")
    for agent_id, state, began, ended in longer:
        for begins_at, length_ms in pieces(began, ended) if ended else ():
            sums.add(AgentInterval, agent_id, begins_at, **{f"{state}_ms": length_ms})


def pieces(begin: datetime, end: datetime) -> Iterator[tuple[datetime, int]]:
    """(beginning of an interval, milliseconds of the period that lie in it), which add up to the whole period's."""
    interval, told = interval_of(begin), 0
    while interval < end:
        total = (min(interval + INTERVAL, end) - begin) // _MILLISECOND
        if total > told:
            yield interval, total - told
        interval, told = interval + INTERVAL, total


def _chunks(keys: list[Key], size: int = 500) -> Iterable[list[Key]]:
    return (keys[start : start + size] for start in range(0, len(keys), size))
