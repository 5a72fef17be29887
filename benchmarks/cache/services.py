"""Cached services that the benchmarks call, and what they answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django_twilio_call.services.base import BaseService, cache_result


@dataclass(frozen=True, slots=True)
class Figures:
    """A few figures of a day."""

    offered: int
    answered: int
    wait: timedelta


def report(day: date) -> dict[str, Any]:
    """About 1 KB of typed data, as a report's: dates, decimals, a UUID, a dataclass, and mostly plain rows."""
    begin = datetime(2026, 3, 2, 8, tzinfo=UTC)
    return {
        "id": UUID(int=2**100 + 7),
        "day": day,
        "made": begin,
        "cost": Decimal("1234.50"),
        "total": Figures(812, 765, timedelta(seconds=17_511)),
        "rows": [
            {
                "queue": f"queue-{number}",
                "name": f"Queue number {number}",
                "offered": 100 + number,
                "answered": 90 + number,
                "abandoned": 4,
                "level": 80.5 + number,
                "open": True,
                "first": None,
            }
            for number in range(9)
        ],
    }


class ReportService(BaseService):
    """Cached methods with two keyword arguments and a tag of their own."""

    service_type = "analytics"

    @cache_result(service_type="analytics", key_prefix="report", tags=["m:django_twilio_call.queue"])
    def report(self, *, day: date, queue_key: str) -> dict[str, Any]:
        """What a page shows of a day."""
        del queue_key
        return report(day)

    @cache_result(service_type="analytics", key_prefix="rows", tags=["m:django_twilio_call.queue"])
    def rows(self, *, day: date, queue_key: str) -> list[dict[str, Any]]:
        """The same without the types that JSON does not have."""
        del queue_key
        rows: list[dict[str, Any]] = report(day)["rows"]
        return [*rows, {"queue": "all", "name": "All queues together", "days": [day.isoformat()] * 6}]
