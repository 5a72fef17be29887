"""What a legal hold keeps: the call it is placed on, the other legs of its visits, and what Twilio sent of them."""

from __future__ import annotations

from django.db.models import CharField, Exists, OuterRef, Q, QuerySet
from django.db.models.fields.json import KT
from django.db.models.functions import Cast

from ..models import Call, LegalHold, OutsideLeg, Reservation, Supervision, WebhookEvent


def held() -> Q:
    """Of calls: those with a hold, and the legs of agents and supervisors who were in one of them."""
    agents = Reservation.objects.filter(agent_call=OuterRef("pk"), entry__call__hold__isnull=False)
    supervisors = Supervision.objects.filter(
        call_sid=OuterRef("sid"), reservation__entry__call__hold__isnull=False
    ).exclude(call_sid="")
    return Q(Exists(LegalHold.objects.filter(call=OuterRef("pk")))) | Q(Exists(agents)) | Q(Exists(supervisors))


def outside() -> Q:
    """Of legs outside: those of such a call."""
    return Q(reservation__entry__call__hold__isnull=False)


def without_held(events: QuerySet[WebhookEvent]) -> QuerySet[WebhookEvent]:
    """Webhooks of no such call. A recording's name no leg, and an outside leg has no row: our own URL says whose."""
    reservations = Reservation.objects.filter(entry__call__hold__isnull=False).annotate(name=Cast("pk", CharField()))
    legs = OutsideLeg.objects.filter(outside()).annotate(name=Cast("pk", CharField()))
    named = events.annotate(of_reservation=KT("payload__reservation"), of_leg=KT("payload__leg"))
    return named.exclude(
        Q(Exists(Call.objects.filter(held(), sid=OuterRef("call_sid"))))
        | Q(Exists(reservations.filter(name=OuterRef("of_reservation"))))
        | Q(Exists(legs.filter(name=OuterRef("of_leg"))))
    )
