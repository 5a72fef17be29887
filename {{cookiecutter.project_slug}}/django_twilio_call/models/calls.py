"""Call legs, one row for each Twilio CallSid, and how callbacks in any order project onto them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Coalesce

from ..constants import CallRole, CallStatus
from .agents import Agent
from .ivr import IVRVersion

TERMINAL = frozenset(CallStatus.COMPLETED_STATUSES)
PLACEHOLDER: Final = "CB"
"""How the sid of a call begins that is yet to be made: none of Twilio's begins so."""

_RANK = {CallStatus.QUEUED: 0, "initiated": 1, CallStatus.RINGING: 2, CallStatus.IN_PROGRESS: 3}


def _later_than(status: str) -> list[str]:
    """The statuses a leg may be in for `status` to be news: a terminal one is news to all that are not terminal."""
    rank = 9 if status in TERMINAL else _RANK.get(status, 0)
    return [known for known, known_rank in _RANK.items() if known_rank < rank]


class CallQuerySet(models.QuerySet["Call"]):
    """Calls, and the one way their status changes."""

    def live(self) -> CallQuerySet:
        """Legs that have not ended."""
        return self.filter(ended_at=None)

    def project(self, *, sid: str, status: str, sequence: int, now: datetime, duration: int | None = None) -> bool:
        """Apply a status callback, in whatever order it comes: never backwards, and the first terminal status stays.

        Answers whether a row is known for `sid`; the caller creates one when not, so that no event is lost.
        """
        changes: dict[str, Any] = {"status": status, "sequence": sequence}
        if status in TERMINAL:
            changes |= {"ended_at": now, "duration": duration}
        elif status == CallStatus.IN_PROGRESS:
            changes["answered_at"] = Coalesce("answered_at", Value(now))
        moved = self.filter(sid=sid, status__in=_later_than(status)).update(**changes)
        return bool(moved) or self.filter(sid=sid).exists()

    def adopt(self, *, reservation_id: int, sid: str) -> None:
        """A call made for a reservation has its real sid. Whichever of its webhooks comes first says so."""
        made = self.filter(entries__reservations=reservation_id, sid__startswith=PLACEHOLDER)
        made.update(sid=sid)


class Call(models.Model):
    """One leg: a caller's, or the one an agent's browser makes to join."""

    sid = models.CharField(max_length=34, unique=True)
    role = models.CharField(max_length=10, default=CallRole.CUSTOMER)
    direction = models.CharField(max_length=20, default="inbound")
    from_number = models.CharField(max_length=100)
    to_number = models.CharField(max_length=100)
    status = models.CharField(max_length=20, default=CallStatus.IN_PROGRESS)
    sequence = models.IntegerField(default=-1, help_text="SequenceNumber of the last callback that changed the status.")
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, null=True, blank=True, related_name="calls")
    ivr_version = models.ForeignKey(
        IVRVersion, on_delete=models.PROTECT, null=True, blank=True, related_name="calls", help_text="Kept to its end."
    )
    started_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    erased_at = models.DateTimeField(null=True, blank=True, help_text="When it was forgotten whose call it was.")
    duration = models.PositiveIntegerField(null=True, blank=True, help_text="Seconds, as Twilio bills them.")

    checked_at = models.DateTimeField(null=True, blank=True, help_text="When Twilio last said that it is going on.")

    objects = CallQuerySet.as_manager()

    class Meta:
        ordering = ("-started_at", "-pk")
        indexes = (
            models.Index(fields=["started_at"], name="call_by_start"),
            models.Index(fields=["role"], condition=Q(ended_at=None), name="call_live"),
            models.Index(fields=["from_number", "-started_at"], name="call_by_caller"),
            models.Index(fields=["ended_at"], condition=Q(erased_at=None), name="call_to_forget"),
            models.Index(fields=["to_number", "-started_at"], name="call_by_called"),
            models.Index(fields=["role", "-started_at", "-id"], name="call_history"),
            # Beginnings of numbers: in most languages' order PostgreSQL finds those by this class of operators alone.
            models.Index(fields=["from_number"], opclasses=["varchar_pattern_ops"], name="call_by_prefix"),
        )

    def __str__(self) -> str:
        return f"{self.sid} {self.status}"
