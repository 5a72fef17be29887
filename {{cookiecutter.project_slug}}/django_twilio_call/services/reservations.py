"""Ends of a reservation, shared by the services.

Whoever changes a reservation holds its entry's lock, and changes it only from the state they expect. Lock order
everywhere: entry, reservation, agent's span.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet

from ..constants import AgentStatus, Onward, OutboxKind, OverflowReason, QueueEntryState, ReservationState
from ..models import AgentStateSpan, Outbox, QueueEntry, Reservation
from ..models.written import lock_reservation
from ..signals import wake_workers


def change(reservation: Reservation, only: Q, **fields: Any) -> bool:
    """Change the reservation if it still is as `only` says; answers whether it was."""
    if not Reservation.objects.filter(only, pk=reservation.pk).update(**fields):
        return False
    for name, value in fields.items():
        setattr(reservation, name, value)
    return True


def requeue(entry: QueueEntry) -> None:
    """Put a reserved caller back in line. `enqueued_at` stays, so they keep their place."""
    if QueueEntry.objects.filter(pk=entry.pk, state=QueueEntryState.RESERVED).update(state=QueueEntryState.WAITING):
        wake_workers()


def release(reservation: Reservation, *, now: datetime) -> bool:
    """The agent's leg is over: end the reservation, start wrap-up, and requeue a caller who never got through."""
    if not change(reservation, Q(state=ReservationState.ACCEPTED), state=ReservationState.COMPLETED, ended_at=now):
        return False
    if reservation.entry.state == QueueEntryState.RESERVED:
        requeue(reservation.entry)
    wrap_up = timedelta(seconds=reservation.entry.queue.wrap_up_time)
    AgentStateSpan.objects.move(
        agent_id=reservation.agent_id, to=AgentStatus.WRAP_UP, state=AgentStatus.BUSY, now=now, expires_at=now + wrap_up
    )
    return True


def withdraw(
    reservation: Reservation, *, only: tuple[str, ...], state: str, agent_state: str, reason: str = "", now: datetime
) -> bool:
    """End an offer that nobody joined and set the agent to `agent_state`; answers whether it still stood."""
    if not change(reservation, Q(state__in=only, agent_call=None), state=state, ended_at=now):
        return False
    AgentStateSpan.objects.move(
        agent_id=reservation.agent_id,
        to=agent_state,
        reason=reason,
        state__in=(AgentStatus.RESERVED, AgentStatus.BUSY),
        now=now,
    )
    return True


def caller_gone(entry_id: int, *, now: datetime) -> None:
    """The caller of a reserved entry has left: free the agent, or end the leg of one who already joined.

    An agent who joined stays busy until that leg has really ended, so that nobody is offered to them meanwhile.
    """
    reservation = (
        Reservation.objects.select_related("agent_call")
        .filter(entry_id=entry_id, state__in=ReservationState.ACTIVE_STATES)
        .first()
    )
    if reservation is None:
        return
    if reservation.agent_call is None:
        withdraw(
            reservation,
            only=ReservationState.ACTIVE_STATES,
            state=ReservationState.CANCELLED,
            agent_state=AgentStatus.AVAILABLE,
            now=now,
        )
    else:
        end_call(sid=reservation.agent_call.sid, now=now)
    wake_workers()


def agent_gives_up(entry: QueueEntry, *, now: datetime) -> None:
    """The caller cannot be fetched: they are back in line, and the leg of the agent who waits for them ends.

    Twilio may yet do what it says it could not: who comes then is in line as well, and not alone in a conference. Who
    has come already stays.
    """
    for pk in _joined(entry).values_list("pk", flat=True):
        reservation = lock_reservation(pk)
        if reservation is None or reservation.entry.state != QueueEntryState.RESERVED:
            continue
        if release(reservation, now=now) and reservation.agent_call is not None:
            end_call(sid=reservation.agent_call.sid, now=now)


def end_agents(entry: QueueEntry, *, now: datetime) -> None:
    """Nobody can be called back: end the leg of the agent who waits. Whether there is another try is decided later."""
    for sid in _joined(entry).values_list("agent_call__sid", flat=True):
        end_call(sid=sid, now=now)


def _joined(entry: QueueEntry) -> QuerySet[Reservation]:
    return Reservation.objects.filter(entry=entry, state=ReservationState.ACCEPTED).exclude(agent_call=None)


def not_transferred(entry: QueueEntry | None, *, now: datetime) -> None:
    """The caller of a transfer stays where they are: end the visit that was to come, and let its agent go."""
    if entry is None:
        return
    waiting = QueueEntry.objects.filter(pk=entry.pk, state__in=QueueEntryState.OPEN_STATES)
    why = {"overflow_reason": OverflowReason.TROUBLE, "overflow_to": Onward.GOODBYE}
    if waiting.update(state=QueueEntryState.OVERFLOWED, ended_at=now, **why):
        caller_gone(entry.pk, now=now)


def end_call(*, sid: str, now: datetime) -> None:
    """Have Twilio end a leg, after the commit."""
    Outbox.objects.create(kind=OutboxKind.END_CALL, call_sid=sid, not_before=now, created_at=now)
    wake_workers()
