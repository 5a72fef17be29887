"""Who else was in a call, as its timeline tells it: supervisors, and people outside."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from ..constants import OutboxKind, SupervisionMode
from ..models import AuditEntry, Call, OutsideLeg, Participant, Reservation, Supervision
from .moments import Moment

LATEST: Final = timedelta(days=1)
"""A leg outside whose end nobody told of: Twilio ends every call by then. Within this its webhooks are looked for."""

LATE: Final = timedelta(minutes=5)
"""For what Twilio tells after the end."""

HEARD: Final = {
    SupervisionMode.LISTEN: _("%(who)s listens to %(agent)s"),
    SupervisionMode.WHISPER: _("%(who)s whispers to %(agent)s"),
    SupervisionMode.BARGE: _("%(who)s talks to %(agent)s and the caller"),
}
"""Mode -> what a supervisor does with an agent's call."""


class Outside:
    """Whom agents had called in or connected the caller with. Their legs have no row: a conference knows their sids."""

    def __init__(self, call: Call, reservations: list[Reservation]) -> None:
        self._agents = {each.pk: each.agent.name for each in reservations}
        self._legs = list(OutsideLeg.objects.filter(reservation__in=reservations).order_by("pk"))
        rooms = Participant.objects.filter(call_sid=call.sid).values("sid")
        labels = [leg.label for leg in self._legs]
        self._inside = list(Participant.objects.filter(sid__in=rooms, label__in=labels).order_by("pk"))
        self.sids = [part.call_sid for part in self._inside]

    def told(self) -> Q:
        """Webhooks of those who never came in: our own URL says whose they are."""
        told = Q(pk__in=[])
        for leg in self._legs:
            until = (leg.ended_at or leg.created_at + LATEST) + LATE
            told |= Q(received_at__range=(leg.created_at, until), payload__leg=str(leg.pk))
        return told

    def wanted(self) -> Q:
        """The commands to call them: such a one has no sid yet."""
        keys = [leg.pk for leg in self._legs]
        return Q(kind=OutboxKind.ADD_PARTICIPANT, call_sid="", changes__leg__in=keys)

    def moments(self) -> Iterator[Moment]:
        """Called, there, gone; their number is shown as the caller's is."""
        numbers = {leg.label: leg.number for leg in self._legs}
        for leg in self._legs:
            agent = self._agents[leg.reservation_id]
            dialled = leg.room.startswith("dial-")
            title = gettext("%(agent)s sends the caller to") if dialled else gettext("%(agent)s has called in")
            yield Moment(leg.created_at, "state", title % {"agent": agent}, number=leg.number)
            if leg.ended_at:
                yield Moment(leg.ended_at, "state", gettext("outside leg ended"), number=leg.number)
        for part in self._inside:
            number = numbers[part.label]
            yield Moment(part.joined_at, "state", gettext("outside leg came in"), part.call_sid, number=number)


def of_supervisions(
    supervisions: list[Supervision], reservations: list[Reservation], log: list[AuditEntry]
) -> Iterator[Moment]:
    """Who was with an agent's call, how far they went, and until when."""
    agents = {each.pk: each.agent.name for each in reservations}
    began = {(each.user_id, each.created_at) for each in supervisions}
    for each in supervisions:
        named = {"who": each.user.get_username(), "agent": agents[each.reservation_id]}
        yield Moment(each.created_at, "state", HEARD[SupervisionMode.LISTEN] % named, each.call_sid)
        if each.ended_at:
            never = "" if each.call_sid else gettext("their phone never came in")
            yield Moment(each.ended_at, "state", gettext("%(who)s has left the call of %(agent)s") % named, never)
    for step in log:
        said = HEARD.get(step.action.removeprefix("supervise."))
        if said and (step.actor_id, step.at) not in began:
            agent = agents[int(step.target.split()[1])]
            yield Moment(step.at, "state", said % {"who": step.actor_name, "agent": agent})
