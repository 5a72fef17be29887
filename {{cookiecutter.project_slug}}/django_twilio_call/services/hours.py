"""Business hours: is it open, and when will it be, over every change of the clocks."""

from __future__ import annotations

import logging
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from django.db.models import DateField, F, SmallIntegerField, TimeField, Value
from django.db.models.functions import Cast

from ..models import Calendar, OpeningTime, SpecialDay
from .base import BaseService, cache_result

logger = logging.getLogger(__name__)

HORIZON: Final = 366
"""Days within which the next opening is looked for."""

Span = tuple[time, time]


@dataclass(frozen=True, slots=True)
class Hours:
    """A calendar as plain data: spans of local time by weekday (Monday is 0), and dates that go before the week."""

    zone: str
    weekly: tuple[tuple[int, time, time], ...] = ()
    special: tuple[tuple[date, time | None, time | None], ...] = ()

    def is_open(self, at: datetime) -> bool:
        """Whether it is open at that instant."""
        today = at.astimezone(ZoneInfo(self.zone)).date()
        return any(begin <= at < end for begin, end in self._spans(today - timedelta(days=1), days=2))

    def next_opening(self, at: datetime) -> datetime | None:
        """The first instant from `at` on at which it is open, in local time; None within a year means never."""
        zone = ZoneInfo(self.zone)
        if self.is_open(at):
            return at.astimezone(zone)
        first = at.astimezone(zone).date()
        later = (begin for begin, end in self._spans(first, days=HORIZON) if at < begin < end)
        begin = next(later, None)
        return None if begin is None else begin.astimezone(zone)

    def _spans(self, first: date, *, days: int) -> Iterator[tuple[datetime, datetime]]:
        """Instants at which it opens and closes, by day of the opening."""
        zone = ZoneInfo(self.zone)
        for day in (first + timedelta(days=ahead) for ahead in range(days)):
            for opens, closes in self._of_day(day):
                last = day if closes > opens else day + timedelta(days=1)
                yield (
                    _instant(datetime.combine(day, opens, zone), fold=0),
                    _instant(datetime.combine(last, closes, zone), fold=1),
                )

    def _of_day(self, day: date) -> list[Span]:
        special = [(opens, closes) for when, opens, closes in self.special if when == day]
        if special:
            return sorted((opens, closes) for opens, closes in special if opens is not None and closes is not None)
        return sorted((opens, closes) for weekday, opens, closes in self.weekly if weekday == day.weekday())


class HoursService(BaseService):
    """Calendars, cached until one of their rows changes."""

    service_type = "hours"

    @cache_result(service_type="hours", key_prefix="calendar")
    def of(self, *, calendar_key: str) -> Hours | None:
        """A calendar's hours, in one statement; None where there is no such calendar."""
        itself = Calendar.objects.filter(key=calendar_key).values_list(
            "zone",
            Cast(Value(None), SmallIntegerField()),
            Cast(Value(None), DateField()),
            Cast(Value(None), TimeField()),
            Cast(Value(None), TimeField()),
        )
        weekly = OpeningTime.objects.filter(calendar__key=calendar_key).values_list(
            F("calendar__zone"), "weekday", Cast(Value(None), DateField()), "opens", "closes"
        )
        special = SpecialDay.objects.filter(calendar__key=calendar_key).values_list(
            F("calendar__zone"), Cast(Value(None), SmallIntegerField()), "date", "opens", "closes"
        )
        rows = list(itself.order_by().union(weekly.order_by(), special.order_by(), all=True))
        if not rows:
            return None
        return Hours(
            zone=rows[0][0],
            weekly=tuple((weekday, opens, closes) for _, weekday, _, opens, closes in rows if weekday is not None),
            special=tuple((day, opens, closes) for _, _, day, opens, closes in rows if day is not None),
        )

    def is_open(self, *, calendar_key: str | None, at: datetime) -> bool:
        """Whether a calendar is open at `at`; no calendar always is.

        One that is gone is open as well: a caller at three in the night waits, or goes where the queue sends those whom
        nobody serves, and that is less than to lose all who call by day.
        """
        if calendar_key is None:
            return True
        if (hours := self.of(calendar_key=calendar_key)) is None:
            logger.error("there is no calendar %r: what asks for it is taken as open", calendar_key)
            return True
        return hours.is_open(at)


def _instant(local: datetime, *, fold: int) -> datetime:
    """The instant of a local time. One that comes twice is meant generously: opens the first time, closes the last.

    One the clocks jump over is the instant of the jump: from then on they show a later time.
    """
    first, last = (local.replace(fold=side).astimezone(UTC) for side in (0, 1))
    return (first, last)[fold] if first <= last else _jump(last, first, local.tzinfo)


def _jump(before: datetime, after: datetime, zone: tzinfo | None) -> datetime:
    """The second between two instants at which the zone's offset changes."""
    offset = before.astimezone(zone).utcoffset()
    seconds = range(int((after - before).total_seconds()) + 1)
    moved = bisect_left(
        seconds, True, key=lambda second: (before + timedelta(seconds=second)).astimezone(zone).utcoffset() != offset
    )
    return before + timedelta(seconds=moved)
