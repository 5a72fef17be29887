"""The outbox: commands to Twilio, sent after the commit that wanted them, again until they are done."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.db import transaction

from ..constants import HTTPStatusCodes, OutboxKind, OutboxState, QueueEntryState, RecordingState
from ..exceptions import CallNotInProgress, TelephonyError
from ..media import Media, get_media
from ..models import Outbox, Recording
from ..retry import Backoff
from ..telephony import Telephony, get_telephony
from .base import BaseService
from .reservations import agent_gives_up

logger = logging.getLogger(__name__)


class OutboxService(BaseService):
    """Delivers commands. Both kinds may be sent twice without harm, so one whose answer got lost is sent again."""

    service_type = "outbox"
    operation_type = "outbox"

    def __init__(self, *, telephony: Telephony | None = None, media: Media | None = None) -> None:
        super().__init__()
        self._media = media
        self.telephony = telephony or get_telephony()

    def deliver(self, *, now: datetime) -> int:
        """Send every command that is due at `now`; answers how many were taken."""
        taken = 0
        while (command := self._take(now)) is not None:
            taken += 1
            if self._overtaken(command):
                # A call that is not made is a try that failed: `dialing` makes another one.
                lost = command.kind == OutboxKind.CREATE_CALL
                self._end(command, OutboxState.FAILED if lost else OutboxState.DONE, now)
            else:
                self._send(command, now)
        return taken

    def _take(self, now: datetime) -> Outbox | None:
        """Lease the oldest command that is due: a worker that dies with it loses the lease, not the command."""
        with transaction.atomic():
            due = (
                Outbox.objects.due(now)
                .select_related("entry", "recording")
                .select_for_update(skip_locked=True, of=("self",))
            )
            command = due.first()
            if command is not None:
                command.attempts += 1
                command.not_before = now + timedelta(seconds=self.config.outbox_lease)
                command.save(update_fields=["attempts", "not_before"])
            return command

    def _overtaken(self, command: Outbox) -> bool:
        """A caller who already left the queue must not be fetched again: that would tear them out of a conversation."""
        if command.recording is not None:  # a late "resume" would record what the next pause was for
            wanted = RecordingState.PAUSED if command.kind == OutboxKind.PAUSE_RECORDING else RecordingState.IN_PROGRESS
            return command.recording.state != wanted
        return command.entry is not None and command.entry.state != QueueEntryState.RESERVED

    def _send(self, command: Outbox, now: datetime) -> None:
        try:
            if command.recording is not None:
                self._pause(command, command.recording)
            elif command.kind == OutboxKind.REDIRECT_CALL:
                self.telephony.redirect_call(sid=command.call_sid, url=command.url)
            elif command.kind == OutboxKind.CREATE_CALL:
                self.telephony.create_call(to=command.to_number, url=command.url, status_url=command.status_url)
            else:
                self.telephony.end_call(sid=command.call_sid)
        except CallNotInProgress:
            self._end(command, OutboxState.DONE, now)  # hung up first: a normal race, the webhooks tell the rest
        except TelephonyError as error:
            self._failed(command, error, now)
        else:
            self._end(command, OutboxState.DONE, now)

    def _pause(self, command: Outbox, recording: Recording) -> None:
        paused = command.kind == OutboxKind.PAUSE_RECORDING
        (self._media or get_media()).set_paused(conference=recording.conference_sid, sid=recording.sid, paused=paused)

    def _failed(self, command: Outbox, error: TelephonyError, now: datetime) -> None:
        command.last_error = str(error)
        backoff = Backoff.from_config(self.config.get_retry_config(self.operation_type))
        # A call whose creation may have arrived is not created again: only 429 says that nothing was done.
        repeatable = command.kind != OutboxKind.CREATE_CALL or error.status == HTTPStatusCodes.RATE_LIMITED
        if repeatable and error.retryable and command.attempts <= backoff.max_retries:
            wait = backoff.delay(command.attempts) if error.retry_after is None else error.retry_after
            command.not_before = now + timedelta(seconds=wait)
            command.save(update_fields=["not_before", "last_error"])
            return
        logger.error("Twilio refused a command for good", extra={"outbox": command.pk, "error": command.last_error})
        with transaction.atomic():
            self._end(command, OutboxState.FAILED, now)
            if command.entry is not None:
                agent_gives_up(command.entry, now=now)

    def _end(self, command: Outbox, state: str, now: datetime) -> None:
        command.state, command.done_at = state, now
        command.save(update_fields=["state", "done_at", "last_error"])
