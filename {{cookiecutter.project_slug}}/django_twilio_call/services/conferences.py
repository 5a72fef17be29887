"""Conversations: hold, mute, and a second party who is asked in, while the caller waits or listens.

Who is asked in may take the call over. Until then the conference ends with the caller alone, so that either of the two
who talk may go: `services.settling` then decides for the one who stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext

from ..constants import AgentStatus, ReservationState
from ..exceptions import BusinessLogicError
from ..models import Call, OutsideLeg, Participant, Reservation
from ..models.written import lock_owner
from .base import BaseService
from .reservations import end_call, release, withdraw
from .rooms import call_in, inside, one_at_a_time, present, talking, tell
from .transfers import TransferService, promise


@dataclass(frozen=True, slots=True)
class Second:
    """Who was asked into a conversation: their name or number, and whether they are there yet."""

    name: str
    joined: bool


@dataclass(frozen=True, slots=True)
class Conversation:
    """What an agent's desk shows of their conference. `asked`: by whom they were asked in, "" if the call is theirs."""

    on_hold: bool
    muted: bool
    second: Second | None
    asked: str
    ready: bool


class ConferenceService(BaseService):
    """An agent's acts in their conversation, and what Twilio tells of it."""

    service_type = "conference"

    def hold(self, *, agent_id: int, on: bool, now: datetime) -> None:
        """Let the caller hear music and nobody, or take them back."""
        with one_at_a_time(agent_id):
            mine = talking(agent_id)
            tell(present(mine.conference, mine.entry.call), hold=on, now=now)

    def mute(self, *, agent_id: int, on: bool, now: datetime) -> None:
        """Let nobody hear the agent, or everybody again."""
        with one_at_a_time(agent_id):
            mine = talking(agent_id, own=False)
            tell(present(mine.conference, _leg(mine)), muted=on, now=now)

    def ask_agent(self, *, agent_id: int, other_id: int, hold: bool = True, now: datetime) -> Reservation:
        """Ask an available colleague in; on `hold` the caller does not hear what the two say."""
        self.must_be_on("enable_conference")
        with one_at_a_time(agent_id):
            mine = self._alone(agent_id)
            asked = promise(mine.entry, agent_id=other_id, now=now, seconds=self.config.ring_timeout, asked_by=mine)
            self._make_room(mine, hold=hold, now=now)
        return asked

    def ask_outside(self, *, agent_id: int, number: str, hold: bool = True, now: datetime) -> OutsideLeg:
        """Have somebody outside called into the conversation."""
        self.must_be_on("enable_conference")
        TransferService().check(number)
        with one_at_a_time(agent_id):
            mine = self._alone(agent_id)
            leg = OutsideLeg.objects.create(reservation=mine, room=mine.conference, number=number, created_at=now)
            call_in(leg, conference=self._make_room(mine, hold=hold, now=now), now=now)
        return leg

    def complete(self, *, agent_id: int, now: datetime) -> None:
        """Leave the caller to whoever was asked in, and go."""
        with one_at_a_time(agent_id):
            mine = talking(agent_id)
            second = self._second(mine)
            if second is None or not second.joined:
                raise BusinessLogicError(gettext("nobody is there yet to take the caller over"))
            hand_over(mine, now=now)
            end_call(sid=_leg(mine).sid, now=now)

    def take_back(self, *, agent_id: int, now: datetime) -> None:
        """Let go whoever was asked in, and talk to the caller again."""
        with one_at_a_time(agent_id):
            mine = talking(agent_id)
            for asked in Reservation.objects.filter(asked_by=mine, state__in=ReservationState.ACTIVE_STATES):
                send_home(asked, now=now)
            for leg in OutsideLeg.objects.filter(reservation=mine, ended_at=None):
                hang_up_outside(leg, now=now)
            tell(inside(mine.conference, _leg(mine)), ends=True, now=now)
            tell(inside(mine.conference, mine.entry.call), hold=False, now=now)

    def of(self, *, reservation_id: int) -> Conversation | None:
        """What the desk of a reservation's agent shows; None before their phone has come in."""
        mine = Reservation.objects.select_related("entry__call", "agent_call", "asked_by__agent").get(pk=reservation_id)
        if mine.agent_call is None:
            return None
        there = {part.call_sid: part for part in Participant.objects.inside(mine.conference)}
        caller, agent = there.get(mine.entry.call.sid), there.get(mine.agent_call.sid)
        return Conversation(
            on_hold=bool(caller and caller.hold),
            muted=bool(agent and agent.muted),
            second=self._second(mine),
            asked=mine.asked_by.agent.name if mine.asked_by else "",
            ready=caller is not None and agent is not None,
        )

    # What Twilio tells: each joins the transaction of its webhook.

    def told(self, participant: Participant) -> None:
        """Somebody came, went, or was changed: told in any order, and more than once."""
        Participant.objects.project(participant)

    def ended(self, *, reservation_id: int, room: str = "", sid: str = "", now: datetime) -> None:
        """The conversation is over: its agent goes on to wrap-up. Whoever else was in it, the sweep lets go.

        That is the agent of the reservation it began with, or who has taken the caller over in its `room` since.
        Nobody is inside of `sid` any more, also where Twilio's word of somebody's leaving was lost.
        """
        if (reservation := lock_owner(reservation_id, room=room)) is not None:
            release(reservation, now=now)
        # After the entry was locked, as whoever changes participants does. Where the caller never came, the agent was
        # alone, and nobody is missed.
        if reservation is None or reservation.entry.answered_at is not None:
            Participant.objects.filter(sid=sid, left_at=None).update(left_at=now)

    def outside_status(self, *, leg_id: int, ended: bool, now: datetime) -> None:
        """How the call to somebody outside goes."""
        if ended:
            OutsideLeg.objects.filter(pk=leg_id, ended_at=None).update(ended_at=now)

    def _alone(self, agent_id: int) -> Reservation:
        mine = talking(agent_id)
        if self._second(mine) is not None:
            raise BusinessLogicError(gettext("somebody was asked into this call already"))
        if mine.entry.call.ended_at is not None:
            raise BusinessLogicError(gettext("the caller has hung up"))
        return mine

    def _make_room(self, mine: Reservation, *, hold: bool, now: datetime) -> str:
        """From now on the conference outlives its agent; answers its sid."""
        part = present(mine.conference, _leg(mine))
        tell(part, ends=False, now=now)
        if hold:
            tell(present(mine.conference, mine.entry.call), hold=True, now=now)
        return part.sid

    def _second(self, mine: Reservation) -> Second | None:
        asks = Reservation.objects.filter(asked_by=mine, state__in=ReservationState.ACTIVE_STATES)
        if (asked := asks.select_related("agent", "agent_call").first()) is not None:
            there = asked.agent_call is not None and inside(mine.conference, asked.agent_call) is not None
            return Second(asked.agent.name, there)
        leg = OutsideLeg.objects.filter(reservation=mine, room=mine.conference, ended_at=None).first()
        return None if leg is None else Second(leg.number, inside(leg.room, label=leg.label) is not None)


def hand_over(mine: Reservation, *, now: datetime) -> bool:
    """Whoever was asked in has the caller from now on; answers whether somebody was there to. The entry is locked."""
    caller = mine.entry.call
    asks = Reservation.objects.filter(asked_by=mine, state=ReservationState.ACCEPTED).exclude(agent_call=None)
    asked = asks.select_related("agent_call").first()
    leg = OutsideLeg.objects.filter(reservation=mine, room=mine.conference, ended_at=None).first()
    if asked is not None and (part := inside(mine.conference, _leg(asked))) is not None:
        Reservation.objects.filter(pk=asked.pk).update(asked_by=None)
    elif leg is None or (part := inside(leg.room, label=leg.label)) is None:
        return False
    tell(part, ends=True, now=now)
    tell(inside(mine.conference, caller), hold=False, now=now)
    return True


def send_home(asked: Reservation, *, now: datetime) -> None:
    """Who was asked in is no longer needed: their leg ends, or their phone stops ringing."""
    if asked.agent_call is not None:
        end_call(sid=asked.agent_call.sid, now=now)
        return
    withdraw(
        asked,
        only=ReservationState.ACTIVE_STATES,
        state=ReservationState.CANCELLED,
        agent_state=AgentStatus.AVAILABLE,
        now=now,
    )


def hang_up_outside(leg: OutsideLeg, *, now: datetime) -> None:
    """Who was called in is no longer needed. One who is still being called is hung up on when they come in."""
    OutsideLeg.objects.filter(pk=leg.pk, ended_at=None).update(ended_at=now)
    if (part := inside(leg.room, label=leg.label)) is not None:
        end_call(sid=part.call_sid, now=now)


def _leg(reservation: Reservation) -> Call:
    if reservation.agent_call is None:
        raise BusinessLogicError(
            gettext("the phone of reservation %(reservation)s has not joined") % {"reservation": reservation.pk}
        )
    return reservation.agent_call
