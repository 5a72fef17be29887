"""Outcomes: what agents say of a call while they wrap it up, and what is written where they say nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.utils.translation import gettext

from ..constants import AgentStatus, ReservationState
from ..exceptions import BusinessLogicError, ValidationError
from ..models import AgentStateSpan, CallOutcome, Disposition, Reservation
from .base import BaseService

TIMEOUT: Final = "timeout"
"""Code of a call whose wrap-up ended before the agent had said anything, where the queue wants to know."""


@dataclass(frozen=True, slots=True)
class WrapUp:
    """The call being wrapped up: what may be said of it (code, label), whether that must be, and what was said."""

    queue: str
    choices: tuple[tuple[str, str], ...]
    required: bool
    code: str
    note: str = field(repr=False)  # what is being typed is no news: it would swap the field


class OutcomeService(BaseService):
    """One outcome for each call, which its agent may still change as long as they wrap it up."""

    service_type = "agent"

    def wrap_up(self, *, agent_id: int) -> WrapUp | None:
        """The call the agent is wrapping up, with what may be said of it."""
        reservation = _wrapped_up(agent_id)
        if reservation is None:
            return None
        outcome = CallOutcome.objects.filter(reservation=reservation).first()
        return WrapUp(
            queue=reservation.entry.queue.name,
            choices=self._choices(reservation),
            required=reservation.entry.queue.disposition_required,
            code=outcome.code if outcome else "",
            note=outcome.note if outcome else "",
        )

    def say(self, *, agent_id: int, code: str, note: str = "", now: datetime) -> CallOutcome:
        """Write how the call ended. Refused when no call is being wrapped up, or its queue has no such disposition."""
        reservation = _wrapped_up(agent_id)
        if reservation is None:
            raise BusinessLogicError(gettext("agent %(agent)s is not wrapping up a call") % {"agent": agent_id})
        codes = [known for known, _ in self._choices(reservation)]
        if code not in (codes or [""]):  # where there is nothing to choose, a note may still be left
            raise ValidationError(
                gettext("disposition %(code)r must be one of %(codes)s")
                % {"code": code, "codes": ", ".join(codes) or gettext("none at all")}
            )
        outcome, _ = CallOutcome.objects.update_or_create(
            reservation=reservation, defaults={"code": code, "note": note}, create_defaults=_new(code, note, now)
        )
        return outcome

    def keep(self, *, agent_id: int, note: str, now: datetime) -> bool:
        """Keep what the agent has written so far, whatever they say later; answers whether they wrap up a call."""
        reservation = _wrapped_up(agent_id)
        if reservation is None:
            return False
        kept = CallOutcome.objects.filter(reservation=reservation)
        if not kept.update(note=note) and note:
            CallOutcome.objects.get_or_create(reservation=reservation, defaults=_new("", note, now))
        return True

    def require(self, *, agent_id: int) -> None:
        """Refuse to go on before the call's outcome is said, where its queue wants to know."""
        if (reservation := _unsaid(agent_id)) is not None:
            raise BusinessLogicError(
                gettext("say how the call ended first: %(queue)s wants to know")
                % {"queue": reservation.entry.queue.name}
            )

    def time_out(self, *, agent_id: int, now: datetime) -> None:
        """Wrap-up ends by itself: write that nothing was said, where the queue wants to know. A note stays."""
        if (reservation := _unsaid(agent_id)) is not None:
            CallOutcome.objects.update_or_create(
                reservation=reservation, defaults={"code": TIMEOUT}, create_defaults=_new(TIMEOUT, "", now)
            )

    def _choices(self, reservation: Reservation) -> tuple[tuple[str, str], ...]:
        return tuple(_dispositions(reservation).values_list("code", "label"))


def _wrapped_up(agent_id: int) -> Reservation | None:
    """The call whose end began the wrap-up the agent is in."""
    wrap_up = AgentStateSpan.objects.current().filter(agent=OuterRef("agent"), state=AgentStatus.WRAP_UP)
    ended = Reservation.objects.filter(
        agent=agent_id, state=ReservationState.COMPLETED, ended_at=Subquery(wrap_up.values("started_at")[:1])
    )
    return ended.select_related("entry__queue").first()


def _dispositions(reservation: Reservation) -> QuerySet[Disposition]:
    return Disposition.objects.filter(queue=reservation.entry.queue_id, is_active=True)


def _unsaid(agent_id: int) -> Reservation | None:
    """A note alone says it only where there is nothing to choose."""
    reservation = _wrapped_up(agent_id)
    if reservation is None or not reservation.entry.queue.disposition_required:
        return None
    said = CallOutcome.objects.filter(~Q(code="") | ~Exists(_dispositions(reservation)), reservation=reservation)
    return None if said.exists() else reservation


def _new(code: str, note: str, now: datetime) -> dict[str, object]:
    return {"code": code, "note": note, "created_at": now}
