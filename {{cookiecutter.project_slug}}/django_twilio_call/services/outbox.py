"""The outbox: commands to Twilio, sent after the commit that wanted them.

What may be sent twice is sent again until it is done. A call is made once: see `submissions` for one that may be.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import QuerySet

from ..constants import CallStatus, HTTPStatusCodes, OutboxKind, OutboxState, QueueEntryState, RecordingState
from ..exceptions import CallNotInProgress, NotSent, TelephonyError
from ..media import Media, get_media
from ..models import Call, Outbox, OutsideLeg, Pace, Participant, QueueEntry, Recording, WebhookEvent
from ..models.written import lock_due
from ..retry import full_jitter
from ..telephony import Telephony, get_telephony
from ..transport import backoff_for
from . import audit
from .base import BaseService
from .reservations import agent_gives_up, end_agents, not_transferred
from .rooms import departure

logger = logging.getLogger(__name__)

FIRST_QUESTION: Final = timedelta(seconds=2)
"""By then a call that was made is in Twilio's lists, or its first webhook has come."""
OVERTAKEN: Final = "not wanted any more"
"""Told of a command that was done without being sent."""


class OutboxService(BaseService):
    """Delivers commands, in any number of workers: each is leased, and a worker that dies loses its lease."""

    service_type = "outbox"
    operation_type = "outbox"

    def __init__(
        self,
        *,
        telephony: Telephony | None = None,
        media: Media | None = None,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = full_jitter,
    ) -> None:
        super().__init__()
        self._media = media
        self.telephony = telephony or get_telephony()
        self._clock, self._jitter = clock, jitter

    def deliver(self, *, now: datetime) -> int:
        """Send every command that is due, from `now` on; answers how many were taken.

        Calls to be made come last, and no more often than the account may: the others wait for the next delivery.
        What nobody expected of one command is raised when the others have been sent.
        """
        began, taken = self._clock(), 0
        unexpected: Exception | None = None

        def at() -> datetime:
            return now + timedelta(seconds=self._clock() - began)

        while (command := self._lease(at()) or self._lease_call(at())) is not None:
            taken += 1
            try:
                self._deliver(command, at)
            except Exception as error:  # the edge: whatever one command met, others are to be sent
                logger.exception("a command failed as nobody expected", extra={"outbox": command.pk})
                self._failed_somehow(command, error, at())
                unexpected = unexpected or error
        if unexpected is not None:
            raise unexpected
        return taken

    def _deliver(self, command: Outbox, at: Callable[[], datetime]) -> None:
        if not self._overtaken(command):
            self._send(command, at)
            return
        # A call that is not made is a try that failed: `dialing` makes another one.
        lost = command.kind == OutboxKind.CREATE_CALL
        command.last_error = OVERTAKEN
        end(command, OutboxState.FAILED if lost else OutboxState.DONE, at())

    @transaction.atomic
    def _lease(self, now: datetime) -> Outbox | None:
        """Lease the oldest command that is due and has Twilio call nobody."""
        command = lock_due(now, calls=False)
        if command is not None:
            self._leased(command, now)
        return command

    @transaction.atomic
    def _lease_call(self, now: datetime) -> Outbox | None:
        """Lease a call to be made, if another one may be made now.

        From the commit on nobody knows whether there is such a call, until Twilio has said so: if this worker dies,
        that is what the row says. A conference knows those who were called into it by their labels, so may be told
        twice.
        """
        command = lock_due(now, calls=True)
        if command is None:
            return None
        if not self._overtaken(command):
            if not Pace.objects.take(Pace.CALLS, every=timedelta(seconds=1 / self.config.calls_per_second), now=now):
                return None
            command.sent_at = now
            if command.kind == OutboxKind.CREATE_CALL:
                command.state = OutboxState.SUBMISSION_UNKNOWN
        self._leased(command, now)
        return command

    def _leased(self, command: Outbox, now: datetime) -> None:
        command.attempts += 1
        command.not_before = now + timedelta(seconds=self.config.outbox_lease)
        command.save(update_fields=["attempts", "not_before", "state", "sent_at"])

    def _overtaken(self, command: Outbox) -> bool:
        """A caller who already left the queue must not be fetched again: that would tear them out of a conversation."""
        if command.recording is not None:  # a late "resume" would record what the next pause was for
            wanted = RecordingState.PAUSED if command.kind == OutboxKind.PAUSE_RECORDING else RecordingState.IN_PROGRESS
            return command.recording.state != wanted
        if command.kind == OutboxKind.TRANSFER_CALL:
            return command.entry is not None and command.entry.state not in QueueEntryState.OPEN_STATES
        if command.kind == OutboxKind.ADD_PARTICIPANT:
            return not OutsideLeg.objects.filter(pk=(command.changes or {})["leg"], ended_at=None).exists()
        return command.entry is not None and command.entry.state != QueueEntryState.RESERVED

    def _send(self, command: Outbox, at: Callable[[], datetime]) -> None:
        logger.debug("Twilio is told: %s", command.kind, extra={"outbox": command.pk, "try": command.attempts})
        try:
            if command.recording is not None:
                self._pause(command, command.recording)
            elif command.kind in (OutboxKind.REDIRECT_CALL, OutboxKind.TRANSFER_CALL):
                self.telephony.redirect_call(sid=command.call_sid, url=command.url)
            elif command.kind == OutboxKind.CREATE_CALL:
                sid = self.telephony.create_call(to=command.to_number, url=command.url, status_url=command.status_url)
                made(command, sid, at())
                return
            elif command.kind == OutboxKind.UPDATE_PARTICIPANT:
                self.telephony.update_participant(
                    conference=command.conference, sid=command.call_sid, changes=command.changes or {}
                )
            elif command.kind == OutboxKind.ADD_PARTICIPANT:
                self.telephony.add_participant(
                    conference=command.conference,
                    to=command.to_number,
                    label=(command.changes or {})["label"],
                    status_url=command.status_url,
                )
            else:
                self.telephony.end_call(sid=command.call_sid)
        except CallNotInProgress as error:
            self._over(command, error, at())
        except TelephonyError as error:
            self._failed(command, error, at())
        else:
            end(command, OutboxState.DONE, at())

    @transaction.atomic
    def _over(self, command: Outbox, error: CallNotInProgress, now: datetime) -> None:
        """The call had ended: a normal race. A leg that was to end has, whether its callback comes or not.

        That a recording has, only its callback says: until then it goes on, for all that Twilio did not pause it.
        """
        if command.recording is not None:
            command.last_error = str(error)
            give_up(command, now)
            return
        end(command, OutboxState.DONE, now)
        if command.kind == OutboxKind.END_CALL:
            Call.objects.project(sid=command.call_sid, status=CallStatus.COMPLETED, sequence=-1, now=now)
            Participant.objects.filter(call_sid=command.call_sid, left_at=None).update(left_at=now)

    def _pause(self, command: Outbox, recording: Recording) -> None:
        paused = command.kind == OutboxKind.PAUSE_RECORDING
        (self._media or get_media()).set_paused(conference=recording.conference_sid, sid=recording.sid, paused=paused)

    def _failed(self, command: Outbox, error: TelephonyError, now: datetime) -> None:
        command.last_error = str(error)
        undone = isinstance(error, NotSent) or error.status == HTTPStatusCodes.RATE_LIMITED
        if command.kind == OutboxKind.CREATE_CALL and error.retryable and not undone:
            command.not_before = now + FIRST_QUESTION
            command.save(update_fields=["not_before", "last_error"])
            logger.warning("a call may have been made: %s", error, extra={"outbox": command.pk})
            return
        backoff = backoff_for(error, at=self.operation_type)
        if error.retryable and command.attempts <= backoff.max_retries:
            wait = error.retry_after
            wait = backoff.delay(command.attempts, jitter=self._jitter) if wait is None else wait
            command.state, command.not_before = OutboxState.PENDING, now + timedelta(seconds=wait)
            command.save(update_fields=["state", "not_before", "last_error"])
            return
        logger.error("Twilio refused a command for good", extra={"outbox": command.pk, "error": command.last_error})
        give_up(command, now)

    def _failed_somehow(self, command: Outbox, error: Exception, now: datetime) -> None:
        """As a trouble of Twilio's, that may have been told. If giving up fails as well, so be it: not for ever."""
        trouble = TelephonyError(f"{type(error).__name__}: {error}", retryable=True)
        if command.attempts > backoff_for(trouble, at=self.operation_type).max_retries + 1:
            command.last_error = str(trouble)
            end(command, OutboxState.FAILED, now)
            return
        self._failed(command, trouble, now)


@transaction.atomic
def made(command: Outbox, sid: str, now: datetime, *, status: str = "", duration: int | None = None) -> None:
    """The call was made and has this sid: whichever of its webhooks came first may have said so already."""
    if not Call.objects.filter(sid=sid).exists():
        Call.objects.filter(sid=command.call_sid).update(sid=sid)
    if status:
        Call.objects.project(sid=sid, status=status, sequence=-1, duration=duration, now=now)
    end(command, OutboxState.DONE, now)


@transaction.atomic
def give_up(command: Outbox, now: datetime) -> None:
    """The command cannot be done: who waits for it is let go."""
    end(command, OutboxState.FAILED, now)
    if command.kind == OutboxKind.TRANSFER_CALL:
        _stays(command, now)
    elif command.kind == OutboxKind.ADD_PARTICIPANT:
        OutsideLeg.objects.filter(pk=(command.changes or {})["leg"], ended_at=None).update(ended_at=now)
    elif command.recording is not None:
        _still(command, command.recording, now)
    elif command.entry is not None and command.kind == OutboxKind.REDIRECT_CALL:
        agent_gives_up(command.entry, now=now)
    elif command.entry is not None:
        end_agents(command.entry, now=now)


def _stays(command: Outbox, now: datetime) -> None:
    """The caller is where they were, but for one who has asked for what comes next: Twilio did it all the same."""
    left = command.changes
    if left is None:  # written by an earlier release
        not_transferred(command.entry, now=now)
        return
    gone = WebhookEvent.objects.filter(key=departure(command.call_sid, **left))
    # Locked first: a webhook that is being answered holds the same row, and is seen once it is through.
    if command.entry_id is not None:
        visit = QueueEntry.objects.select_for_update().get(pk=command.entry_id)
        if not gone.exists():
            not_transferred(visit, now=now)
        return
    for leg in OutsideLeg.objects.select_for_update().filter(room=f"dial-{left['reservation']}", ended_at=None):
        if not gone.exists():
            OutsideLeg.objects.filter(pk=leg.pk).update(ended_at=now)


def _still(command: Outbox, recording: Recording, now: datetime) -> None:
    """The recording goes on as it did, and its desk says so; where the agent has decided anew, that command tells."""
    pausing = command.kind == OutboxKind.PAUSE_RECORDING
    others = Outbox.objects.filter(call_sid=command.call_sid, recording=recording)
    if others.filter(pk__gt=command.pk).exists() or not (pausing or _was_paused(others.filter(pk__lt=command.pk))):
        return
    told, still = RecordingState.PAUSED, RecordingState.IN_PROGRESS
    if not pausing:
        told, still = still, told
    if Recording.objects.filter(pk=recording.pk, state=told).update(state=still):
        action = "recording.pause-failed" if pausing else "recording.resume-failed"
        audit.record(actor=None, action=action, target=str(recording), detail={"why": command.last_error}, now=now)


def _was_paused(earlier: QuerySet[Outbox]) -> bool:
    """Whether Twilio has paused it. A pause that was overtaken is done as well, and nobody may believe in it."""
    pause = earlier.filter(kind=OutboxKind.PAUSE_RECORDING).order_by("pk").last()
    return pause is not None and pause.state == OutboxState.DONE and pause.last_error != OVERTAKEN


def end(command: Outbox, state: str, now: datetime) -> None:
    """Nothing is left to be done."""
    command.state, command.done_at = state, now
    command.save(update_fields=["state", "done_at", "last_error"])
