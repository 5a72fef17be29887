"""Business hours, over every change of the clocks."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_twilio_call.models import Calendar, OpeningTime, SpecialDay
from django_twilio_call.services import Hours, HoursService

DAILY = tuple(range(7))


def every_day(zone: str, *spans: str) -> Hours:
    """Open every day in the given spans, such as 09:00-17:00."""
    times = [tuple(map(time.fromisoformat, span.split("-"))) for span in spans]
    return Hours(zone=zone, weekly=tuple((day, opens, closes) for day in DAILY for opens, closes in times))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


GAP = "2026-03-29"  # 02:00 becomes 03:00 in Berlin, at 01:00 UTC
FOLD = "2026-10-25"  # 03:00 becomes 02:00 in Berlin, at 01:00 UTC

CHANGES = [
    # opening in the gap: the jump itself
    ("Europe/Berlin", "02:30-05:00", f"{GAP} 01:00", f"{GAP} 03:00"),
    # closing in the gap: the jump itself
    ("Europe/Berlin", "01:00-02:30", f"{GAP} 00:00", f"{GAP} 01:00"),
    # over the gap: an hour shorter
    ("Europe/Berlin", "01:00-04:00", f"{GAP} 00:00", f"{GAP} 02:00"),
    # opens the first time, closes the last
    ("Europe/Berlin", "02:15-02:45", f"{FOLD} 00:15", f"{FOLD} 01:45"),
    ("Europe/Berlin", "02:30-05:00", f"{FOLD} 00:30", f"{FOLD} 04:00"),
    ("Europe/Berlin", "01:00-02:30", "2026-10-24 23:00", f"{FOLD} 01:30"),
    # over the fold: an hour longer
    ("Europe/Berlin", "01:00-04:00", "2026-10-24 23:00", f"{FOLD} 03:00"),
    # past midnight and over the gap
    ("Europe/Berlin", "22:00-06:00", "2026-03-28 21:00", f"{GAP} 04:00"),
    # half an hour off, and three quarters
    ("Asia/Kolkata", "09:00-17:00", "2026-03-02 03:30", "2026-03-02 11:30"),
    ("Asia/Kathmandu", "09:00-17:00", "2026-03-02 03:15", "2026-03-02 11:15"),
    # a change of half an hour: 02:00 becomes 02:30 at 15:30 UTC, and becomes 01:30 at 15:00 UTC
    ("Australia/Lord_Howe", "02:15-03:00", "2026-10-03 15:30", "2026-10-03 16:00"),
    ("Australia/Lord_Howe", "01:45-03:00", "2026-04-04 14:45", "2026-04-04 16:30"),
    # clocks that change at midnight: 00:00 becomes 01:00 at 04:00 UTC
    ("America/Santiago", "00:00-06:00", "2026-09-06 04:00", "2026-09-06 09:00"),
]


@pytest.mark.parametrize(("zone", "span", "opens", "closes"), CHANGES)
def test_it_opens_and_closes_at_these_instants(zone: str, span: str, opens: str, closes: str) -> None:
    hours, second = every_day(zone, span), timedelta(seconds=1)

    assert [hours.is_open(utc(opens) + step) for step in (-second, 0 * second)] == [False, True]
    assert [hours.is_open(utc(closes) + step) for step in (-second, 0 * second)] == [True, False]
    opening = hours.next_opening(utc(opens) - second)
    assert opening is not None
    assert opening.astimezone(UTC) == utc(opens)  # Python never calls a time that comes twice equal to another zone's


def test_a_span_the_clocks_jump_over_is_not_opened_on_that_day() -> None:
    hours = every_day("Europe/Berlin", "02:10-02:50")

    assert not any(hours.is_open(utc(f"{GAP} 00:00") + timedelta(minutes=minute)) for minute in range(240))
    assert hours.next_opening(utc(f"{GAP} 00:55")) == utc("2026-03-30 00:10")


def test_a_day_has_as_many_spans_as_wanted() -> None:
    hours = every_day("Europe/Berlin", "09:00-12:00", "13:00-17:00")

    assert not hours.is_open(utc("2026-03-02 11:30"))
    assert hours.next_opening(utc("2026-03-02 11:30")) == utc("2026-03-02 12:00")


def test_the_same_time_twice_is_a_whole_day() -> None:
    hours = Hours("Europe/Berlin", weekly=((5, time(8), time(8)),))

    assert hours.is_open(utc("2026-03-08 06:59"))
    assert not hours.is_open(utc("2026-03-08 07:00"))


def test_the_next_opening_is_told_in_local_time() -> None:
    opening = every_day("America/New_York", "09:00-17:00").next_opening(utc("2026-03-02 03:00"))

    assert opening is not None
    assert opening.isoformat() == "2026-03-02T09:00:00-05:00"


def test_what_is_open_opens_now_and_what_has_no_hours_never() -> None:
    at = utc("2026-03-02 10:00")

    assert every_day("UTC", "09:00-17:00").next_opening(at) == at
    assert Hours("UTC").next_opening(at) is None


HOLIDAY = date(2026, 3, 3)


@pytest.mark.parametrize(
    ("special", "at", "is_open"),
    [
        ([(HOLIDAY, None, None)], "2026-03-03 10:00", False),
        ([(HOLIDAY, time(10), time(12))], "2026-03-03 09:30", False),
        ([(HOLIDAY, time(10), time(12)), (HOLIDAY, time(14), time(23))], "2026-03-03 22:30", True),
        ([(HOLIDAY, None, None)], "2026-03-04 10:00", True),
    ],
    ids=["closed", "shorter", "two spans", "the day after"],
)
def test_a_special_day_goes_before_the_week(
    special: list[tuple[date, time | None, time | None]], at: str, is_open: bool
) -> None:
    hours = Hours("UTC", every_day("UTC", "09:00-17:00").weekly, tuple(special))

    assert hours.is_open(utc(at)) is is_open


def test_a_night_that_began_before_a_holiday_goes_on_into_it() -> None:
    hours = Hours("UTC", every_day("UTC", "22:00-06:00").weekly, ((HOLIDAY, None, None),))

    assert hours.is_open(utc("2026-03-03 05:59"))
    assert not hours.is_open(utc("2026-03-03 22:30"))


@pytest.fixture
def office(db: None) -> Calendar:
    calendar = Calendar.objects.create(key="office", name="Office", zone="Europe/Berlin")
    OpeningTime.objects.create(calendar=calendar, weekday=0, opens=time(9), closes=time(17))
    SpecialDay.objects.create(calendar=calendar, date=date(2026, 4, 6), name="Easter Monday")
    return calendar


@pytest.mark.django_db(transaction=True)
def test_a_calendar_is_read_in_one_statement_and_kept(office: Calendar) -> None:
    with CaptureQueriesContext(connection) as queries:
        first, second = (HoursService().of(calendar_key="office") for _ in range(2))

    assert len(queries) == 1
    assert first == second
    assert first == Hours("Europe/Berlin", ((0, time(9), time(17)),), ((date(2026, 4, 6), None, None),))


@pytest.mark.parametrize(
    "change",
    [
        lambda calendar: calendar.opening_times.update(opens=time(8)),
        lambda calendar: calendar.special_days.get().delete(),
        lambda calendar: SpecialDay.objects.bulk_create(
            [SpecialDay(calendar=calendar, date=date(2026, 5, 1), name="May Day")]
        ),
        lambda calendar: Calendar.objects.update(zone="Europe/Vienna"),
    ],
    ids=["hours", "a holiday less", "a holiday more", "zone"],
)
@pytest.mark.django_db(transaction=True)
def test_a_change_is_known_at_once(office: Calendar, change: object) -> None:
    before = HoursService().of(calendar_key="office")

    change(office)  # type: ignore[operator]

    assert HoursService().of(calendar_key="office") != before


@pytest.mark.django_db
def test_a_calendar_without_hours_is_never_open_and_one_that_is_not_there_is_open_and_logged(
    now: datetime, caplog: pytest.LogCaptureFixture
) -> None:
    Calendar.objects.create(key="never", name="Never", zone="Europe/Berlin")

    assert HoursService().of(calendar_key="never") == Hours("Europe/Berlin")
    assert not HoursService().is_open(calendar_key="never", at=now)
    assert not caplog.records
    for _ in range(2):
        assert HoursService().is_open(calendar_key="gone", at=now)
    assert ["'gone'" in record.message for record in caplog.records] == [True, True]


def test_no_calendar_is_always_open(now: datetime) -> None:
    assert HoursService().is_open(calendar_key=None, at=now)
