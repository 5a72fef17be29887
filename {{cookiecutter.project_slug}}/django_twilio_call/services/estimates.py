"""How long a caller will wait, from how long others have waited lately."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Exists

from ..constants import QueueEntryState
from ..models import AgentStateSpan, QueueEntry
from .base import BaseService, cache_result

RECENT: Final = timedelta(minutes=30)
FEWEST: Final = 5
"""Answered visits below which nothing is said: a guess would be worse than silence."""
MOST: Final = 30
KEPT: Final = 30
"""Seconds an estimate is kept for all callers of a queue."""


class EstimateService(BaseService):
    """Estimated waits. They follow what happened, so they know of agents who came or went only after a few calls."""

    service_type = "queue"

    def estimate(self, *, queue_id: int, position: int, now: datetime) -> int | None:
        """Seconds until somebody at `position` in line is answered; None where that is not known."""
        pace = self.pace(queue_id=queue_id, now=now)
        return None if pace is None else round(position * pace)

    @cache_result(service_type="queue", key_prefix="pace", timeout=KEPT, ignore=["now"])
    def pace(self, *, queue_id: int, now: datetime) -> float | None:
        """Mean seconds at the head of the line; None with nobody logged in, or with too few visits to tell."""
        spans = AgentStateSpan.objects.logged_in(now - timedelta(seconds=self.config.heartbeat_timeout))
        answered = QueueEntry.objects.filter(
            Exists(spans.filter(agent__memberships__queue=queue_id)),
            queue=queue_id,
            state=QueueEntryState.ANSWERED,
            enqueued_at__gte=now - RECENT,
        )
        return pace(answered.order_by("-answered_at").values_list("enqueued_at", "answered_at")[:MOST])


def pace(visits: Iterable[tuple[datetime, datetime | None]]) -> float | None:
    """Mean seconds that (enqueued, answered) visits spent at the head of the line: each place in it costs so much.

    A caller is at the head from when they came, or the one before them was answered, whichever was later.
    """
    in_order = sorted((answered, enqueued) for enqueued, answered in visits if answered is not None)
    if len(in_order) < FEWEST:
        return None
    seconds = 0.0
    before = in_order[0][1]
    for answered, enqueued in in_order:
        seconds += (answered - max(enqueued, before)).total_seconds()
        before = answered
    return seconds / len(in_order)
