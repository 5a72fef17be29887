"""Queues: a caller enters, waits, and leaves with exactly one outcome."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Count, Q

from ..constants import QueueEntryState
from ..exceptions import NotFound
from ..models import Call, Queue, QueueEntry
from ..signals import wake_workers
from .base import BaseService
from .decisions import GiveUp, Goodbye, Queued, QueueFull, Sorry, Wait
from .reservations import caller_gone

_OUTCOMES = {
    "hangup": QueueEntryState.ABANDONED,
    "leave": QueueEntryState.OVERFLOWED,
    "queue-full": QueueEntryState.OVERFLOWED,
    "error": QueueEntryState.OVERFLOWED,
    "system-error": QueueEntryState.OVERFLOWED,
}
"""Twilio's QueueResult -> outcome. `redirected` and the bridged ones decide nothing: `connect` has the word."""


class QueueService(BaseService):
    """The wait of one caller. Every method joins the transaction of its webhook."""

    service_type = "queue"

    def enter(self, *, call_sid: str, queue_key: str, now: datetime) -> Queued | QueueFull:
        """Put the caller in line. A full queue is an outcome too: it counts as offered and overflowed."""
        waiting = Count("entries", filter=Q(entries__state=QueueEntryState.WAITING))
        queue = Queue.objects.annotate(waiting=waiting).filter(key=queue_key).first()
        call = Call.objects.filter(sid=call_sid).first()
        if queue is None or call is None:
            raise NotFound(f"queue {queue_key!r} or call {call_sid!r}")
        entry = QueueEntry(call=call, queue=queue, priority=queue.priority, enqueued_at=now)
        if queue.waiting >= queue.max_size:
            entry.state, entry.ended_at = QueueEntryState.OVERFLOWED, now
            entry.save(force_insert=True)
            return QueueFull()
        entry.save(force_insert=True)
        wake_workers()
        return Queued(entry_id=entry.pk, queue=queue.key)

    def wait(self, *, entry_id: int, position: int, waited: int) -> Wait | GiveUp:
        """What the caller hears next, from what Twilio says of the wait (`waited` seconds) and the queue's rule.

        It changes nothing: Twilio asks again whenever the music ends, and may ask twice at once.
        """
        queue = Queue.objects.filter(entries=entry_id).first()
        return GiveUp() if queue is not None and waited >= queue.max_wait else Wait(position=position)

    def leave(self, *, entry_id: int, result: str, now: datetime) -> None:
        """The caller has left Twilio's queue with `result` (QueueResult). The first outcome written stays."""
        if (outcome := _OUTCOMES.get(result)) is not None:
            self.close(entry_id=entry_id, outcome=outcome, now=now)

    def farewell(self, *, result: str) -> Sorry | Goodbye:
        """What is said to a caller who left with `result`: one who hung up or was fetched hears nothing from here."""
        return Sorry() if _OUTCOMES.get(result) == QueueEntryState.OVERFLOWED else Goodbye()

    def close(self, *, entry_id: int, outcome: str, now: datetime) -> bool:
        """Write the outcome of an open entry and let its agent go; answers whether this was the first outcome."""
        still_open = QueueEntry.objects.filter(pk=entry_id, state__in=QueueEntryState.OPEN_STATES)
        if not still_open.update(state=outcome, ended_at=now):
            return False
        caller_gone(entry_id, now=now)
        return True
