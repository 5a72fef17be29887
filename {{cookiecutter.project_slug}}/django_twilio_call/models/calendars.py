"""When queues are open: weekly hours in local time, and the special days that go before them."""

from __future__ import annotations

from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from .announcing import AnnouncingQuerySet


class Weekday(models.IntegerChoices):
    """Days as Python counts them."""

    MONDAY = 0
    TUESDAY = 1
    WEDNESDAY = 2
    THURSDAY = 3
    FRIDAY = 4
    SATURDAY = 5
    SUNDAY = 6


def known_zone(name: str) -> None:
    """Refuses what is no IANA time zone."""
    if name not in available_timezones():
        raise ValidationError(f"{name!r} is no IANA time zone; one is Europe/Berlin.")


class Calendar(models.Model):
    """Opening times that queues share. One without any is never open."""

    key = models.SlugField(unique=True)
    name = models.CharField(max_length=100)
    zone = models.CharField(
        max_length=50, validators=[known_zone], help_text="An IANA time zone such as Europe/Berlin: all times are its."
    )

    objects = AnnouncingQuerySet.as_manager()

    class Meta:
        ordering = ("key",)

    def __str__(self) -> str:
        return self.name


class OpeningTime(models.Model):
    """One span of a weekday; a day may have several."""

    calendar = models.ForeignKey(Calendar, on_delete=models.CASCADE, related_name="opening_times")
    weekday = models.SmallIntegerField(choices=Weekday.choices)
    opens = models.TimeField()
    closes = models.TimeField(help_text="Not after the opening: on the next day. The same as the opening: 24 hours.")

    objects = AnnouncingQuerySet.as_manager()

    class Meta:
        ordering = ("weekday", "opens")
        constraints = (
            models.UniqueConstraint(fields=["calendar", "weekday", "opens"], name="one_opening_at_a_time"),
            models.CheckConstraint(condition=Q(weekday__range=(0, 6)), name="weekday_of_seven"),
        )

    def __str__(self) -> str:
        return f"{Weekday(self.weekday).label} {self.opens:%H:%M} to {self.closes:%H:%M}"


class SpecialDay(models.Model):
    """A date that does not follow the week: a holiday, or a day with hours of its own (a row for each span).

    Spans belong to the day they begin on: a night that began before a holiday goes on into it.
    """

    calendar = models.ForeignKey(Calendar, on_delete=models.CASCADE, related_name="special_days")
    date = models.DateField()
    name = models.CharField(max_length=100)
    opens = models.TimeField(null=True, blank=True, help_text="Empty, with no closing time: closed all day.")
    closes = models.TimeField(null=True, blank=True)

    objects = AnnouncingQuerySet.as_manager()

    class Meta:
        ordering = ("date", "opens")
        constraints = (
            models.UniqueConstraint(fields=["calendar", "date", "opens"], name="one_special_opening_at_a_time"),
            models.UniqueConstraint(
                fields=["calendar", "date"], condition=Q(opens=None), name="closed_once_on_a_special_day"
            ),
            models.CheckConstraint(
                condition=Q(opens__isnull=True, closes__isnull=True) | Q(opens__isnull=False, closes__isnull=False),
                name="both_special_times_or_none",
                violation_error_message="Give both times, or neither for a day that is closed.",
            ),
        )

    def __str__(self) -> str:
        return f"{self.date} {self.name}"
