"""Recordings: whether a conversation is one, what Twilio says of it, its pause, its sound, and legal hold."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext

from ..conf import Config
from ..constants import OutboxKind, OutboxState, RecordingPolicy, RecordingState, ReservationState
from ..exceptions import AuthorizationError, BusinessLogicError, NotFound, ValidationError
from ..models import Call, LegalHold, May, Outbox, QueueEntry, Recording, Reservation
from ..signals import wake_workers
from . import audit
from .base import BaseService
from .decisions import Queued
from .queues import QueueService
from .voicemail import VoicemailService

YES = "1"
"""What a caller presses who agrees to be recorded."""


def is_recorded(entry: QueueEntry, config: Config) -> bool:
    """Whether the caller's conversation is recorded: never without their having heard of it, or agreed to it.

    The queue's policy does not say so: one who was fetched before they answered has not agreed.
    """
    wanted = config.enable_call_recording and entry.queue.recording != RecordingPolicy.NEVER
    return wanted and entry.consent is True


def is_to_be_told(entry: QueueEntry, config: Config) -> bool:
    """Whether the caller has yet to hear that they are recorded, as one does who is fetched at once, or called back.

    They do before they come to their agent, and then they are.
    """
    announced = config.enable_call_recording and entry.queue.recording == RecordingPolicy.ANNOUNCED
    return announced and entry.consent is None


class RecordingService(BaseService):
    """Inside a webhook every method joins its transaction."""

    service_type = "recording"

    def consent(self, *, entry_id: int, call_sid: str, digits: str) -> Queued:
        """The caller was asked whether they may be recorded. Whatever they say, they wait for an agent."""
        visits = QueueEntry.objects.select_related("queue", "call").filter(pk=entry_id, call__sid=call_sid)
        entry = visits.first()
        if entry is None:
            raise NotFound(f"visit {entry_id} of call {call_sid!r}")
        QueueEntry.objects.filter(pk=entry_id).update(consent=digits == YES)
        return QueueService().waits(entry)

    def told(
        self,
        *,
        reservation_id: int,
        sid: str,
        conference_sid: str,
        status: str,
        duration: int | None,
        now: datetime,
    ) -> None:
        """Twilio began, finished or gave up a recording; in any order, and the end stays the end."""
        reservation = Reservation.objects.select_related("entry__queue").filter(pk=reservation_id).first()
        if reservation is None:
            raise NotFound(f"reservation {reservation_id}")
        recording, _ = Recording.objects.get_or_create(
            sid=sid,
            defaults={
                "call_id": reservation.entry.call_id,
                "reservation": reservation,
                "conference_sid": conference_sid,
                "consent": reservation.entry.queue.recording,
                "started_at": now,
            },
        )
        if status in RecordingState.ENDED_STATES:
            live = Recording.objects.filter(pk=recording.pk, state__in=RecordingState.LIVE_STATES)
            live.update(state=status, duration=duration, ended_at=now)

    def may_hear(self, *, user: Any, sid: str) -> str:
        """Sid of the call that recording `sid` is of. Raises `AuthorizationError` where it is not for this user.

        Conversations are for those who may listen to recordings; messages also for agents, of their own queues.
        """
        all_of_them = user.has_perm(May.LISTEN_RECORDINGS.permission)
        if all_of_them:
            call = Recording.objects.filter(sid=sid, erased_at=None).values_list("call__sid", flat=True).first()
            call = call or VoicemailService().call_of(recording_sid=sid)
        elif user.has_perm(May.TAKE_MESSAGES.permission):
            call = VoicemailService().call_of(recording_sid=sid, for_user=user)
        else:
            raise AuthorizationError("recordings are not for you")
        if call is None:
            raise NotFound(f"recording {sid}")
        return call

    def of_agent(self, *, agent_id: int) -> Recording | None:
        """The recording that goes on of what this agent is saying."""
        live = Recording.objects.select_related("call").filter(state__in=RecordingState.LIVE_STATES)
        return live.filter(reservation__agent_id=agent_id, reservation__state=ReservationState.ACCEPTED).first()

    def is_pausing(self, recording: Recording) -> bool:
        """Whether Twilio has yet to say that it has paused: until then every word is recorded."""
        if recording.state != RecordingState.PAUSED:
            return False
        sent = Outbox.objects.filter(call_sid=recording.call.sid, recording=recording)
        return sent.filter(kind=OutboxKind.PAUSE_RECORDING, state=OutboxState.PENDING).exists()

    def set_paused(self, *, agent_id: int, paused: bool, actor: Any, address: str = "", now: datetime) -> Recording:
        """The agent pauses the recording, as for a card number, or resumes it. Twilio is told after the commit."""
        recording = self.of_agent(agent_id=agent_id)
        if recording is None:
            raise BusinessLogicError("nothing is being recorded")
        recording.state = RecordingState.PAUSED if paused else RecordingState.IN_PROGRESS
        with transaction.atomic():
            live = Recording.objects.filter(pk=recording.pk, state__in=RecordingState.LIVE_STATES)
            if not live.update(state=recording.state):
                raise BusinessLogicError(f"{recording} has ended")
            Outbox.objects.create(
                kind=OutboxKind.PAUSE_RECORDING if paused else OutboxKind.RESUME_RECORDING,
                call_sid=recording.call.sid,
                recording=recording,
                not_before=now,
                created_at=now,
            )
            wake_workers()
            action = "recording.pause" if paused else "recording.resume"
            audit.record(actor=actor, action=action, target=str(recording), address=address, now=now)
        return recording

    @transaction.atomic
    def hold(self, *, call_sid: str, reason: str, actor: Any, address: str = "", now: datetime) -> LegalHold:
        """Keep everything of a call, whatever retention says."""
        reason = reason.strip()
        if not reason:
            raise ValidationError(gettext("say why: a hold without a reason cannot be reviewed"))
        hold, made = LegalHold.objects.get_or_create(
            call=self._call(call_sid), defaults={"reason": reason[:200], "placed_by": actor, "placed_at": now}
        )
        if made:
            self._audit_hold("hold.place", hold, actor, address, now)
        return hold

    @transaction.atomic
    def release(self, *, call_sid: str, actor: Any, address: str = "", now: datetime) -> None:
        """End a hold: from now on retention counts again."""
        hold = LegalHold.objects.filter(call=self._call(call_sid)).first()
        if hold is not None:
            self._audit_hold("hold.release", hold, actor, address, now)
            hold.delete()

    def _audit_hold(self, action: str, hold: LegalHold, actor: Any, address: str, now: datetime) -> None:
        target, detail = f"call {hold.call.sid}", {"reason": hold.reason}
        audit.record(actor=actor, action=action, target=target, detail=detail, address=address, now=now)

    def _call(self, sid: str) -> Call:
        call = Call.objects.filter(sid=sid).first()
        if call is None:
            raise NotFound(f"call {sid!r}")
        return call
