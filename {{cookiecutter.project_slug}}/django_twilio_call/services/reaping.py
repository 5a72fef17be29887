"""Twilio is asked which legs are live, and compared with the rows: an end that nobody told us of, and a leg too many.

Any number of workers, no leader: a row says when the next comparison is due, and whoever takes it compares.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import F

from ..constants import CallRole, CallStatus, OutboxKind, OutboxState
from ..exceptions import TelephonyError
from ..models import PLACEHOLDER, Agent, Call, IVRFlow, Outbox, Pace
from ..names import named
from ..telephony import Telephony, TwilioCall, get_telephony
from . import alone
from .base import BaseService
from .reservations import end_call

logger = logging.getLogger(__name__)

YOUNG: Final = timedelta(seconds=30)
"""Of a leg younger than that a webhook may still be on its way."""
MOST: Final = 1000
"""So many live legs are read, a few pages; of more than these no absence says anything."""
QUESTIONS: Final = 50
"""So many legs that were not among them are asked for, one by one, each time."""


class ReapingService(BaseService):
    """Closes what has ended, and ends what nobody waits for."""

    service_type = "reaping"

    def __init__(self, *, telephony: Telephony | None = None) -> None:
        super().__init__()
        self.telephony = telephony or get_telephony()

    def compare(self, *, now: datetime) -> int:
        """Compare, if it is due; answers how many legs were closed here, told to end there, or become known."""
        every = timedelta(seconds=self.config.reconcile_interval)
        if not Pace.objects.take(Pace.RECONCILING, every=every, now=now):
            return 0
        try:
            there = self.telephony.live_calls(most=MOST)
            return self._missing({call.sid for call in there}, now) + self._needless(there, now)
        except TelephonyError as error:
            logger.warning("Twilio did not say what is live, it is asked again: %s", error)
            return 0

    def _missing(self, there: set[str], now: datetime) -> int:
        """Close legs that are live here, and of which Twilio says that they have ended, or that it knows of none."""
        here = Call.objects.live().filter(started_at__lte=now - YOUNG).exclude(sid__startswith=PLACEHOLDER)
        longest_unasked = here.order_by(F("checked_at").asc(nulls_first=True), "pk").values_list("sid", flat=True)
        missing = [sid for sid in longest_unasked if sid not in there][:QUESTIONS]
        return sum(self._close(sid, now) for sid in missing)

    def _close(self, sid: str, now: datetime) -> bool:
        found = self.telephony.call(sid=sid)
        if found is not None and found.is_live:
            Call.objects.filter(sid=sid).update(checked_at=now)
            return False
        status, duration = (found.status, found.duration) if found else (CallStatus.FAILED, None)
        logger.warning("a leg had ended and nobody told", extra={"call_sid": sid, "status": status})
        Call.objects.project(sid=sid, status=status, sequence=-1, duration=duration, now=now)
        return True

    def _needless(self, there: Iterable[TwilioCall], now: datetime) -> int:
        """End legs that are over here, or that nobody knows. `alone` has those that are known and not waited for."""
        dated = ((call, call.created_at) for call in there if call.created_at is not None)
        grown = {call.sid: (call, created_at) for call, created_at in dated if created_at <= now - YOUNG}
        known = dict(Call.objects.filter(sid__in=grown).values_list("sid", "ended_at"))
        over = [sid for sid, ended in known.items() if ended is not None and ended <= now - alone.GRACE]
        strangers = [each for sid, each in grown.items() if sid not in known]
        acts = sum(self._end(sid, now) for sid in over)
        return acts + sum(self._meet(call, created_at, now) for call, created_at in strangers)

    def _meet(self, call: TwilioCall, created_at: datetime, now: datetime) -> bool:
        """A leg nobody knows: a caller is remembered, an agent's or one we made is ended, another's is left alone."""
        if (pk := _agent_of(call)) is not None:
            return Agent.objects.filter(pk=pk).exists() and self._end(call.sid, now)
        if call.direction == "inbound":
            return self._is_our_number(call.to_number) and self._remember(call, created_at)
        if call.direction == "outbound-api" and call.from_number == self.config.twilio_phone_number:
            ours = Outbox.objects.filter(
                kind=OutboxKind.CREATE_CALL, to_number=call.to_number, sent_at__gte=created_at - timedelta(hours=1)
            )
            in_doubt = ours.filter(state__in=OutboxState.OPEN_STATES)
            return ours.exists() and not in_doubt.exists() and self._end(call.sid, now)
        return False

    def _is_our_number(self, number: str) -> bool:
        return number == self.config.twilio_phone_number or IVRFlow.objects.filter(number=number).exists()

    def _remember(self, call: TwilioCall, created_at: datetime) -> bool:
        row = Call(
            sid=call.sid,
            role=CallRole.CUSTOMER,
            from_number=call.from_number,
            to_number=call.to_number,
            status=call.status,
            started_at=created_at,
        )
        Call.objects.bulk_create([row], ignore_conflicts=True)
        return True

    @transaction.atomic
    def _end(self, sid: str, now: datetime) -> bool:
        if alone.telling(now).filter(call_sid=sid).exists():
            return False
        logger.warning("a leg lives that nobody waits for: it is ended", extra={"call_sid": sid})
        end_call(sid=sid, now=now)
        return True


def _agent_of(call: TwilioCall) -> int | None:
    """Whose phone made it, if an agent's of this deploy did: another deploy of the account has agents of its own."""
    found = re.fullmatch(rf"client:{re.escape(named('agent_'))}([0-9]{{1,9}})", call.from_number)
    return int(found[1]) if found else None
