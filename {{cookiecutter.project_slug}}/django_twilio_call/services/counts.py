"""Visits to queues, counted by outcome: counts and sums, never ratios, so that those of any two periods add up.

What has ended is read from the interval counts, however much it is; only what they do not know of yet, which is who
waits and who left in the last second or two, from rows. So a figure lags behind nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.db.models import Aggregate, Count, DurationField, ExpressionWrapper, F, IntegerField, Q, QuerySet, Sum
from django.db.models.functions import Cast, Greatest, TruncDate

from ..constants import Onward, QueueEntryState
from ..models import QueueEntry, QueueInterval
from ..models.counting import UNCOUNTED
from ..models.intervals import IntervalQuerySet

ANSWERED: Final = Q(state=QueueEntryState.ANSWERED)
ABANDONED: Final = Q(state=QueueEntryState.ABANDONED)
PROMISED: Final = Q(state=QueueEntryState.OVERFLOWED, overflow_to=Onward.CALLBACK)
"""Those who will be called back."""
CAME: Final = Greatest("enqueued_at", "call__started_at")
"""From when a visit waits. One of a callback has its old place, but is in line only since its call was lined up."""
_WAIT = ExpressionWrapper(F("answered_at") - CAME, output_field=DurationField())
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
    abandoned_in_time: int = 0
    callbacks_in_time: int = 0
    wait_s: float = 0.0

    @property
    def abandonment_rate(self) -> float | None:
        """Per cent of those offered."""
        return _percent(self.abandoned, self.offered)

    @property
    def average_speed_of_answer(self) -> float | None:
        """ASA: mean seconds that answered callers waited."""
        return self.wait_s / self.answered if self.answered else None


Row = list[float]
"""The fields of `CallCounts` in their order: what is kept many at a time, since it packs and unpacks fastest."""


def by_queue(begin: datetime, end: datetime, *, short: int) -> dict[str, CallCounts]:
    """Queue key -> its visits that began from `begin` and before `end`, and have ended or not, in two queries.

    `begin` begins an interval. Callers who gave up within `short` seconds count as `abandoned_short`; of those whom the
    intervals have, within what was short then. A visit may be missed in the very moment in which it is counted.
    """
    key, queues = F("queue__key"), dict[str, Row]()
    for found in _counted(begin, end).totals(key=key):
        _add(queues, found["key"], _of_interval(found))
    for found in _uncounted(begin, end).values(key=key).annotate(**columns(short)):
        _add(queues, found["key"], fields(found))
    return {key: CallCounts(*counts) for key, counts in queues.items()}  # type: ignore[arg-type]


def by_day(begin: datetime, end: datetime, *, short: int) -> dict[date, dict[str, Row]]:
    """Day, where the call center is, -> queue key -> visits that began on it; in two queries, as above."""
    key, days = F("queue__key"), dict[date, dict[str, Row]]()
    for found in _counted(begin, end).totals(key=key, day=TruncDate("begins_at")):
        _add(days.setdefault(found["day"], {}), found["key"], _of_interval(found))
    for found in _uncounted(begin, end).values(key=key, day=TruncDate("enqueued_at")).annotate(**columns(short)):
        _add(days.setdefault(found["day"], {}), found["key"], fields(found))
    return days


def _add(queues: dict[str, Row], key: str, found: Row) -> None:
    known = queues.get(key)
    queues[key] = found if known is None else [sum(both) for both in zip(known, found, strict=True)]


def added(each: Iterable[Iterable[float]]) -> CallCounts:
    """Rows of any queues and days together."""
    return CallCounts(*map(sum, zip(*each, strict=True)))


def row(counts: CallCounts) -> Row:
    """The counts in order."""
    return [getattr(counts, name) for name in CallCounts.__slots__]


def columns(short: int) -> dict[str, Aggregate]:
    """What is counted of visits, and how long those answered waited; `fields` reads it."""
    return {**outcomes(short), "waited": Sum(_WAIT, filter=ANSWERED)}


def outcomes(short: int) -> dict[str, Aggregate]:
    """What is counted of visits; whoever gave up within `short` seconds is `abandoned_short`."""
    left_in_time = Q(ended_at__lte=CAME + _THRESHOLD)
    gave_up = ABANDONED & Q(ended_at__lt=CAME + timedelta(seconds=short))
    return {
        "offered": Count("pk"),
        "answered": Count("pk", filter=ANSWERED),
        "answered_in_time": Count("pk", filter=ANSWERED & Q(answered_at__lte=CAME + _THRESHOLD)),
        "abandoned": Count("pk", filter=ABANDONED),
        "abandoned_short": Count("pk", filter=gave_up),
        "overflowed": Count("pk", filter=Q(state=QueueEntryState.OVERFLOWED)),
        "abandoned_in_time": Count("pk", filter=ABANDONED & left_in_time),
        "callbacks_in_time": Count("pk", filter=PROMISED & left_in_time),
    }


def fields(found: Mapping[str, Any]) -> Row:
    """The columns of a row that the database gave, in order."""
    waited = found["waited"].total_seconds() if found["waited"] else 0.0
    return [*(found[name] for name in CallCounts.__slots__ if name != "wait_s"), waited]


def _of_interval(found: Mapping[str, Any]) -> Row:
    """The figures of added intervals, in order."""
    names = [name for name in CallCounts.__slots__ if name != "wait_s"]
    return [*(int(found[f"sum_{name}"]) for name in names), int(found["sum_answer_wait_ms"]) / 1000]


def _counted(begin: datetime, end: datetime) -> IntervalQuerySet:
    return QueueInterval.objects.between(begin, end)


def _uncounted(begin: datetime, end: datetime) -> QuerySet[QueueEntry]:
    return QueueEntry.objects.filter(UNCOUNTED, enqueued_at__gte=begin, enqueued_at__lt=end).order_by()


def _percent(part: int, whole: int) -> float | None:
    return 100 * part / whole if whole > 0 else None
