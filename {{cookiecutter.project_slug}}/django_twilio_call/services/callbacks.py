"""Callbacks: asked for, promised, and withdrawn. `dialing` calls when the turn has come."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from ..constants import CallbackState
from ..models import Call, CallbackRequest, Queue
from .base import BaseService
from .decisions import Promise, Sorry
from .speech import speech_of

_E164: Final = re.compile(r"\+[1-9][0-9]{6,14}")
_NOBODY: Final = frozenset({"+266696687", "+7378742833", "+2562533", "+8656696", "+86282452253"})
"""What Twilio calls a caller who hides: ANONYMOUS, RESTRICTED, BLOCKED, UNKNOWN, UNAVAILABLE, as phone keys."""


def can_be_called(number: str) -> bool:
    """Whether it is a number in E.164 that somebody has."""
    return _E164.fullmatch(number) is not None and number not in _NOBODY


class CallbackService(BaseService):
    """Wishes to be called back. Every method joins the transaction of its webhook."""

    service_type = "callback"

    def request(self, *, queue: Queue, call: Call, since: datetime, now: datetime) -> Promise | Sorry:
        """Promise the caller a call at the number they called from, in the place they have had since then.

        Who asked before keeps that place: there is one open request for a number and queue.
        """
        if not (self.config.enable_queue_callbacks and can_be_called(call.from_number)):
            return Sorry(speech=speech_of(queue))
        request = CallbackRequest(
            queue=queue, call=call, number=call.from_number, enqueued_at=since, requested_at=now, not_before=now
        )
        CallbackRequest.objects.bulk_create([request], ignore_conflicts=True)
        return Promise(speech=speech_of(queue))

    def withdraw(self, *, number: str, now: datetime) -> None:
        """Somebody calls in again: nobody needs to call them. Places in line are taken back by the next sweep."""
        still = CallbackRequest.objects.filter(number=number, state__in=CallbackState.OPEN_STATES)
        still.update(state=CallbackState.WITHDRAWN, ended_at=now)
