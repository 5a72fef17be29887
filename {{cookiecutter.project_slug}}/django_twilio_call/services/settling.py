"""Conversations whose parties went: nobody is left alone on a line, whoever hangs up and in whatever moment.

Each step looks for rows that say so, which any webhook, act or crash may have left, and looks again under the lock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from django.db import models, transaction
from django.db.models import Exists, OuterRef
from django.db.models.functions import Cast, Concat

from ..constants import OutboxKind, ReservationState
from ..models import Outbox, OutsideLeg, Participant, Reservation, Supervision
from ..models.written import lock_reservation
from . import alone
from .base import BaseService
from .conferences import hand_over, hang_up_outside, send_home
from .reservations import end_call, release
from .rooms import inside, send_away, tell
from .transfers import new_visit

_INSIDE = Participant.objects.filter(left_at=None)


class SettlingService(BaseService):
    """Brings conversations to an end that everybody in them notices."""

    service_type = "conference"

    def sweep(self, *, now: datetime) -> int:
        """Let go, hand over, put back in line; answers how many."""
        steps: tuple[tuple[models.QuerySet[models.Model], Callable[[int, datetime], bool]], ...] = (
            (self._left(), self._release),
            (self._abandoned_outside(), self._settle_outside),
            (self._abandoned_asked(now), self._settle_asked),
            (self._outside_over(), self._end_outside),
            (self._late_outside(now), self._send_out),
            (self._unguarded(), self._guard),
            (self._supervised_no_more(now), self._end_supervision),
        )
        return sum(act(pk, now) for rows, act in steps for pk in self._ids(rows))

    def _ids(self, rows: models.QuerySet[models.Model]) -> Iterator[int]:
        yield from list(rows.values_list("pk", flat=True)[: self.batch_size])

    def _left(self) -> models.QuerySet[Reservation]:
        """Agents who have left their conference."""
        legs = Participant.objects.filter(call_sid=OuterRef("agent_call__sid"))
        accepted = Reservation.objects.filter(state=ReservationState.ACCEPTED, agent_call__isnull=False)
        return accepted.filter(Exists(legs)).exclude(Exists(legs.filter(left_at=None)))

    @transaction.atomic
    def _release(self, pk: int, now: datetime) -> bool:
        reservation = lock_reservation(pk)
        return reservation is not None and release(reservation, now=now)

    def _abandoned_asked(self, now: datetime) -> models.QuerySet[Reservation]:
        """Those who were asked in by an agent who is gone."""
        active = Reservation.objects.filter(state__in=ReservationState.ACTIVE_STATES, asked_by__isnull=False)
        told = alone.telling(now).filter(call_sid=OuterRef("agent_call__sid"))
        return active.exclude(asked_by__state=ReservationState.ACCEPTED).exclude(Exists(told))

    @transaction.atomic
    def _settle_asked(self, pk: int, now: datetime) -> bool:
        asked = self._abandoned_asked(now).select_related("agent_call").filter(pk=pk).first()
        owner = lock_reservation(asked.asked_by_id) if asked is not None and asked.asked_by_id else None
        if asked is None or owner is None or self._caller_kept(owner, now):
            return asked is not None
        send_home(asked, now=now)
        return True

    def _abandoned_outside(self) -> models.QuerySet[OutsideLeg]:
        """Those who were called in by an agent who is gone, while the caller is kept by nobody."""
        talks = Exists(_INSIDE.filter(room=OuterRef("room"), label__startswith="outside-", ends=True))
        live = OutsideLeg.objects.filter(ended_at=None, room__startswith="reservation-")
        return live.exclude(reservation__state=ReservationState.ACCEPTED).exclude(talks)

    @transaction.atomic
    def _settle_outside(self, pk: int, now: datetime) -> bool:
        leg = self._abandoned_outside().filter(pk=pk).first()
        owner = lock_reservation(leg.reservation_id) if leg is not None else None
        if leg is None or owner is None or self._caller_kept(owner, now):
            return leg is not None
        hang_up_outside(leg, now=now)
        return True

    def _caller_kept(self, owner: Reservation, now: datetime) -> bool:
        """Who was asked in takes the caller over; one for whom nobody is there is back in line, at their place."""
        caller = owner.entry.call
        if caller.ended_at is not None:
            return False
        if hand_over(owner, now=now):
            return True
        if inside(owner.conference, caller) is not None and not _sent_away(owner):
            entry = new_visit(owner, queue=owner.entry.queue, since=owner.entry.enqueued_at)
            send_away(caller, to="transfer", reservation=owner, entry=entry, now=now)
        return False

    def _outside_over(self) -> models.QuerySet[OutsideLeg]:
        """Calls outside that are over, or whose caller's is."""
        name = Concat(models.Value("outside-"), Cast("pk", models.CharField()))
        left = Participant.objects.filter(room=OuterRef("room"), label=OuterRef("name"), left_at__isnull=False)
        over = models.Q(reservation__entry__call__ended_at__isnull=False) | models.Q(Exists(left))
        return OutsideLeg.objects.annotate(name=name).filter(over, ended_at=None)

    def _end_outside(self, pk: int, now: datetime) -> bool:
        hang_up_outside(OutsideLeg.objects.get(pk=pk), now=now)
        return True

    def _late_outside(self, now: datetime) -> models.QuerySet[Participant]:
        """Those who came in when nobody wanted them any more."""
        wanted = [leg.label for leg in OutsideLeg.objects.filter(ended_at=None)]
        told = alone.telling(now).filter(call_sid=OuterRef("call_sid"))
        return _INSIDE.filter(label__startswith="outside-").exclude(label__in=wanted).exclude(Exists(told))

    def _send_out(self, pk: int, now: datetime) -> bool:
        end_call(sid=Participant.objects.values_list("call_sid", flat=True).get(pk=pk), now=now)
        return True

    def _unguarded(self) -> models.QuerySet[Participant]:
        """Agents who are alone with their caller, in a conference that would go on without them.

        Whoever was ever told to go has handed the caller over, and must not take the conference with them.
        """
        asks = Reservation.objects.filter(asked_by=OuterRef("pk"), state__in=ReservationState.ACTIVE_STATES)
        called = OutsideLeg.objects.filter(reservation=OuterRef("pk"), ended_at=None)
        leaving = Outbox.objects.filter(kind=OutboxKind.END_CALL, call_sid=OuterRef("agent_call__sid"))
        owners = Reservation.objects.filter(state=ReservationState.ACCEPTED, asked_by=None)
        owners = owners.exclude(Exists(asks)).exclude(Exists(called)).exclude(Exists(leaving))
        return _INSIDE.filter(ends=False, call_sid__in=owners.values("agent_call__sid"))

    @transaction.atomic
    def _guard(self, pk: int, now: datetime) -> bool:
        tell(self._unguarded().filter(pk=pk).first(), ends=True, now=now)
        return True

    def _supervised_no_more(self, now: datetime) -> models.QuerySet[Supervision]:
        """Supervisors whose agent's call is over, whose phone never came, or who have left."""
        current = Supervision.objects.current()
        left = Participant.objects.filter(call_sid=OuterRef("call_sid"), left_at__isnull=False)
        late = Supervision.objects.unjoined(now - timedelta(seconds=self.config.join_timeout))
        over = ~models.Q(reservation__state=ReservationState.ACCEPTED) | models.Q(Exists(left))
        return current.filter(over | models.Q(pk__in=late))

    @transaction.atomic
    def _end_supervision(self, pk: int, now: datetime) -> bool:
        supervision = Supervision.objects.select_for_update().filter(pk=pk, ended_at=None).first()
        if supervision is None:
            return False
        supervision.ended_at = now
        supervision.save(update_fields=["ended_at"])
        if supervision.call_sid:
            end_call(sid=supervision.call_sid, now=now)
        return True


def _sent_away(owner: Reservation) -> bool:
    """Whether the caller has a visit after this conversation."""
    return owner.entry.call.entries.filter(pk__gt=owner.entry_id).exists()
