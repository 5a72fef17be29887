"""Callbacks whose turn comes: a place in line, a call once an agent is there, and another try when nobody answers.

A place is a visit to the queue like any other, of a call that does not exist yet: its row has a sid of our own. Routing
reserves an agent; when the agent's phone has joined, the outbox creates the call, and its first webhook brings the sid.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

from django.db import transaction
from django.db.models import Q, QuerySet

from ..constants import CallbackState, CallRole, CallStatus, OutboxKind, OutboxState, OverflowReason, QueueEntryState
from ..models import PLACEHOLDER, Call, CallbackRequest, QueueEntry
from ..signals import wake_workers
from .base import BaseService
from .hours import HoursService
from .queues import QueueService

OUTBOUND: Final = "outbound-api"
NOT_MADE: Final = Q(call__sid__startswith=PLACEHOLDER)
"""Visits of calls that are yet to be made."""


class DialingService(BaseService):
    """What time brings to callbacks, by any number of workers: each row is looked at again under its lock."""

    service_type = "callback"

    def sweep(self, *, now: datetime) -> int:
        """Take back places nobody needs, settle tries that ended, and line up whose time has come; answers how many."""
        given_up = sum(self._give_up(pk, reason, now) for pk, reason in list(self._in_vain()))
        given_up += sum(self._put_off(pk, now) for pk in list(self._after_hours(now)))
        lined_up = CallbackRequest.objects.filter(state=CallbackState.LINED_UP)
        over = lined_up.exclude(entry__state__in=QueueEntryState.OPEN_STATES).values_list("pk", flat=True)
        settled = sum(self._settle(pk, now) for pk in list(over[: self.batch_size]))
        due = CallbackRequest.objects.due(now)
        open_now = due.exclude(queue__calendar__key__in=self._shut(due, now)).values_list("pk", flat=True)
        return given_up + settled + sum(self._line_up(pk, now) for pk in list(open_now[: self.batch_size]))

    def _shut(self, requests: QuerySet[CallbackRequest], now: datetime) -> list[str]:
        """Keys of the calendars of these requests' queues by which it is closed now."""
        keys = requests.order_by().values_list("queue__calendar__key", flat=True).distinct()
        return [key for key in keys if not HoursService().is_open(calendar_key=key, at=now)]

    def _in_vain(self) -> Iterator[tuple[int, str]]:
        """(open visit, why) of callbacks that come to nothing: withdrawn, refused by Twilio, or not answered."""
        visits = QueueEntry.objects.filter(state__in=QueueEntryState.OPEN_STATES).order_by("pk")
        ended = Q(call__ended_at__isnull=False, call__answered_at=None)
        # Who is being called picks up or does not: whoever does waits like any caller, whatever became of the wish.
        withdrawn = visits.filter(NOT_MADE | ended, callbacks__state=CallbackState.WITHDRAWN)
        yield from ((pk, OverflowReason.WITHDRAWN) for pk in withdrawn.values_list("pk", flat=True))
        refused = Q(commands__kind=OutboxKind.CREATE_CALL, commands__state=OutboxState.FAILED)
        unanswered = visits.filter(refused | ended, callbacks__state=CallbackState.LINED_UP).distinct()
        yield from ((pk, OverflowReason.NO_ANSWER) for pk in unanswered.values_list("pk", flat=True))

    def _after_hours(self, now: datetime) -> QuerySet[QueueEntry, int]:
        """Visits in line whose queue has closed meanwhile: nobody is called then who has not been."""
        lined_up = CallbackRequest.objects.filter(state=CallbackState.LINED_UP)
        shut = lined_up.filter(queue__calendar__key__in=self._shut(lined_up, now))
        waiting = QueueEntry.objects.filter(NOT_MADE, state=QueueEntryState.WAITING, callbacks__in=shut)
        return waiting.values_list("pk", flat=True)

    @transaction.atomic
    def _put_off(self, entry_id: int, now: datetime) -> bool:
        """As `_give_up`, unless an agent has been found in this moment, or the callback has been answered."""
        waiting = QueueEntry.objects.select_for_update().filter(NOT_MADE, pk=entry_id, state=QueueEntryState.WAITING)
        return waiting.exists() and self._give_up(entry_id, OverflowReason.CLOSED, now)

    @transaction.atomic
    def _give_up(self, entry_id: int, reason: str, now: datetime) -> bool:
        """End a visit, let its agent go, and end the row of a call that was never made."""
        closed = QueueService().close(
            entry_id=entry_id, outcome=QueueEntryState.OVERFLOWED, now=now, overflow_reason=reason
        )
        never_made = Call.objects.filter(entries=entry_id, ended_at=None, sid__startswith=PLACEHOLDER)
        never_made.update(status=CallStatus.CANCELED, ended_at=now)
        return closed

    @transaction.atomic
    def _settle(self, pk: int, now: datetime) -> bool:
        """A visit is over: the callback is done, or to be tried again later, or was tried often enough."""
        request = self._locked(pk, CallbackState.LINED_UP)
        if request is None or request.entry is None:
            return False
        if request.entry.state == QueueEntryState.ANSWERED:
            request.state, request.ended_at = CallbackState.DONE, now
        elif request.entry.overflow_reason == OverflowReason.CLOSED:
            # Nobody was called, so it was no attempt.
            request.state, request.attempts, request.not_before = CallbackState.WAITING, request.attempts - 1, now
        elif request.attempts >= request.queue.callback_attempts:
            request.state, request.ended_at = CallbackState.FAILED, now
        else:
            request.state = CallbackState.WAITING
            request.not_before = now + timedelta(seconds=request.queue.callback_pause)
        request.save(update_fields=["state", "ended_at", "not_before", "attempts"])
        return True

    @transaction.atomic
    def _line_up(self, pk: int, now: datetime) -> bool:
        """Take the place in line again, while the queue is open."""
        request = self._locked(pk, CallbackState.WAITING)
        if request is None:
            return False
        calendar = request.queue.calendar
        if not HoursService().is_open(calendar_key=calendar.key if calendar else None, at=now):
            return False
        call = Call.objects.create(
            sid=f"{PLACEHOLDER}{uuid4().hex}",
            role=CallRole.CUSTOMER,
            direction=OUTBOUND,
            # A customer's leg is from the customer, whoever calls whom: desks and reports show that number.
            from_number=request.number,
            to_number=request.call.to_number,
            status=CallStatus.QUEUED,
            started_at=now,
        )
        request.entry = QueueEntry.objects.create(
            call=call, queue=request.queue, priority=request.queue.priority, enqueued_at=request.enqueued_at
        )
        request.state, request.attempts = CallbackState.LINED_UP, request.attempts + 1
        request.save(update_fields=["entry", "state", "attempts"])
        wake_workers()
        return True

    def _locked(self, pk: int, state: str) -> CallbackRequest | None:
        requests = CallbackRequest.objects.select_related("queue__calendar", "entry", "call")
        return requests.select_for_update(skip_locked=True, of=("self",)).filter(pk=pk, state=state).first()
