"""What is known of a caller: their last visits, for whoever is about to talk to them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import OuterRef, Subquery

from ..models import QueueEntry, Reservation
from .base import BaseService
from .callbacks import can_be_called

MOST: Final = 5


@dataclass(frozen=True, slots=True)
class Past:
    """One earlier visit: when, to which queue, how it ended, with whom, and what they noted."""

    at: datetime
    queue: str
    state: str
    agent: str
    code: str
    note: str


class HistoryService(BaseService):
    """Earlier visits of the same number."""

    service_type = "call"

    def of(self, *, number: str, but_not: int) -> tuple[Past, ...]:
        """The last visits of a number, newest first, besides that one. Withheld numbers have none."""
        if not can_be_called(number):
            return ()
        talks = Reservation.objects.filter(entry=OuterRef("pk"), agent_call__isnull=False).order_by("-pk")
        visits = QueueEntry.objects.filter(call__from_number=number).exclude(pk=but_not).order_by("-enqueued_at")
        named = visits.annotate(
            agent_name=Subquery(talks.values("agent__name")[:1]),
            code=Subquery(talks.values("outcome__code")[:1]),
            note=Subquery(talks.values("outcome__note")[:1]),
        )
        rows = named.values_list("enqueued_at", "queue__name", "state", "agent_name", "code", "note")[:MOST]
        return tuple(
            Past(at, queue, state, who or "", code or "", note or "") for at, queue, state, who, code, note in rows
        )
