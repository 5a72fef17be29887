"""Interval counts: every row that has ended is added to its interval once, and any interval can be made anew from rows.

A worker claims rows that are not counted (`SKIP LOCKED`), adds their figures and marks them in one transaction, so a
lost, doubled or late message, or a worker that dies, changes nothing. A row that ends late is added to the interval it
belongs to, however long ago that was. Webhooks pay nothing: the mark is a column of the row they write anyway.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias

from django.db import transaction
from django.db.models import OuterRef, Q, QuerySet, Subquery

from ..cache import invalidate_service_cache
from ..constants import AgentStatus, Onward, QueueEntryState, ReservationState
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
from ..models.intervals import Key
from .base import BaseService
from .reporting import first_open_day, midnight

COUNTED: Final = Q(is_counted=True)
Counting: TypeAlias = Callable[["Sums", Iterable[Any]], None]
_MILLISECOND: Final = timedelta(milliseconds=1)
_OFFER_ENDS: Final = {ReservationState.TIMEOUT: "missed", ReservationState.DECLINED: "declined"}


class Sums:
    """Figures that come together before they are written: of each model, by owner and interval."""

    def __init__(self) -> None:
        self._of: dict[type[Interval], dict[Key, dict[str, int]]] = {QueueInterval: {}, AgentInterval: {}}

    def add(self, model: type[Interval], owner: int, moment: datetime, **figures: int) -> None:
        """Add these to the interval in which the moment lies."""
        row = self._of[model].setdefault((owner, interval_of(moment)), defaultdict(int))
        for name, value in figures.items():
            row[name] += value

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

    def count(self, *, now: datetime) -> int:
        """Count rows that have ended since, up to a batch of each kind; answers how many."""
        kinds: tuple[tuple[QuerySet[Any], Counting], ...] = (
            (_visits(), self._count_visits),
            (_offers(), _count_offers),
            (_spans(), _count_spans),
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
        came = Q(entry__enqueued_at__gte=begin, entry__enqueued_at__lt=end)
        offered = Q(created_at__gte=begin, created_at__lt=end)
        talked = Q(ended_at__gte=begin, entry__answered_at__lt=end)
        sums = Sums()
        self._count_visits(sums, _visits().filter(COUNTED, enqueued_at__gte=begin, enqueued_at__lt=end).iterator())
        offers = list(_offers().filter(COUNTED).filter(came | offered | talked).annotate(wrap_up_end=_WRAP_UP_END))
        _count_offers(sums, offers)
        for offer in offers:
            if offer.wrap_up_end is not None:
                _wrap_up(sums, offer, offer.wrap_up_end)
        spans = AgentStateSpan.objects.filter(COUNTED, started_at__lt=end, ended_at__gt=begin)
        _count_states(sums, spans.iterator())
        transaction.on_commit(_forget)
        return sums.write(begin, end)

    @transaction.atomic
    def _claim(self, rows: QuerySet[Any], counting: Counting, now: datetime) -> int:
        """Count up to a batch of these."""
        uncounted = rows.filter(UNCOUNTED, ENDED).order_by("pk").select_for_update(skip_locked=True, of=("self",))
        taken = list(uncounted[: self.batch_size])
        if taken:
            sums = Sums()
            counting(sums, taken)
            sums.write()
            if sums.reach_before(midnight(first_open_day(now))):
                transaction.on_commit(_forget)
            rows.model._default_manager.filter(pk__in=[row.pk for row in taken]).update(is_counted=True)
        return len(taken)

    def _count_visits(self, sums: Sums, entries: Iterable[QueueEntry]) -> None:
        """Visits that have ended, with their outcomes."""
        short = timedelta(seconds=self.config.short_abandon_threshold)
        for entry in entries:
            if entry.ended_at is not None:
                waited = (entry.answered_at or entry.ended_at) - entry.enqueued_at
                sums.add(QueueInterval, entry.queue_id, entry.enqueued_at, **_of_visit(entry, waited, short))


def _forget() -> None:
    """What was kept of days that were over is not what they were any more."""
    for service in ("reporting", "metrics"):
        invalidate_service_cache(service)


def _of_visit(entry: QueueEntry, waited: timedelta, short: timedelta) -> dict[str, int]:
    in_time = int(waited <= timedelta(seconds=entry.queue.service_level_threshold))
    wait_ms = waited // _MILLISECOND
    if entry.state == QueueEntryState.ANSWERED:
        return {"offered": 1, "answered": 1, "answered_in_time": in_time, "answer_wait_ms": wait_ms}
    if entry.state == QueueEntryState.ABANDONED:
        counts = {"abandoned": 1, "abandoned_in_time": in_time, "abandoned_short": int(waited < short)}
        return {"offered": 1, **counts, "abandon_wait_ms": wait_ms}
    callback = int(entry.overflow_to == Onward.CALLBACK)
    return {"offered": 1, "overflowed": 1, "callbacks": callback, "callbacks_in_time": callback * in_time}


def _visits() -> QuerySet[QueueEntry]:
    needed = ("queue__service_level_threshold", "state", "enqueued_at", "answered_at", "ended_at", "overflow_to")
    return QueueEntry.objects.select_related("queue").only(*needed)


def _offers() -> QuerySet[Reservation]:
    return Reservation.objects.select_related("entry")


def _spans() -> QuerySet[AgentStateSpan]:
    """Spans with the agent's last offer before each: what is wrapped up in the one that follows its conversation."""
    before = Reservation.objects.filter(agent=OuterRef("agent"), created_at__lt=OuterRef("started_at"))
    return AgentStateSpan.objects.annotate(last_offer=Subquery(before.order_by("-created_at").values("pk")[:1]))


_WRAP_UP_END: Final = Subquery(
    AgentStateSpan.objects.filter(
        COUNTED, agent=OuterRef("agent"), started_at=OuterRef("ended_at"), state=AgentStatus.WRAP_UP
    ).values("ended_at")[:1]
)


def _count_offers(sums: Sums, offers: Iterable[Reservation]) -> None:
    """Offers that have ended, and the conversations that came of them, which belong to their visits' intervals too."""
    for offer in offers:
        figures = {"offers": 1, "accepted": int(offer.accepted_at is not None)}
        if offer.state in _OFFER_ENDS:
            figures[_OFFER_ENDS[offer.state]] = 1
        sums.add(AgentInterval, offer.agent_id, offer.created_at, **figures)
        if (began := _talk_began(offer)) is not None and offer.ended_at is not None:
            talk = {"handled": 1, "talk_ms": (offer.ended_at - began) // _MILLISECOND}
            sums.add(AgentInterval, offer.agent_id, began, **talk)
            sums.add(QueueInterval, offer.entry.queue_id, offer.entry.enqueued_at, **talk)


def _talk_began(offer: Reservation) -> datetime | None:
    """When the caller and this agent were put through; None where they never were, or still talk."""
    answered = offer.entry.answered_at
    if offer.state != ReservationState.COMPLETED or offer.ended_at is None or answered is None:
        return None
    return max(answered, offer.accepted_at or offer.created_at) if answered <= offer.ended_at else None


def _count_spans(sums: Sums, spans: Iterable[Any]) -> None:
    """Spans of agents' states: the time in each, and what was wrapped up after a conversation."""
    spans = list(spans)
    _count_states(sums, spans)
    wrap_ups = {span.last_offer: span for span in spans if span.state == AgentStatus.WRAP_UP}
    for offer in _offers().filter(pk__in=wrap_ups.keys() - {None}):
        if offer.ended_at == wrap_ups[offer.pk].started_at:
            _wrap_up(sums, offer, wrap_ups[offer.pk].ended_at)


def _wrap_up(sums: Sums, offer: Reservation, end: datetime) -> None:
    """It belongs to the interval in which its caller came, as the conversation does."""
    if _talk_began(offer) is not None and offer.ended_at is not None:
        length = (end - offer.ended_at) // _MILLISECOND
        sums.add(QueueInterval, offer.entry.queue_id, offer.entry.enqueued_at, wrap_up_ms=length)


def _count_states(sums: Sums, spans: Iterable[AgentStateSpan]) -> None:
    for span in spans:
        if span.state in TIMED_STATES and span.ended_at is not None:
            for begin, length in pieces(span.started_at, span.ended_at):
                sums.add(AgentInterval, span.agent_id, begin, **{f"{span.state}_ms": length})


def pieces(begin: datetime, end: datetime) -> Iterator[tuple[datetime, int]]:
    """(moment in an interval, milliseconds of the period that lie in it), which add up to the whole period's."""
    interval, told = interval_of(begin), 0
    while interval < end:
        total = (min(interval + INTERVAL, end) - begin) // _MILLISECOND
        if total > told:
            yield interval, total - told
        interval, told = interval + INTERVAL, total


def _chunks(keys: list[Key], size: int = 500) -> Iterable[list[Key]]:
    return (keys[start : start + size] for start in range(0, len(keys), size))
