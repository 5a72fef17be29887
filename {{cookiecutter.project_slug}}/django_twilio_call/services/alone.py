"""Legs that were left alone in a conference: one hung up in the very moment in which the other was on the way there.

Twilio ends a conference with whoever leaves it; who comes a moment later waits in a new one, for nobody.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from ..constants import OutboxKind, QueueEntryState, ReservationState
from ..models import Call, Outbox, OutsideLeg, QueueEntry, Reservation
from .reservations import end_call

GRACE: Final = timedelta(seconds=10)
"""By then Twilio has told of every end that comes by itself."""


def legs(now: datetime) -> QuerySet[Call]:
    """Live legs of agents whose caller is gone, and of callers whose agent is, that nobody has ended yet."""
    over = now - GRACE
    accepted = Reservation.objects.filter(state=ReservationState.ACCEPTED)
    agents = accepted.filter(entry__state=QueueEntryState.ANSWERED, entry__call__ended_at__lte=over)
    talked = Reservation.objects.filter(state=ReservationState.COMPLETED, ended_at__lte=over, entry=OuterRef("pk"))
    callers = QueueEntry.objects.filter(Exists(talked), state=QueueEntryState.ANSWERED).exclude(
        Exists(accepted.filter(entry=OuterRef("pk")))
        | Exists(QueueEntry.objects.filter(call=OuterRef("call"), pk__gt=OuterRef("pk")))  # they were transferred
        | Exists(OutsideLeg.objects.filter(reservation__entry=OuterRef("pk"), ended_at=None))
    )
    told = Outbox.objects.filter(kind=OutboxKind.END_CALL, call_sid=OuterRef("sid"))
    alone = Q(pk__in=agents.values("agent_call")) | Q(pk__in=callers.values("call"))
    return Call.objects.live().filter(alone).exclude(Exists(told))


@transaction.atomic
def end(pk: int, *, now: datetime) -> bool:
    """End one of them, once; answers whether that was still to be done."""
    leg = legs(now).select_for_update(of=("self",)).filter(pk=pk).first()
    if leg is None:
        return False
    end_call(sid=leg.sid, now=now)
    return True
