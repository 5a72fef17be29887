"""Interval counts with several workers at once, and with a rebuild in their midst."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from django_twilio_call.models import Queue, QueueEntry, QueueInterval, interval_of
from django_twilio_call.services import IntervalService
from tests.integration.test_races import at_once
from tests.services.test_intervals import count_all, visit

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.integration]


def test_five_workers_count_everybody_once_while_three_rebuild(queue: Queue, now: datetime) -> None:
    for number in range(400):
        visit(queue, now + (number % 5) * timedelta(minutes=15), 5, "answered")
    begin = interval_of(now)

    def rebuild() -> None:
        while QueueEntry.objects.filter(is_counted=False).exists():
            IntervalService().rebuild(begin=begin, end=begin + timedelta(hours=2))

    at_once(*[count_all] * 5, rebuild, rebuild, rebuild)

    assert (
        list(QueueInterval.objects.order_by("begins_at").values_list("answered", "answer_wait_ms"))
        == [(80, 400_000)] * 5
    )
