"""`manage.py intervals`, as an operator uses it."""

from __future__ import annotations

from datetime import datetime
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from django_twilio_call.models import Queue, QueueInterval
from tests.services.test_intervals import visit

pytestmark = pytest.mark.django_db


def run(*argv: str) -> str:
    out = StringIO()
    call_command("intervals", *argv, stdout=out)
    return out.getvalue()


def test_all_that_has_ended_is_counted(queue: Queue, now: datetime) -> None:
    for _ in range(12):
        visit(queue, now, 5, "answered")

    assert run("count") == "12 rows counted\n"
    assert run("count") == "0 rows counted\n"
    assert QueueInterval.objects.get().answered == 12


def test_days_are_made_anew_with_the_threshold_of_today(queue: Queue, now: datetime) -> None:
    visit(queue, now, 35, "answered")
    run("count")
    Queue.objects.update(service_level_threshold=40)

    assert run("rebuild", "2026-03-01", "2026-03-02") == "2026-03-01: 0 intervals\n2026-03-02: 1 intervals\n"
    assert QueueInterval.objects.get().answered_in_time == 1


def test_a_period_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(CommandError, match="the last day is before the first"):
        run("rebuild", "2026-03-02", "2026-03-01")
