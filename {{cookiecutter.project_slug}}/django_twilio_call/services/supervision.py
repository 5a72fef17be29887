"""Supervisors with an agent's call: they listen, whisper to the agent, or talk to both. Each step is written down.

A supervisor's leg comes in muted, and coaching that one agent: nobody hears them before they say so.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.utils.translation import gettext

from ..constants import AgentStatus, CallRole, ReservationState, SupervisionMode
from ..exceptions import BusinessLogicError, NotFound, ValidationError
from ..models import AgentStateSpan, Call, Participant, Reservation, Supervision
from ..names import named
from .audit import record
from .base import BaseService
from .decisions import Goodbye, Meet
from .reservations import end_call
from .rooms import inside, tell
from .transfers import Destination

IDENTITY: Final = "supervisor_"
HEARD: Final = {
    SupervisionMode.LISTEN: {"muted": True, "coaching": True},
    SupervisionMode.WHISPER: {"muted": False, "coaching": True},
    SupervisionMode.BARGE: {"muted": False, "coaching": False},
}
"""Mode -> what the supervisor's leg is told."""


@dataclass(frozen=True, slots=True)
class Supervised:
    """A conversation with a supervisor: whose it is, how far they go, and whether their phone is in."""

    pk: int
    agent: str
    mode: str
    joined: bool


def identity_of(user_id: int) -> str:
    """Name of a supervisor's browser phone."""
    return named(f"{IDENTITY}{user_id}")


class SupervisionService(BaseService):
    """What a supervisor does; who may be one, the door decides."""

    service_type = "conference"

    def listen(self, *, user: Any, agent_id: int, address: str = "", now: datetime) -> Supervision:
        """Begin to listen to the call an agent is on. The supervisor's phone then joins it, muted."""
        self.must_be_on("enable_conference")
        own = AgentStateSpan.objects.current().filter(agent__user=user, state__in=AgentStatus.ON_SHIFT_STATUSES)
        if own.exists():
            raise BusinessLogicError(gettext("take a break first: a call could be offered to you while you listen"))
        talks = Reservation.objects.filter(agent=agent_id, state=ReservationState.ACCEPTED, agent_call__isnull=False)
        reservation = talks.select_related("agent").exclude(agent__user=user).first()
        if reservation is None:
            raise BusinessLogicError(gettext("agent %(agent)s is on no call") % {"agent": agent_id})
        try:
            with transaction.atomic():
                made = Supervision.objects.create(reservation=reservation, user=user, created_at=now)
                record(actor=user, action="supervise.listen", target=str(reservation), address=address, now=now)
        except IntegrityError as error:
            raise BusinessLogicError(gettext("you listen to a call already: leave it first")) from error
        return made

    def change(self, *, user: Any, mode: str, address: str = "", now: datetime) -> None:
        """Go on listening, whispering or talking to both."""
        if mode not in SupervisionMode.MODES:
            raise ValidationError(
                gettext("mode %(mode)r must be one of %(modes)s")
                % {"mode": mode, "modes": ", ".join(SupervisionMode.MODES)}
            )
        with transaction.atomic():
            mine = self._mine(user)
            if (part := _part(mine)) is None:
                raise BusinessLogicError(gettext("your phone has not come into the call yet"))
            tell(part, now=now, **HEARD[mode])
            mine.mode = mode
            mine.save(update_fields=["mode"])
            record(actor=user, action=f"supervise.{mode}", target=str(mine.reservation), address=address, now=now)

    def leave(self, *, user: Any, address: str = "", now: datetime) -> None:
        """Leave the call; it goes on."""
        with transaction.atomic():
            mine = self._mine(user)
            mine.ended_at = now
            mine.save(update_fields=["ended_at"])
            if mine.call_sid:
                end_call(sid=mine.call_sid, now=now)
            record(actor=user, action="supervise.leave", target=str(mine.reservation), address=address, now=now)

    def current(self, *, user: Any) -> Supervised | None:
        """The call a supervisor is with, or None."""
        mine = Supervision.objects.current().filter(user=user).select_related("reservation__agent").first()
        if mine is None:
            return None
        return Supervised(mine.pk, mine.reservation.agent.name, mine.mode, _part(mine) is not None)

    def talks(self, *, user: Any) -> list[Destination]:
        """Agents whose calls can be listened to."""
        talks = Reservation.objects.filter(state=ReservationState.ACCEPTED, agent_call__isnull=False)
        rows = talks.exclude(agent__user=user).order_by("agent__name").values_list("agent", "agent__name")
        return [Destination(str(pk), name) for pk, name in rows[: self.batch_size]]

    def join(
        self, *, supervision_id: int, identity: str, sid: str, from_number: str, to_number: str, now: datetime
    ) -> Meet | Goodbye:
        """A supervisor's phone comes in. `identity` is the one Twilio vouches for: nobody uses another's permission."""
        found = Supervision.objects.current().select_for_update(of=("self",)).filter(pk=supervision_id)
        mine = found.select_related("reservation__agent_call").first()
        reservation = mine.reservation if mine is not None else None
        if mine is None or reservation is None or identity != identity_of(mine.user_id) or mine.call_sid:
            return Goodbye()
        if reservation.state != ReservationState.ACCEPTED or reservation.agent_call is None:
            return Goodbye()
        mine.call_sid = sid
        mine.save(update_fields=["call_sid"])
        leg = Call(sid=sid, role=CallRole.SUPERVISOR, from_number=from_number, to_number=to_number)
        leg.started_at = leg.answered_at = now
        Call.objects.bulk_create([leg], ignore_conflicts=True)
        return Meet(
            reservation_id=reservation.pk,
            conference=reservation.conference,
            ends=False,
            coach=reservation.agent_call.sid,
        )

    def _mine(self, user: Any) -> Supervision:
        found = Supervision.objects.current().select_for_update(of=("self",)).filter(user=user)
        mine = found.select_related("reservation__agent").first()
        if mine is None:
            raise NotFound(gettext("you are with no call"))
        return mine


def _part(mine: Supervision) -> Participant | None:
    return inside(mine.reservation.conference, Call(sid=mine.call_sid)) if mine.call_sid else None
