"""Cold transfers: the caller leaves the conversation for a queue, an agent or an outside number; its agent wraps up.

Nobody is moved inside a conference. The caller's own call is sent on, which ends the conference and with it the agent's
leg, and then waits like any other: an agent who declines or vanishes leaves them in line, at the place they had.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.utils.translation import gettext

from ..constants import AgentStatus, OverflowReason, QueueEntryState, ReservationState
from ..exceptions import BusinessLogicError, NotFound, ValidationError
from ..models import Agent, AgentStateSpan, Call, OutsideLeg, Queue, QueueEntry, Reservation
from ..signals import wake_workers
from .base import BaseService, cache_result
from .decisions import DialOut, Goodbye, Meet, Queued
from .queues import QueueService
from .rooms import one_at_a_time, send_away, talking

NUMBER: Final = re.compile(r"\+[1-9][0-9]{6,14}")
ANSWERED: Final = ("completed", "answered")


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a caller may go: a queue's key or an agent's id, and its name."""

    key: str
    name: str


class TransferService(BaseService):
    """An agent hands their caller over without talking to whoever takes them."""

    service_type = "conference"

    @cache_result(service_type="conference", key_prefix="destinations")
    def queues(self) -> list[Destination]:
        """Queues a caller can be sent to: a desk asks for them with every look while its agent talks."""
        active = Queue.objects.filter(is_active=True).order_by("name")
        return [Destination(key, name) for key, name in active.values_list("key", "name")]

    def colleagues(self, *, agent_id: int) -> list[Destination]:
        """Agents who are available now."""
        free = AgentStateSpan.objects.current().filter(state=AgentStatus.AVAILABLE).exclude(agent=agent_id)
        rows = free.order_by("agent__name").values_list("agent", "agent__name")[: self.batch_size]
        return [Destination(str(pk), name) for pk, name in rows]

    def to_queue(self, *, agent_id: int, queue_key: str, now: datetime) -> QueueEntry:
        """Send the caller to the line of a queue, where their wait begins now.

        A queue that takes nobody now is refused while the agent still has the caller, who would wait there in vain.
        """
        queue = Queue.objects.filter(key=queue_key, is_active=True).first()
        if queue is None:
            raise NotFound(gettext("queue %(queue)r") % {"queue": queue_key})
        with one_at_a_time(agent_id):
            mine = self._mine(agent_id)
            self._check_queue(queue, call=mine.entry.call, now=now)
            entry = new_visit(mine, queue=queue, since=now)
            send_away(mine.entry.call, to="transfer", reservation=mine, entry=entry, now=now)
        return entry

    def to_agent(self, *, agent_id: int, to_agent_id: int, now: datetime) -> Reservation:
        """Offer the caller to one agent, who must be available; should they decline, the queue's others are next."""
        with one_at_a_time(agent_id):
            mine = self._mine(agent_id)
            entry = new_visit(mine, queue=mine.entry.queue, since=now, state=QueueEntryState.RESERVED)
            reservation = promise(entry, agent_id=to_agent_id, now=now, seconds=self.config.ring_timeout)
            send_away(mine.entry.call, to="transfer", reservation=mine, entry=entry, now=now)
        return reservation

    def to_outside(self, *, agent_id: int, number: str, now: datetime) -> None:
        """Connect the caller with a number outside; when nobody answers there, they are back in line."""
        self.check(number)
        with one_at_a_time(agent_id):
            mine = self._mine(agent_id)
            OutsideLeg.objects.create(reservation=mine, room=f"dial-{mine.pk}", number=number, created_at=now)
            send_away(mine.entry.call, to="outside", reservation=mine, now=now)

    def check(self, number: str) -> None:
        """Refuse a number that is none, or that this deploy does not let agents call."""
        if not NUMBER.fullmatch(number):
            raise ValidationError(
                gettext("number %(number)r must be + and 7 to 15 digits, the country's first") % {"number": number}
            )
        allowed = tuple(filter(None, self.config.transfer_prefixes.split(",")))
        if not number.startswith(allowed):
            raise ValidationError(
                gettext("number %(number)r must begin with one of %(allowed)s")
                % {"number": number, "allowed": ", ".join(allowed) or gettext("none at all")}
            )

    # What Twilio asks: each joins the transaction of its webhook.

    def arrive(self, *, reservation_id: int, call_sid: str) -> Queued | Meet | Goodbye:
        """The caller has left the conversation of a reservation: wherever their newest visit has got to, there they go.

        So a command that comes late or twice takes nobody out of the next conversation.
        """
        visits = QueueEntry.objects.filter(call__sid=call_sid, call__entries__reservations=reservation_id)
        newest = visits.select_related("queue", "call").order_by("-pk")
        entry = newest.select_for_update(of=("self",)).first()  # the outbox may be giving up the way here
        if entry is None:
            return Goodbye()
        if entry.state in QueueEntryState.OPEN_STATES:
            return QueueService().arrives(entry)
        taken = Reservation.objects.filter(entry=entry, state=ReservationState.ACCEPTED, asked_by=None).first()
        if taken is not None:
            return Meet(reservation_id=taken.pk, conference=taken.conference)
        if entry.overflow_reason == OverflowReason.TROUBLE:  # given up, and done all the same
            return self._in_line_again(reservation_id, queue=entry.queue, since=entry.enqueued_at)
        return Goodbye()

    def outside(self, *, reservation_id: int, call_sid: str) -> DialOut | Queued | Goodbye:
        """The caller is to be connected with the number their agent chose.

        Who comes although that was given up, or taken back, has left the conversation all the same: they are in line.
        """
        legs = OutsideLeg.objects.filter(reservation=reservation_id, room=f"dial-{reservation_id}")
        theirs = legs.filter(reservation__entry__call__sid=call_sid).order_by("-pk")
        leg = theirs.select_for_update(of=("self",)).first()
        if leg is None:
            return Goodbye()
        if leg.ended_at is not None:
            return self._in_line_again(reservation_id)
        return DialOut(reservation_id=reservation_id, number=leg.number)

    def outside_ended(self, *, reservation_id: int, call_sid: str, status: str, now: datetime) -> Queued | Goodbye:
        """The conversation outside is over, or nobody answered (`status`: Twilio's DialCallStatus)."""
        legs = OutsideLeg.objects.filter(reservation=reservation_id, reservation__entry__call__sid=call_sid)
        if not legs.filter(ended_at=None).update(ended_at=now) or status in ANSWERED:
            return Goodbye()
        return self._in_line_again(reservation_id)

    def _in_line_again(
        self, reservation_id: int, *, queue: Queue | None = None, since: datetime | None = None
    ) -> Queued:
        """At the place in line the caller had: a new visit, unless their agent has made one."""
        mine = Reservation.objects.select_related("entry__queue", "entry__call").get(pk=reservation_id)
        visits = QueueEntry.objects.filter(call=mine.entry.call_id, state__in=QueueEntryState.OPEN_STATES)
        if (made := visits.select_related("queue", "call").first()) is not None:
            return QueueService().arrives(made)
        visit = new_visit(mine, queue=queue or mine.entry.queue, since=since or mine.entry.enqueued_at)
        return QueueService().arrives(visit)

    def _check_queue(self, queue: Queue, *, call: Call, now: datetime) -> None:
        """Refuse a queue that does not take the caller now."""
        refusals = {
            OverflowReason.CLOSED: gettext("%(queue)s is closed"),
            OverflowReason.FULL: gettext("%(queue)s is full"),
            OverflowReason.NOBODY: gettext("%(queue)s has nobody logged in"),
        }
        reason = QueueService().refusal(call_sid=call.sid, queue_key=queue.key, now=now)
        if reason:
            raise BusinessLogicError(refusals[reason] % {"queue": queue.name})

    def _mine(self, agent_id: int) -> Reservation:
        mine = talking(agent_id)
        asked = Reservation.objects.filter(asked_by=mine, state__in=ReservationState.ACTIVE_STATES)
        if asked.exists() or OutsideLeg.objects.filter(reservation=mine, ended_at=None).exists():
            raise BusinessLogicError(
                gettext("somebody was asked into this call: complete that transfer, or take the caller back")
            )
        if mine.entry.call.ended_at is not None:
            raise BusinessLogicError(gettext("the caller has hung up"))
        return mine


def new_visit(of: Reservation, *, queue: Queue, since: datetime, state: str = QueueEntryState.WAITING) -> QueueEntry:
    """The caller of a conversation is in line again: a visit of its own, which counts as offered and has an outcome."""
    entry = QueueEntry(call=of.entry.call, queue=queue, priority=queue.priority, enqueued_at=since, state=state)
    entry.save(force_insert=True)
    wake_workers()
    return entry


def promise(
    entry: QueueEntry, *, agent_id: int, now: datetime, seconds: float, asked_by: Reservation | None = None
) -> Reservation:
    """Offer a caller to one agent, whom nobody else may have then. Raises `BusinessLogicError` if they are not free."""
    spans = AgentStateSpan.objects
    if spans.move(agent_id=agent_id, to=AgentStatus.RESERVED, state=AgentStatus.AVAILABLE, now=now) is None:
        name = Agent.objects.filter(pk=agent_id).values_list("name", flat=True).first()
        raise BusinessLogicError(gettext("%(name)s is not available") % {"name": name or f"agent {agent_id}"})
    return Reservation.objects.create(
        entry=entry,
        agent_id=agent_id,
        asked_by=asked_by,
        room=asked_by.conference if asked_by else "",
        created_at=now,
        expires_at=now + timedelta(seconds=seconds),
    )
