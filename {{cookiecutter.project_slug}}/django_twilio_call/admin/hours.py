"""Calendars in the admin."""

from __future__ import annotations

from django.contrib import admin

from ..models import Calendar, OpeningTime, SpecialDay
from .center import NamedAdmin


class OpeningTimeInline(admin.TabularInline):
    """The week."""

    model = OpeningTime
    extra = 0


class SpecialDayInline(admin.TabularInline):
    """Dates that do not follow the week."""

    model = SpecialDay
    extra = 0


@admin.register(Calendar)
class CalendarAdmin(NamedAdmin):
    """When queues are open."""

    list_display = ("name", "key", "zone")
    search_fields = ("name", "key")
    inlines = (OpeningTimeInline, SpecialDayInline)
