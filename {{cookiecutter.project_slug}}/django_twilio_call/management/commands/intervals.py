"""`manage.py intervals`: count what has ended, or make intervals anew from the rows."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import date, datetime, time, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from ...services import IntervalService


class Command(BaseCommand):
    """The door to the interval counts, for after an import, a repair, or a changed threshold."""

    help = "Count what has ended and is not counted yet, or make the intervals of some days anew from the rows."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One sub-command each."""
        commands = parser.add_subparsers(dest="command", required=True)
        commands.add_parser("count", help="Count all that has ended; the worker does so all the time.")
        rebuild = commands.add_parser("rebuild", help="Make days anew. What rows were deleted of is lost to them.")
        rebuild.add_argument("first", type=date.fromisoformat, help="the first day, as 2026-03-02")
        rebuild.add_argument("last", type=date.fromisoformat, nargs="?", help="the last day; else that day alone")

    def handle(self, *, command: str, **options: Any) -> None:
        """Run it."""
        if command == "count":
            self._count()
        else:
            self._rebuild(options["first"], options["last"] or options["first"])

    def _count(self) -> None:
        counted = 0
        while some := IntervalService().count(now=timezone.now()):
            counted += some
        self.stdout.write(f"{counted} rows counted")

    def _rebuild(self, first: date, last: date) -> None:
        """Day by day: nothing is counted meanwhile, so each transaction is to be short."""
        if last < first:
            raise CommandError(f"{first} to {last} is no period: the last day is before the first")
        for number in range((last - first).days + 1):
            day = first + timedelta(days=number)
            begin, end = (_midnight(day), _midnight(day + timedelta(days=1)))
            self.stdout.write(f"{day}: {IntervalService().rebuild(begin=begin, end=end)} intervals")


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time()))
