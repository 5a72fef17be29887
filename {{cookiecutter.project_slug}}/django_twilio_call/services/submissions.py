"""Calls that may have been made: Twilio did not say, so it is asked, and no second one is made meanwhile."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from ..constants import OutboxState
from ..exceptions import TelephonyError
from ..models import PLACEHOLDER, Call, Outbox
from ..telephony import Telephony, get_telephony
from .base import BaseService
from .outbox import end, give_up, made

logger = logging.getLogger(__name__)

EVERY: Final = timedelta(seconds=5)
SKEW: Final = timedelta(seconds=30)
"""How far Twilio's clock and ours may be apart. An earlier call to the same number has a row of its own."""


class SubmissionService(BaseService):
    """Settles them, in any number of workers: by the call's own webhook or by Twilio's list, whichever is first."""

    service_type = "outbox"

    def __init__(self, *, telephony: Telephony | None = None) -> None:
        super().__init__()
        self.telephony = telephony or get_telephony()

    def settle(self, *, now: datetime) -> int:
        """Look for every one that is due; answers how many are not in doubt any more."""
        settled = 0
        while (command := self._take(now)) is not None:
            settled += self._settle(command, now)
        return settled

    @transaction.atomic
    def _take(self, now: datetime) -> Outbox | None:
        command = Outbox.objects.in_doubt(now).select_for_update(skip_locked=True).first()
        if command is not None:
            command.not_before = now + EVERY
            command.save(update_fields=["not_before"])
        return command

    def _settle(self, command: Outbox, now: datetime) -> bool:
        if self._webhook_came(command):
            end(command, OutboxState.DONE, now)
            return True
        since = command.sent_at or command.created_at
        try:
            found = self.telephony.calls_made(to=command.to_number, since=since - SKEW)
        except TelephonyError as error:
            logger.warning("nobody says whether a call was made: %s", error, extra={"outbox": command.pk})
            return False
        known = set(Call.objects.filter(sid__in=[call.sid for call in found]).values_list("sid", flat=True))
        call = next((call for call in found if call.sid not in known), None)
        if call is not None:
            made(command, call.sid, now, status=call.status, duration=call.duration)
            return True
        if now - since < timedelta(seconds=self.config.submission_timeout):
            return False
        command.last_error = f"no trace of it after {self.config.submission_timeout} s; {command.last_error}"
        give_up(command, now)
        return True

    def _webhook_came(self, command: Outbox) -> bool:
        """Whether the row of the call has its real sid."""
        if command.entry_id is None:
            return False
        return not Call.objects.filter(entries=command.entry_id, sid__startswith=PLACEHOLDER).exists()
