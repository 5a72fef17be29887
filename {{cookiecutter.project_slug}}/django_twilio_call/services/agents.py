"""Agents: what state they are in, and what they do with an offer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import models, transaction
from django.db.models import Q
from django.utils.translation import gettext

from ..constants import AgentStatus, ReservationState, StateReason
from ..exceptions import BusinessLogicError, InvalidTransition, NotFound, ValidationError
from ..models import Agent, AgentReason, AgentStateSpan, Reservation, Supervision
from ..models.written import lock_reservation
from ..signals import wake_workers
from . import alone, wording
from .base import BaseService, cache_result
from .conferences import ConferenceService, Conversation
from .history import HistoryService, Past
from .outcomes import OutcomeService, WrapUp
from .reservations import change, end_call, requeue, withdraw

CHOSEN: Final = AgentStatus.CHOSEN_STATUSES
"""States an agent may choose. The others follow from calls."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A caller offered to the agent; `waited_s` counts up to now, the offer is withdrawn at `expires_at`.

    `asked_by`: the colleague who wants help with a caller of theirs, or "".
    """

    reservation_id: int
    queue: str
    caller: str
    waited_s: int
    expires_at: datetime
    asked_by: str
    history: tuple[Past, ...]


@dataclass(frozen=True, slots=True)
class Talk:
    """The call an agent accepted; `connected_at` is None until the caller is through, `conversation` until then too."""

    reservation_id: int
    queue: str
    caller: str
    accepted_at: datetime
    connected_at: datetime | None
    conversation: Conversation | None
    history: tuple[Past, ...]


@dataclass(frozen=True, slots=True)
class Desk:
    """All that an agent's desk shows: the state since when, offer, call.

    `state_expires_at`: when the server ends the state. `planned_until`: when the agent is meant to.
    """

    identity: str
    state: str
    reason: str
    since: datetime | None
    state_expires_at: datetime | None
    planned_until: datetime | None
    offer: Offer | None
    call: Talk | None
    wrap_up: WrapUp | None


class AgentService(BaseService):
    """An agent's own acts. Each is one transaction, and refuses what another act has overtaken."""

    service_type = "agent"

    @cache_result(service_type="agent", key_prefix="reasons")
    def reasons(self) -> dict[str, list[str]]:
        """State -> the reasons that may be given for it; a state that has none takes any text."""
        reasons: dict[str, list[str]] = {}
        for state, name in AgentReason.objects.filter(is_active=True).values_list("state", "name"):
            reasons.setdefault(state, []).append(name)
        return reasons

    def set_state(
        self, *, agent_id: int, state: str, reason: str = "", at_desk: bool = False, now: datetime
    ) -> AgentStateSpan:
        """Go to a state of one's own choice. Refused, naming both, while an offer or a call decides the state.

        Who chooses `at_desk` is from then on waited for: an available agent whose desk falls silent becomes offline.
        """
        if state not in CHOSEN:
            raise ValidationError(
                gettext("state %(state)r cannot be chosen; it must be one of %(states)s")
                % {"state": state, "states": ", ".join(CHOSEN)}
            )
        known = self.reasons().get(state) if reason else None
        if known and reason not in known:
            raise ValidationError(
                gettext("reason %(reason)r must be one of %(reasons)s")
                % {"reason": reason, "reasons": ", ".join(known)}
            )
        with transaction.atomic():
            OutcomeService().require(agent_id=agent_id)
            if state == AgentStatus.AVAILABLE and Supervision.objects.current().filter(user__agent=agent_id).exists():
                raise BusinessLogicError(gettext("leave the call you supervise first"))
            Agent.objects.heard(agent_id=agent_id, now=now if at_desk else None)
            leaving = (*CHOSEN, AgentStatus.WRAP_UP)
            span = AgentStateSpan.objects.move(agent_id=agent_id, to=state, reason=reason, state__in=leaving, now=now)
            if span is None:
                span = self._first_span(agent_id=agent_id, state=state, reason=reason, now=now)
            if state == AgentStatus.AVAILABLE:
                alone.end_all(alone.of_agent(agent_id), now=now)
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
                reservation,
                only=ReservationState.PENDING,
                state=ReservationState.DECLINED,
                reason=StateReason.DECLINED,
                now=now,
            )

    def hang_up(self, *, agent_id: int, now: datetime) -> None:
        """End the agent's call; one accepted but not joined yet goes back to the queue."""
        with transaction.atomic():
            mine = Reservation.objects.filter(agent_id=agent_id, state=ReservationState.ACCEPTED)
            reservation_id = mine.values_list("pk", flat=True).first()
            reservation = None if reservation_id is None else lock_reservation(reservation_id)
            if reservation is None:
                raise BusinessLogicError(gettext("agent %(agent)s has no call to hang up") % {"agent": agent_id})
            if reservation.agent_call is not None:
                end_call(sid=reservation.agent_call.sid, now=now)
                return
            self._give_back(
                reservation,
                only=ReservationState.ACCEPTED,
                state=ReservationState.CANCELLED,
                reason=StateReason.HUNG_UP,
                now=now,
            )

    def heard(self, *, agent: Agent, at_desk: bool = False, now: datetime) -> None:
        """A sign of life. It counts only once a desk has begun to give them: programs may set a state and go.

        Written down a few times in `heartbeat_timeout`, which is all that is needed of a desk that asks every 2 s; at
        once of one that was frozen.
        """
        last, often = agent.heard_at, timedelta(seconds=self.config.heartbeat_timeout / 6)
        awakes = at_desk and (last is None or agent.frozen_at is not None)
        if awakes or (last is not None and now - last >= often):
            Agent.objects.heard(agent_id=agent.pk, now=now)

    def presence(self, *, agent_id: int, event: str, now: datetime) -> None:
        """What the desk's tab says of itself. One the browser froze hears no ring: its agent is away until it is back.

        Who still wraps up becomes so when that ends. The heartbeat would find that out as well, but only after callers
        have been offered to nobody.
        """
        if event not in ("hidden", "visible", "freeze", "resume"):
            raise ValidationError(f"event {event!r} must be one of hidden, visible, freeze, resume")
        with transaction.atomic():
            if event == "freeze":
                models.QuerySet.update(Agent.objects.filter(pk=agent_id), frozen_at=now)
                AgentStateSpan.objects.move(
                    agent_id=agent_id,
                    to=AgentStatus.OFFLINE,
                    reason=StateReason.AWAY,
                    state=AgentStatus.AVAILABLE,
                    now=now,
                )
            else:
                Agent.objects.heard(agent_id=agent_id, now=now)

    def desk(self, *, agent_id: int, at_desk: bool = False, now: datetime) -> Desk:
        """What the agent's desk shows at `now`, in three queries. A desk that asks for it (`at_desk`) lives."""
        agent = Agent.objects.filter(pk=agent_id).first()
        if agent is None:
            raise NotFound(f"agent {agent_id}")
        self.heard(agent=agent, at_desk=at_desk, now=now)
        span = AgentStateSpan.objects.current().filter(agent=agent).first()
        active = Reservation.objects.filter(agent=agent, state__in=ReservationState.ACTIVE_STATES)
        reservation = active.select_related("entry__queue", "entry__call", "asked_by__agent").first()
        return Desk(
            identity=agent.identity,
            state=span.state if span else AgentStatus.OFFLINE,
            reason=span.reason if span else "",
            since=span.started_at if span else None,
            state_expires_at=span.expires_at if span else None,
            planned_until=self._planned_until(span),
            offer=_offer(reservation, now),
            call=_talk(reservation),
            wrap_up=OutcomeService().wrap_up(agent_id=agent_id) if span and span.state == AgentStatus.WRAP_UP else None,
        )

    def _planned_until(self, span: AgentStateSpan | None) -> datetime | None:
        planned = self.config.get_planned_duration(span.state) if span else None
        return span.started_at + timedelta(seconds=planned) if span and planned else None

    def _own(self, reservation_id: int, agent_id: int) -> Reservation:
        reservation = lock_reservation(reservation_id)
        if reservation is None or reservation.agent_id != agent_id:
            raise NotFound(
                gettext("reservation %(reservation)s of agent %(agent)s")
                % {"reservation": reservation_id, "agent": agent_id}
            )
        return reservation

    def _give_back(self, reservation: Reservation, *, only: str, state: str, reason: str, now: datetime) -> None:
        # Who turns down a colleague goes on as before; who turns down a caller would be next again.
        next_state = AgentStatus.AVAILABLE if reservation.asked_by_id else AgentStatus.ON_BREAK
        withdrawn = withdraw(reservation, only=(only,), state=state, agent_state=next_state, reason=reason, now=now)
        if not withdrawn:
            raise _gone(reservation)
        requeue(reservation.entry)

    def _first_span(self, *, agent_id: int, state: str, reason: str, now: datetime) -> AgentStateSpan:
        current = AgentStateSpan.objects.current().filter(agent_id=agent_id).first()
        if current is not None:
            now_is, wanted = wording.of(wording.AGENTS, current.state), wording.of(wording.AGENTS, state)
            raise InvalidTransition(
                gettext("agent %(agent)s is %(state)s and cannot become %(wanted)s before that ends")
                % {"agent": agent_id, "state": now_is, "wanted": wanted}
            )
        return AgentStateSpan.objects.create(agent_id=agent_id, state=state, reason=reason, started_at=now)


def _gone(reservation: Reservation) -> BusinessLogicError:
    reservation.refresh_from_db(fields=["state"])
    said = gettext("reservation %(reservation)s is %(state)s: the offer is gone")
    state = wording.of(wording.OFFERS, reservation.state)
    return BusinessLogicError(said % {"reservation": reservation.pk, "state": state})


def _history(reservation: Reservation) -> tuple[Past, ...]:
    return HistoryService().of(number=reservation.entry.call.from_number, but_not=reservation.entry_id)


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
        asked_by=reservation.asked_by.agent.name if reservation.asked_by else "",
        history=_history(reservation),
    )


def _talk(reservation: Reservation | None) -> Talk | None:
    if reservation is None or reservation.accepted_at is None:
        return None
    entry = reservation.entry
    joined = reservation.agent_call_id is not None
    return Talk(
        reservation_id=reservation.pk,
        queue=entry.queue.name,
        caller=entry.call.from_number,
        accepted_at=reservation.accepted_at,
        connected_at=entry.answered_at if joined or not reservation.asked_by_id else None,
        conversation=ConferenceService().of(reservation_id=reservation.pk) if joined else None,
        history=_history(reservation),
    )
