"""Recordings at Twilio of which nobody told: their callbacks come once, and not at all while the app is away.

A message that nobody knows of is heard by nobody, and a conversation that nobody knows of is never deleted.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Final, TypeVar

from django.db.models import Q

from ..constants import RecordingState
from ..exceptions import TelephonyError
from ..media import Media, get_media
from ..models import Call, Pace, Participant, Queue, QueueEntry, Recording, Reservation, Voicemail
from ..telephony import Telephony, TwilioRecording, get_telephony
from .base import BaseService
from .recordings import RecordingService
from .voicemail import VoicemailService

logger = logging.getLogger(__name__)
T = TypeVar("T")

EVERY: Final = timedelta(minutes=10)
GRACE: Final = timedelta(minutes=15)
"""Of a younger recording the callback may still come: Twilio works on long ones for a while."""
LONGEST: Final = timedelta(days=1)
"""No recording goes on longer than a call may; and so far back goes the first look of all."""
BATCH: Final = 1000
QUESTIONS: Final = 50
"""So many that have not ended here are asked for, one by one, each time."""

_ROOM: Final = re.compile(r"reservation-([0-9]{1,18})")


class LostRecordingService(BaseService):
    """Looks through what Twilio has recorded, once each, in any number of workers: a row says how far they have come.

    Only what is ours: of a call or a conference that has a row here, and begun by our TwiML.
    """

    service_type = "recording"

    def __init__(self, *, telephony: Telephony | None = None, media: Media | None = None) -> None:
        super().__init__()
        self.telephony = telephony or get_telephony()
        self._media = media

    def look(self, *, now: datetime) -> int:
        """Compare, if it is due; answers how many recordings became known, or ended, here."""
        if not Pace.objects.take(Pace.RECORDINGS, every=EVERY, now=now):
            return 0
        try:
            return self._meet(now) + self._end_silent(now)
        except TelephonyError as error:
            logger.warning("Twilio did not say what is recorded, it is asked again: %s", error)
            return 0

    def _meet(self, now: datetime) -> int:
        """Take in what nobody knows of, from where the last look came to."""
        known = Pace(name=Pace.RECORDINGS_KNOWN, next_at=now - LONGEST)
        Pace.objects.bulk_create([known], ignore_conflicts=True)
        seen = Pace.objects.filter(name=Pace.RECORDINGS_KNOWN)
        since, until = seen.values_list("next_at", flat=True).get(), now - GRACE
        found, again = 0, []
        for batch in _batches(self.telephony.recordings(since=since, until=until)):
            for there in self._unknown(batch):
                try:
                    found += self._take_in(there)
                except TelephonyError as error:
                    logger.warning("a recording is looked at again: %s", error, extra={"recording": there.sid})
                    again.append(there.created_at)
        again = [moment for moment in again if moment > now - LONGEST]
        seen.filter(next_at=since).update(next_at=max(since, min([until, *again])))
        return found

    def _take_in(self, there: TwilioRecording) -> bool:
        """Raises `TelephonyError` where that cannot be done yet."""
        if there.conference_sid:
            return self._conversation(there)
        if there.source != "RecordVerb":
            return False
        if there.status not in RecordingState.ENDED_STATES:
            raise TelephonyError(f"a message is {there.status}", retryable=True)
        return self._message(there)

    def _unknown(self, batch: list[TwilioRecording]) -> list[TwilioRecording]:
        sids = [there.sid for there in batch]
        known = set(Recording.objects.filter(sid__in=sids).values_list("sid", flat=True))
        known |= set(Voicemail.objects.filter(recording_sid__in=sids).values_list("recording_sid", flat=True))
        return [there for there in batch if there.sid not in known]

    def _conversation(self, there: TwilioRecording) -> bool:
        reservation = _reservation_of(there)
        if reservation is None or self._deleted(there, reservation.entry.call):
            return False
        logger.warning("a conversation was recorded and nobody told", extra={"recording": there.sid})
        _told(reservation.pk, there.sid, there.conference_sid, RecordingState.IN_PROGRESS, None, there.created_at)
        _told(reservation.pk, there.sid, there.conference_sid, there.status, there.duration, there.created_at)
        return True

    def _message(self, there: TwilioRecording) -> bool:
        call = Call.objects.select_related("ivr_version").filter(sid=there.call_sid).first()
        if call is None or there.status != RecordingState.COMPLETED or self._deleted(there, call):
            return False
        queue_id = _queue_of(call)
        if queue_id is None:
            return False
        logger.warning("a message was left and nobody told", extra={"recording": there.sid, "call_sid": call.sid})
        VoicemailService().keep(
            queue_id=queue_id,
            call_sid=call.sid,
            recording_sid=there.sid,
            url=there.url,
            duration=there.duration or 0,
            now=there.created_at,
        )
        return True

    def _deleted(self, there: TwilioRecording, call: Call) -> bool:
        """Delete what was recorded of somebody who is forgotten; answers whether they are."""
        if call.erased_at is None:
            return False
        (self._media or get_media()).delete(sid=there.sid)
        return True

    def _end_silent(self, now: datetime) -> int:
        """End recordings whose call is long over, and of whose end nobody told."""
        live = Recording.objects.filter(state__in=RecordingState.LIVE_STATES, call__ended_at__lte=now - GRACE)
        return sum(self._end(recording) for recording in live.order_by("?")[:QUESTIONS])

    def _end(self, recording: Recording) -> bool:
        there = self.telephony.recording(sid=recording.sid)
        if there is None:  # deleted at Twilio, by somebody else
            status, duration = RecordingState.ABSENT, None
        elif there.status in RecordingState.ENDED_STATES:
            status, duration = there.status, there.duration
        else:
            return False
        logger.warning("a recording had ended and nobody told", extra={"recording": recording.sid, "status": status})
        of, conference = recording.reservation_id, recording.conference_sid
        _told(of, recording.sid, conference, status, duration, recording.started_at)
        return True


def _told(
    reservation_id: int, sid: str, conference_sid: str, status: str, duration: int | None, began: datetime
) -> None:
    """As its callback would have said: of a beginning when that was, of an end so many seconds later."""
    RecordingService().told(
        reservation_id=reservation_id,
        sid=sid,
        conference_sid=conference_sid,
        status=status,
        duration=duration,
        now=began + timedelta(seconds=duration or 0),
    )


def _reservation_of(there: TwilioRecording) -> Reservation | None:
    """Whose conversation it is: by its conference, or else by its call and the time."""
    reservations = Reservation.objects.select_related("entry__call")
    room = Participant.objects.filter(sid=there.conference_sid).values_list("room", flat=True).first()
    if (named := _ROOM.fullmatch(room or "")) is not None:
        return reservations.filter(pk=int(named[1])).first()
    talks = reservations.filter(Q(entry__call__sid=there.call_sid) | Q(agent_call__sid=there.call_sid), asked_by=None)
    begun = talks.filter(accepted_at__lte=there.created_at).order_by("-accepted_at")
    return begun.filter(Q(ended_at=None) | Q(ended_at__gte=there.created_at)).first()


def _queue_of(call: Call) -> int | None:
    """Whose message it is: the queue the caller waited in last, or else one of their menu's mailboxes."""
    waited = QueueEntry.objects.filter(call=call).order_by("-pk").values_list("queue_id", flat=True).first()
    if waited is not None or call.ivr_version is None:
        return waited
    nodes = call.ivr_version.definition.get("nodes", {})
    mailboxes = [node.get("queue", "") for node in nodes.values() if node.get("type") == "voicemail"]
    return Queue.objects.filter(key__in=mailboxes).order_by("pk").values_list("pk", flat=True).first()


def _batches(rows: Iterator[T]) -> Iterator[list[T]]:
    while batch := list(islice(rows, BATCH)):
        yield batch
