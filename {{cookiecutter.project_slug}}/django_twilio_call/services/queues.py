"""Queues: a caller enters, waits, and leaves with exactly one outcome."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db.models import Case, F, Max, Value, When

from ..constants import Onward, OverflowReason, QueueEntryState, RecordingPolicy
from ..exceptions import NotFound
from ..models import Call, Queue, QueueEntry
from ..models.written import Entrance, entrance, visit
from ..signals import wake_workers
from .base import BaseService
from .callbacks import CallbackService, can_be_called
from .decisions import Closed, GiveUp, Goodbye, Offer, Promise, Queued, SendOn, Sorry, TakeMessage, Wait
from .estimates import EstimateService
from .hours import HoursService
from .reservations import caller_gone
from .speech import speech_of
from .voicemail import VoicemailService

_OUTCOMES: Final = {
    "hangup": (QueueEntryState.ABANDONED, ""),
    "leave": (QueueEntryState.OVERFLOWED, OverflowReason.WAITED),
    "queue-full": (QueueEntryState.OVERFLOWED, OverflowReason.FULL),
    "error": (QueueEntryState.OVERFLOWED, OverflowReason.TROUBLE),
    "system-error": (QueueEntryState.OVERFLOWED, OverflowReason.TROUBLE),
}
"""Twilio's QueueResult -> outcome and its reason. `redirected` and the bridged ones decide nothing: `connect` does."""


AT_ONCE: Final = 20
"""More callers than this do not enter a queue in the same moment."""


class QueueService(BaseService):
    """The wait of one caller. Every method joins the transaction of its webhook."""

    service_type = "queue"

    def enter(
        self, *, call_sid: str, queue_key: str, now: datetime, since: datetime | None = None, requires: str = ""
    ) -> Queued | SendOn | Sorry:
        """Put the caller in line, from `since` on where they have waited elsewhere; `requires` adds to its skills.

        A queue that does not take them is an outcome too: it counts as offered and overflowed.
        """
        met, caller = self._meet(queue_key, call_sid, now)
        if met.waiting + AT_ONCE >= met.queue.max_size:  # one by one, or two would take the last place
            list(Queue.objects.select_for_update(no_key=True).filter(pk=met.queue.pk).values_list("pk"))
            met, caller = self._meet(queue_key, call_sid, now)
        queue = met.queue
        entry = QueueEntry(
            call=caller, queue=queue, priority=queue.priority, enqueued_at=since or now, requires=requires
        )
        closed = self._closed(queue, now)
        if reason := _refusal(met, closed):
            return self._send_on(entry, reason, closed, now)
        entry.save(force_insert=True)
        wake_workers()
        return replace(self.waits(entry), recording=self._notice(queue), speech=speech_of(queue))

    def refusal(self, *, call_sid: str, queue_key: str, now: datetime) -> str:
        """Why the queue would not take the caller now, as an `OverflowReason`; "" when it would."""
        met, _ = self._meet(queue_key, call_sid, now)
        return _refusal(met, self._closed(met.queue, now))

    def waits(self, entry: QueueEntry) -> Queued:
        """The caller of an entry waits in its queue, by the queue's rules."""
        queue = entry.queue
        then = self._possible(entry, queue.when_waited)
        asks_onward = then != Onward.GOODBYE or queue.offer_callback or queue.offer_voicemail
        full = self._possible(entry, queue.when_full)
        return Queued(
            entry_id=entry.pk,
            queue=queue.key,
            then=then if asks_onward else "",
            full=full if full != Onward.GOODBYE else "",
        )

    def arrives(self, entry: QueueEntry) -> Queued:
        """As `waits`, for a caller who comes out of a conversation: first they are told, or asked, as who enters is."""
        queue = entry.queue
        return replace(self.waits(entry), recording=self._notice(queue), speech=speech_of(queue))

    def wait(self, *, entry_id: int, position: int, waited: int, told: bool = False, now: datetime) -> Wait | GiveUp:
        """What the caller hears next, from what Twilio says of the wait (`waited` seconds) and the queue's rules.

        Twilio asks again whenever the music ends, and may ask twice at once: then it is told the same. `told`: before
        they came here they were told that they are recorded. Now they have heard it to the end, and stayed.
        """
        found = visit(entry_id)
        if found is None:
            return Wait(position=0)
        entry, callbacks = found
        if entry.state not in QueueEntryState.OPEN_STATES:
            return GiveUp()  # nobody will ever come for them
        if told and entry.consent is None:
            QueueEntry.objects.filter(pk=entry.pk, consent=None).update(consent=True)
        queue, being_fetched = entry.queue, entry.state == QueueEntryState.RESERVED
        if not being_fetched and (waited >= queue.max_wait or _waited_here(entry, now) >= queue.max_wait):
            return GiveUp()
        place = position + callbacks if position else 0
        announced = place if not being_fetched and self._is_due(entry, waited) else 0
        estimated = announced and queue.announce_estimate
        return Wait(
            position=announced,
            estimate=EstimateService().estimate(queue_id=queue.pk, position=place, now=now) if estimated else None,
            music=queue.hold_music_url,
            offers=() if being_fetched else self._offers(entry, waited),
            speech=speech_of(queue),
        )

    def ask(self, *, entry_id: int, call_sid: str, digits: str, now: datetime) -> GiveUp | Wait:
        """A waiting caller pressed a key. Who wants something else leaves the line, unless an agent is on the way.

        The callback is kept at once: whoever hangs up now will be called all the same.
        """
        visits = QueueEntry.objects.select_related("queue", "call").filter(call__sid=call_sid)
        entry = visits.filter(pk=entry_id).first()
        if entry is None:
            raise NotFound(f"visit {entry_id} of call {call_sid!r}")
        hold = Wait(position=0, music=entry.queue.hold_music_url, speech=speech_of(entry.queue))
        way = next((offer.way for offer in self._offers(entry, 0) if offer.digit == digits), None)
        if way is None:
            return hold
        waiting = QueueEntry.objects.filter(pk=entry_id, state=QueueEntryState.WAITING)
        if not waiting.update(overflow_reason=OverflowReason.ASKED, overflow_to=way):
            return hold
        if way == Onward.CALLBACK:
            CallbackService().request(queue=entry.queue, call=entry.call, since=entry.enqueued_at, now=now)
        return GiveUp()

    def leave(self, *, entry_id: int, result: str, then: str = "", now: datetime) -> None:
        """The caller has left Twilio's queue with `result` (QueueResult). The first outcome written stays."""
        outcome, reason = _OUTCOMES.get(result, ("", ""))
        if outcome == QueueEntryState.OVERFLOWED:
            to = then if then in Onward.ENDS else Onward.GOODBYE
            why = {"overflow_reason": _or_asked("overflow_reason", reason), "overflow_to": _or_asked("overflow_to", to)}
            self.close(entry_id=entry_id, outcome=outcome, now=now, **why)
        elif outcome:
            self.close(entry_id=entry_id, outcome=outcome, now=now)

    def farewell(self, *, entry_id: int, result: str, then: str = "") -> SendOn | Sorry | Goodbye:
        """What becomes of a caller who left with `result`: one who hung up or was fetched hears nothing from here."""
        outcome, reason = _OUTCOMES.get(result, ("", ""))
        if outcome != QueueEntryState.OVERFLOWED:
            return Goodbye()
        return SendOn(entry_id=entry_id) if then else Sorry(reason=reason)

    def onward(self, *, entry_id: int, call_sid: str, now: datetime) -> Queued | SendOn | TakeMessage | Promise | Sorry:
        """Where the caller of an overflowed visit goes: one step, since the next queue may send them on as well."""
        visits = QueueEntry.objects.select_related("queue__overflow_queue", "call")
        entry = visits.filter(pk=entry_id, call__sid=call_sid, state=QueueEntryState.OVERFLOWED).first()
        if entry is None:
            raise NotFound(f"overflowed visit {entry_id} of call {call_sid!r}")
        following = entry.queue.overflow_queue
        if entry.overflow_to == Onward.QUEUE and following is not None:
            return self.enter(
                call_sid=call_sid, queue_key=following.key, since=entry.enqueued_at, requires=entry.requires, now=now
            )
        if entry.overflow_to == Onward.VOICEMAIL:
            return VoicemailService().take(queue=entry.queue)
        if entry.overflow_to == Onward.CALLBACK:
            return CallbackService().request(queue=entry.queue, call=entry.call, since=entry.enqueued_at, now=now)
        return Sorry(reason=entry.overflow_reason, speech=speech_of(entry.queue))

    def close(self, *, entry_id: int, outcome: str, now: datetime, **why: Any) -> bool:
        """Write the outcome of an open entry and let its agent go; answers whether this was the first outcome.

        Who asked for something else and hung up over it is not lost, so not abandoned.
        """
        still_open = QueueEntry.objects.filter(pk=entry_id, state__in=QueueEntryState.OPEN_STATES)
        asked = When(overflow_reason=OverflowReason.ASKED, then=Value(QueueEntryState.OVERFLOWED))
        state = Case(asked, default=Value(outcome)) if outcome == QueueEntryState.ABANDONED else Value(outcome)
        if not still_open.update(state=state, ended_at=now, **why):
            return False
        caller_gone(entry_id, now=now)
        return True

    def _meet(self, queue_key: str, call_sid: str, now: datetime) -> tuple[Entrance, Call]:
        """The queue as the call meets it, and the call."""
        heard_since = now - timedelta(seconds=self.config.heartbeat_timeout)
        met = entrance(queue_key=queue_key, call_sid=call_sid, heard_since=heard_since)
        if met is None or met.caller is None:
            raise NotFound(f"queue {queue_key!r} or call {call_sid!r}")
        return met, met.caller

    def _is_due(self, entry: QueueEntry, waited: int) -> bool:
        """Whether to tell the position now. The second it was told at is kept, so a repeated question hears it too."""
        every, last = entry.queue.announce_every, entry.announced_s
        if every == 0 or waited == last:
            return True
        if last is not None and last < waited < last + every:
            return False
        QueueEntry.objects.filter(pk=entry.pk).update(announced_s=waited)
        return True

    def _offers(self, entry: QueueEntry, waited: int) -> tuple[Offer, ...]:
        """What a waiting caller may do instead."""
        queue = entry.queue
        wanted = (("1", Onward.CALLBACK, queue.offer_callback), ("2", Onward.VOICEMAIL, queue.offer_voicemail))
        return tuple(
            Offer(entry_id=entry.pk, digit=digit, way=way, waited=waited)
            for digit, way, offered in wanted
            if offered and self._possible(entry, way) == way
        )

    def _notice(self, queue: Queue) -> str:
        """What a caller who enters is told of being recorded."""
        return queue.recording if self.config.enable_call_recording else RecordingPolicy.NEVER

    def _possible(self, entry: QueueEntry, way: str) -> str:
        """The way onward, or goodbye where this deploy or the queue has no such way.

        A caller whom nobody can call back may leave a message instead.
        """
        callbacks = self.config.enable_queue_callbacks
        if way == Onward.CALLBACK and callbacks and not can_be_called(entry.call.from_number):
            way = Onward.VOICEMAIL
        there = {
            Onward.QUEUE: entry.queue.overflow_queue_id,
            Onward.VOICEMAIL: self.config.enable_voicemail,
            Onward.CALLBACK: callbacks,
        }
        return way if there.get(way) else Onward.GOODBYE

    def _closed(self, queue: Queue, now: datetime) -> Closed | None:
        """None while the queue is open."""
        if queue.calendar is None:
            return None
        hours = HoursService().of(calendar_key=queue.calendar.key)
        if hours is None or hours.is_open(now):
            return None
        return Closed(opening=hours.next_opening(now), asked=now.astimezone(ZoneInfo(hours.zone)))

    def _send_on(self, entry: QueueEntry, reason: str, closed: Closed | None, now: datetime) -> SendOn | Sorry:
        """Write a visit that ends as it begins."""
        to = self._possible(entry, getattr(entry.queue, f"when_{reason}"))
        entry.state, entry.ended_at = QueueEntryState.OVERFLOWED, now
        entry.overflow_reason, entry.overflow_to = reason, to
        entry.save(force_insert=True)
        if to == Onward.GOODBYE:
            return Sorry(reason=reason, closed=closed, speech=speech_of(entry.queue))
        return SendOn(entry_id=entry.pk, reason=reason, closed=closed, speech=speech_of(entry.queue))


def _refusal(met: Entrance, closed: Closed | None) -> str:
    """Why the queue does not take a caller now; "" when it does."""
    if closed is not None:
        return OverflowReason.CLOSED
    if met.waiting >= met.queue.max_size:
        return OverflowReason.FULL
    return "" if met.served else OverflowReason.NOBODY


def _waited_here(entry: QueueEntry, now: datetime) -> float:
    """Seconds since the caller came to this queue: Twilio begins anew with whoever was nearly put through.

    A place in line may be older: kept from another queue, or for a callback.
    """
    seconds = (now - entry.enqueued_at).total_seconds()
    if seconds < entry.queue.max_wait:
        return seconds
    # A visit that was answered ended as the conversation began.
    others = QueueEntry.objects.filter(call=entry.call_id, pk__lt=entry.pk)
    talks = ("reservations__ended_at", "reservations__outside_legs__ended_at")
    ends = others.aggregate(visit=Max("ended_at"), talk=Max(talks[0]), outside=Max(talks[1])).values()
    came = max(entry.enqueued_at, entry.call.answered_at or entry.call.started_at)
    here: datetime = max([came, *(end for end in ends if end is not None)])
    return (now - here).total_seconds()


def _or_asked(field: str, value: str) -> Case:
    """What was written when the caller asked for something else stays."""
    return Case(When(overflow_reason="", then=Value(value)), default=F(field))
