"""Legs that nobody waits for: each live leg is justified by a row, or ended, and told again until it has ended.

One leg may hang up in the very moment in which the other is on the way there: Twilio ends a conference with whoever
leaves it, and who comes a moment later waits in a new one.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from ..constants import CallRole, OutboxKind, OutboxState, QueueEntryState, ReservationState
from ..models import Call, Outbox, OutsideLeg, QueueEntry, Reservation
from .reservations import end_call

GRACE: Final = timedelta(seconds=10)
"""By then Twilio has told of every end that comes by itself."""

AGAIN: Final = timedelta(seconds=30)
"""A leg that still lives so long after it was to end is told again."""


def legs(now: datetime) -> QuerySet[Call]:
    """Live legs that nobody waits for, but for those that were told to end just now."""
    needless = Q(pk__in=_agents(now - GRACE).values("pk")) | Q(pk__in=_callers(now - GRACE).values("call"))
    return not_told(Call.objects.live().filter(needless), now)


def not_told(calls: QuerySet[Call], now: datetime) -> QuerySet[Call]:
    """Without those that were told to end just now."""
    return calls.exclude(Exists(telling(now).filter(call_sid=OuterRef("sid"))))


def telling(now: datetime) -> QuerySet[Outbox]:
    """The commands by which legs were told to end just now: whoever lives on after these is told again."""
    return Outbox.objects.telling(since=now - AGAIN)


def of_agent(agent_id: int) -> QuerySet[Call]:
    """The agent's live legs whose reservation is over: nobody is to be offered to them before these have ended."""
    over = Reservation.objects.filter(agent_call=OuterRef("pk")).exclude(state__in=ReservationState.ACTIVE_STATES)
    return Call.objects.live().filter(Exists(over), agent_id=agent_id)


@transaction.atomic
def end(pk: int, *, now: datetime) -> bool:
    """End one of them, once; answers whether that was still to be done."""
    leg = legs(now).select_for_update(of=("self",)).filter(pk=pk).first()
    if leg is None:
        return False
    end_call(sid=leg.sid, now=now)
    return True


def end_all(calls: QuerySet[Call], *, now: datetime) -> int:
    """End these, but for those that were told just now; answers how many of them live, told or not."""
    living = calls.count()
    for sid in not_told(calls, now).values_list("sid", flat=True) if living else ():
        end_call(sid=sid, now=now)
    return living


def _agents(over: datetime) -> QuerySet[Call]:
    """Legs of agents who neither talk nor wait for a caller who comes, nor did so a moment ago."""
    mine = Reservation.objects.filter(agent_call=OuterRef("pk"))
    gone = Q(entry__state=QueueEntryState.ANSWERED, entry__call__ended_at__lte=over)
    closed = Q(entry__state__in=(QueueEntryState.ABANDONED, QueueEntryState.OVERFLOWED), entry__ended_at__lte=over)
    sent_on = Outbox.objects.filter(
        kind=OutboxKind.TRANSFER_CALL,
        call_sid=OuterRef("entry__call__sid"),
        state=OutboxState.DONE,
        created_at__gte=OuterRef("accepted_at"),
        done_at__lte=over,
    )
    needed = mine.filter(state=ReservationState.ACCEPTED).exclude(gone | closed).exclude(Exists(sent_on))
    return Call.objects.live().filter(
        ~Exists(needed), ~Exists(mine.filter(ended_at__gt=over)), role=CallRole.AGENT, started_at__lte=over
    )


def _callers(over: datetime) -> QuerySet[QueueEntry]:
    """Visits whose caller was answered by an agent who is gone."""
    mine = Reservation.objects.filter(entry=OuterRef("pk"))
    talked = mine.filter(state=ReservationState.COMPLETED, ended_at__lte=over)
    talks = mine.filter(state=ReservationState.ACCEPTED)
    transferred = QueueEntry.objects.filter(call=OuterRef("call"), pk__gt=OuterRef("pk"))
    outside = OutsideLeg.objects.filter(reservation__entry=OuterRef("pk"), ended_at=None)
    return QueueEntry.objects.filter(
        Exists(talked),
        ~Exists(talks),
        ~Exists(transferred),
        ~Exists(outside),
        state=QueueEntryState.ANSWERED,
        call__ended_at=None,
    )
