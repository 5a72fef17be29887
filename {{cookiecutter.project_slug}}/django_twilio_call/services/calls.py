"""Calls: what happens when Twilio says that a leg began, moved or ended."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

from django.db.models import Prefetch, Q

from ..constants import CallRole, CallStatus, OutboxKind, OutboxState, QueueEntryState, ReservationState
from ..models import PLACEHOLDER, Call, Outbox, QueueEntry, Reservation
from ..models.written import joined_reservation, lock_reservation
from ..signals import wake_workers
from .base import BaseService
from .callbacks import CallbackService
from .decisions import Goodbye, Meet, Menu, Queued, Said, Speech
from .ivr import IVRService, Step
from .queues import QueueService
from .recordings import is_recorded, is_to_be_told
from .reservations import change
from .speech import speech_of

logger = logging.getLogger(__name__)


class CallService(BaseService):
    """Calls from the first ring to the last callback. Every method joins the transaction of its webhook."""

    service_type = "call"

    def receive(self, *, sid: str, from_number: str, to_number: str, now: datetime) -> Menu | Said | Step:
        """A caller rings: remember the call with the version of the flow it goes through, and begin with it."""
        ivr = IVRService()
        CallbackService().withdraw(number=from_number, now=now)
        release = ivr.release(number=to_number) if self.config.enable_ivr else None
        version_id, flow = release or (None, None)
        self._remember(
            sid=sid,
            role=CallRole.CUSTOMER,
            from_number=from_number,
            to_number=to_number,
            now=now,
            ivr_version_id=version_id,
        )
        return ivr.menu(attempt=1) if flow is None else ivr.start(call_sid=sid, flow=flow, now=now)

    def join(
        self,
        *,
        sid: str,
        reservation_id: int,
        identity: str,
        from_number: str,
        to_number: str,
        connect_url: str,
        status_url: str = "",
        now: datetime,
    ) -> Meet | Goodbye:
        """An agent's phone joins for a reservation it accepted: fetch or call the caller, after the commit.

        `identity` is the one Twilio vouches for (`agent_7`), `connect_url` where the caller's call goes on, and
        `status_url` who is told how a call goes that is yet to be made.
        """
        reservation = lock_reservation(reservation_id)
        if reservation is None or reservation.agent.identity != identity:
            logger.warning("agent joined for a reservation that is not theirs", extra={"reservation": reservation_id})
            return Goodbye()
        asked = reservation.asked_by_id is not None
        expected = QueueEntryState.ANSWERED if asked else QueueEntryState.RESERVED
        if reservation.agent_call is not None or reservation.entry.state != expected:
            return Goodbye()
        call = self._agent_leg(sid=sid, reservation=reservation, from_number=from_number, to_number=to_number, now=now)
        if not change(reservation, Q(state=ReservationState.ACCEPTED), agent_call=call):
            return Goodbye()
        if not asked:
            self._fetch(reservation.entry, connect_url=connect_url, status_url=status_url, now=now)
        recorded = is_recorded(reservation.entry, self.config)
        recorded = recorded or (not asked and is_to_be_told(reservation.entry, self.config))
        return self._meet(reservation, recorded=recorded, ends=not asked)

    def connect(self, *, reservation_id: int, sid: str, now: datetime) -> Meet | Queued | Goodbye:
        """The caller has left the queue for the agent: first writer wins, so an answer never undoes a hang-up.

        When the agent is gone meanwhile another one may wait for the caller already; or they go back, to the same place
        in the queue. Who was fetched twice is sent to where they were.
        """
        reservation = lock_reservation(reservation_id)
        if reservation is None:
            return Goodbye()
        entry = reservation.entry
        if entry.call.sid.startswith(PLACEHOLDER):
            Call.objects.adopt(reservation_id=reservation_id, sid=sid)
        elif entry.call.sid != sid:
            return Goodbye()
        waiting = joined_reservation(entry)
        if waiting is not None and entry.state in (QueueEntryState.RESERVED, QueueEntryState.ANSWERED):
            notice = None
            if entry.state == QueueEntryState.RESERVED:
                if is_to_be_told(entry, self.config):
                    entry.consent, notice = True, speech_of(entry.queue)
                entry.state, entry.answered_at, entry.ended_at = QueueEntryState.ANSWERED, now, now
                entry.save(update_fields=["state", "answered_at", "ended_at", "consent"])
            return self._meet(waiting, recorded=is_recorded(entry, self.config), notice=notice)
        if entry.state in QueueEntryState.OPEN_STATES:
            return QueueService().waits(entry)
        return Goodbye()

    def status(
        self,
        *,
        sid: str,
        status: str,
        sequence: int,
        duration: int | None,
        from_number: str,
        to_number: str,
        reservation_id: int = 0,
        now: datetime,
    ) -> None:
        """A status callback, in any order. One for a call nobody knows is remembered: its first webhook was lost.

        `reservation_id` is for whom we made the call, 0 where we did not.
        """
        if reservation_id:
            Call.objects.adopt(reservation_id=reservation_id, sid=sid)
        if Call.objects.project(sid=sid, status=status, sequence=sequence, duration=duration, now=now):
            return
        role = _role(from_number)
        self._remember(sid=sid, role=role, from_number=from_number, to_number=to_number, now=now)
        Call.objects.project(sid=sid, status=status, sequence=sequence, duration=duration, now=now)

    def records(self, *, since: datetime | None = None) -> list[dict[str, Any]]:
        """Every leg since then as plain data, with its visits to queues: for reports, and for proofs from outside."""
        calls = Call.objects.filter(started_at__gte=since) if since else Call.objects.all()
        calls = calls.select_related("agent").prefetch_related(
            Prefetch("entries", QueueEntry.objects.select_related("queue").order_by("pk"))
        )
        return [_record(call) for call in calls.order_by("started_at", "pk")]

    def under_way(self) -> dict[str, int]:
        """What has not come to its end: waiting and reserved callers, live legs, reservations, commands to send."""
        entries = QueueEntry.objects.filter(state__in=QueueEntryState.OPEN_STATES)
        return {
            "waiting": entries.filter(state=QueueEntryState.WAITING).count(),
            "reserved": entries.filter(state=QueueEntryState.RESERVED).count(),
            "live_calls": Call.objects.live().count(),
            "reservations": Reservation.objects.filter(state__in=ReservationState.ACTIVE_STATES).count(),
            "outbox": Outbox.objects.filter(state__in=OutboxState.OPEN_STATES).count(),
        }

    def _meet(
        self, reservation: Reservation, *, recorded: bool, ends: bool = True, notice: Speech | None = None
    ) -> Meet:
        """Both legs say whether it is recorded: the conference heeds whoever comes first. That begins with the second,
        so not before a caller who hears the `notice` first has heard it."""
        return Meet(
            reservation_id=reservation.pk,
            conference=reservation.conference,
            ends=ends,
            recorded=recorded,
            notice=notice,
        )

    def _fetch(self, entry: QueueEntry, *, connect_url: str, status_url: str, now: datetime) -> None:
        """Have the caller's call go on at `connect_url`; one that is yet to be made is made once, and begins there."""
        command = Outbox(
            kind=OutboxKind.REDIRECT_CALL,
            call_sid=entry.call.sid,
            entry=entry,
            url=connect_url,
            not_before=now,
            created_at=now,
        )
        if entry.call.sid.startswith(PLACEHOLDER):
            command.kind, command.to_number, command.status_url = (
                OutboxKind.CREATE_CALL,
                entry.call.from_number,
                status_url,
            )
        Outbox.objects.bulk_create([command], ignore_conflicts=command.kind == OutboxKind.CREATE_CALL)
        wake_workers()

    def _remember(
        self,
        *,
        sid: str,
        role: str,
        from_number: str,
        to_number: str,
        now: datetime,
        ivr_version_id: int | None = None,
    ) -> None:
        """Insert the call. Where a status callback was faster, its row lacks nothing but the version."""
        call = Call(
            sid=sid,
            role=role,
            from_number=from_number,
            to_number=to_number,
            status=CallStatus.IN_PROGRESS,
            started_at=now,
            answered_at=now,
            ivr_version_id=ivr_version_id,
        )
        if ivr_version_id is None:
            Call.objects.bulk_create([call], ignore_conflicts=True)
        else:
            Call.objects.bulk_create(
                [call], update_conflicts=True, unique_fields=["sid"], update_fields=["ivr_version"]
            )

    def _agent_leg(
        self, *, sid: str, reservation: Reservation, from_number: str, to_number: str, now: datetime
    ) -> Call:
        return Call.objects.create(
            sid=sid,
            role=CallRole.AGENT,
            agent=reservation.agent,
            from_number=from_number,
            to_number=to_number,
            started_at=now,
            answered_at=now,
        )


def _role(from_number: str) -> str:
    """Whose leg it is, by who makes it."""
    if from_number.startswith("client:supervisor_"):
        return CallRole.SUPERVISOR
    return CallRole.AGENT if from_number.startswith("client:") else CallRole.CUSTOMER


def _record(call: Call) -> dict[str, Any]:
    return {
        "call_sid": call.sid,
        "role": call.role,
        "status": call.status,
        "from": call.from_number,
        "to": call.to_number,
        "agent": call.agent.identity if call.agent else None,
        "started_at": call.started_at,
        "answered_at": call.answered_at,
        "ended_at": call.ended_at,
        "entries": [
            {
                "queue": entry.queue.key,
                "state": entry.state,
                "enqueued_at": entry.enqueued_at,
                "answered_at": entry.answered_at,
                "ended_at": entry.ended_at,
                "overflow_reason": entry.overflow_reason,
                "overflow_to": entry.overflow_to,
            }
            for entry in call.entries.all()
        ],
    }
