"""Agents: what state they are in, and what they do with an offer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Q

from ..constants import AgentStatus, ReservationState
from ..exceptions import BusinessLogicError, InvalidTransition, NotFound, ValidationError
from ..models import Agent, AgentStateSpan, Reservation
from ..signals import wake_workers
from .base import BaseService
from .reservations import change, end_call, locked, requeue, withdraw

CHOSEN: Final = (
    AgentStatus.AVAILABLE,
    AgentStatus.ON_BREAK,
    AgentStatus.LUNCH,
    AgentStatus.TRAINING,
    AgentStatus.OFFLINE,
)
"""States an agent may choose. The others follow from calls."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A caller offered to the agent; `waited_s` counts up to now, the offer is withdrawn at `expires_at`."""

    reservation_id: int
    queue: str
    caller: str
    waited_s: int
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Talk:
    """The call an agent accepted; `connected_at` is None until the caller is through."""

    reservation_id: int
    queue: str
    caller: str
    accepted_at: datetime
    connected_at: datetime | None


@dataclass(frozen=True, slots=True)
class Desk:
    """All that an agent's desk shows: the state since when (and until when, if the server ends it), offer, call."""

    identity: str
    state: str
    reason: str
    since: datetime | None
    state_expires_at: datetime | None
    offer: Offer | None
    call: Talk | None


class AgentService(BaseService):
    """An agent's own acts. Each is one transaction, and refuses what another act has overtaken."""

    service_type = "agent"

    def set_state(self, *, agent_id: int, state: str, reason: str = "", now: datetime) -> AgentStateSpan:
        """Go to a state of one's own choice. Refused, naming both, while an offer or a call decides the state."""
        if state not in CHOSEN:
            raise ValidationError(f"state {state!r} cannot be chosen; it must be one of {', '.join(CHOSEN)}")
        with transaction.atomic():
            leaving = (*CHOSEN, AgentStatus.WRAP_UP)
            span = AgentStateSpan.objects.move(agent_id=agent_id, to=state, reason=reason, state__in=leaving, now=now)
            if span is None:
                span = self._first_span(agent_id=agent_id, state=state, reason=reason, now=now)
            if state == AgentStatus.AVAILABLE:
                wake_workers()
        return span

    def accept(self, *, reservation_id: int, agent_id: int, now: datetime) -> Reservation:
        """Take an offer. The agent's phone must then join within `join_timeout` seconds."""
        with transaction.atomic():
            reservation = self._own(reservation_id, agent_id)
            if reservation.state == ReservationState.ACCEPTED:
                return reservation  # a second click
            taken = change(
                reservation,
                Q(state=ReservationState.PENDING),
                state=ReservationState.ACCEPTED,
                accepted_at=now,
                expires_at=now + timedelta(seconds=self.config.join_timeout),
            )
            if not taken:
                raise _gone(reservation)
            AgentStateSpan.objects.move(agent_id=agent_id, to=AgentStatus.BUSY, state=AgentStatus.RESERVED, now=now)
        return reservation

    def decline(self, *, reservation_id: int, agent_id: int, now: datetime) -> None:
        """Turn an offer down: the caller keeps their place, the agent goes on a break, or they would be next again."""
        with transaction.atomic():
            reservation = self._own(reservation_id, agent_id)
            self._give_back(
                reservation, only=ReservationState.PENDING, state=ReservationState.DECLINED, reason="declined", now=now
            )

    def hang_up(self, *, agent_id: int, now: datetime) -> None:
        """End the agent's call; one accepted but not joined yet goes back to the queue."""
        with transaction.atomic():
            mine = Reservation.objects.filter(agent_id=agent_id, state=ReservationState.ACCEPTED)
            reservation_id = mine.values_list("pk", flat=True).first()
            reservation = None if reservation_id is None else locked(reservation_id)
            if reservation is None:
                raise BusinessLogicError(f"agent {agent_id} has no call to hang up")
            if reservation.agent_call is not None:
                end_call(sid=reservation.agent_call.sid, now=now)
                return
            self._give_back(
                reservation, only=ReservationState.ACCEPTED, state=ReservationState.CANCELLED, reason="hung up", now=now
            )

    def desk(self, *, agent_id: int, now: datetime) -> Desk:
        """What the agent's desk shows at `now`, in three queries."""
        agent = Agent.objects.filter(pk=agent_id).first()
        if agent is None:
            raise NotFound(f"agent {agent_id}")
        span = AgentStateSpan.objects.current().filter(agent=agent).first()
        active = Reservation.objects.filter(agent=agent, state__in=ReservationState.ACTIVE_STATES)
        reservation = active.select_related("entry__queue", "entry__call").first()
        return Desk(
            identity=agent.identity,
            state=span.state if span else AgentStatus.OFFLINE,
            reason=span.reason if span else "",
            since=span.started_at if span else None,
            state_expires_at=span.expires_at if span else None,
            offer=_offer(reservation, now),
            call=_talk(reservation),
        )

    def _own(self, reservation_id: int, agent_id: int) -> Reservation:
        reservation = locked(reservation_id)
        if reservation is None or reservation.agent_id != agent_id:
            raise NotFound(f"reservation {reservation_id} of agent {agent_id}")
        return reservation

    def _give_back(self, reservation: Reservation, *, only: str, state: str, reason: str, now: datetime) -> None:
        withdrawn = withdraw(
            reservation, only=(only,), state=state, agent_state=AgentStatus.ON_BREAK, reason=reason, now=now
        )
        if not withdrawn:
            raise _gone(reservation)
        requeue(reservation.entry)

    def _first_span(self, *, agent_id: int, state: str, reason: str, now: datetime) -> AgentStateSpan:
        current = AgentStateSpan.objects.current().filter(agent_id=agent_id).first()
        if current is not None:
            raise InvalidTransition(f"agent {agent_id} is {current.state} and cannot become {state} before that ends")
        return AgentStateSpan.objects.create(agent_id=agent_id, state=state, reason=reason, started_at=now)


def _gone(reservation: Reservation) -> BusinessLogicError:
    reservation.refresh_from_db(fields=["state"])
    return BusinessLogicError(f"reservation {reservation.pk} is {reservation.state}: the offer is gone")


def _offer(reservation: Reservation | None, now: datetime) -> Offer | None:
    if reservation is None or reservation.state != ReservationState.PENDING:
        return None
    entry = reservation.entry
    return Offer(
        reservation_id=reservation.pk,
        queue=entry.queue.name,
        caller=entry.call.from_number,
        waited_s=int((now - entry.enqueued_at).total_seconds()),
        expires_at=reservation.expires_at,
    )


def _talk(reservation: Reservation | None) -> Talk | None:
    if reservation is None or reservation.accepted_at is None:
        return None
    entry = reservation.entry
    return Talk(
        reservation_id=reservation.pk,
        queue=entry.queue.name,
        caller=entry.call.from_number,
        accepted_at=reservation.accepted_at,
        connected_at=entry.answered_at,
    )
