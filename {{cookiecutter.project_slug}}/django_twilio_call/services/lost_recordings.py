"""Recordings at Twilio of which nobody told: their callbacks come once, and not at all while the app is away.

A message that nobody knows of is heard by nobody, and a conversation that nobody knows of is never deleted.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Final, TypeVar

from ..constants import RecordingState
from ..exceptions import TelephonyError
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

    def __init__(self, *, telephony: Telephony | None = None) -> None:
        super().__init__()
        self.telephony = telephony or get_telephony()

    def look(self, *, now: datetime) -> int:
        """Compare, if it is due; answers how many recordings became known, or ended, here."""
        due = self._due(now)
        if due is None:
            return 0
        since, until = due - EVERY - GRACE, now - GRACE
        try:
            ended = sum(self._end(recording) for recording in self._silent(until))
            found, unfinished = self._meet(since, until)
        except TelephonyError as error:
            logger.warning("Twilio did not say what is recorded, it is asked again: %s", error)
            return 0
        # A message that still goes on is looked at again; whoever else looked meanwhile found the same.
        seen = min([until, *unfinished])
        Pace.objects.filter(name=Pace.RECORDINGS, next_at=due).update(next_at=seen + EVERY + GRACE)
        return ended + found

    def _due(self, now: datetime) -> datetime | None:
        first = Pace(name=Pace.RECORDINGS, next_at=now - LONGEST)
        Pace.objects.bulk_create([first], ignore_conflicts=True)
        return Pace.objects.filter(name=Pace.RECORDINGS, next_at__lte=now).values_list("next_at", flat=True).first()

    def _silent(self, until: datetime) -> Iterable[Recording]:
        """Recordings whose call is long over, and of whose end nobody told."""
        live = Recording.objects.filter(state__in=RecordingState.LIVE_STATES, call__ended_at__lte=until)
        return live.order_by("pk")[:QUESTIONS]

    def _end(self, recording: Recording) -> bool:
        there = self.telephony.recording(sid=recording.sid)
        if there is None:  # deleted at Twilio, by somebody else
            status, duration = RecordingState.ABSENT, None
        elif there.status in RecordingState.ENDED_STATES:
            status, duration = there.status, there.duration
        else:
            return False
        logger.warning("a recording had ended and nobody told", extra={"recording": recording.sid, "status": status})
        RecordingService().told(
            reservation_id=recording.reservation_id,
            sid=recording.sid,
            conference_sid=recording.conference_sid,
            status=status,
            duration=duration,
            now=recording.started_at + timedelta(seconds=duration or 0),
        )
        return True

    def _meet(self, since: datetime, until: datetime) -> tuple[int, list[datetime]]:
        """Take in what nobody knows of; answers how many those were, and when messages began that still go on."""
        found, unfinished = 0, []
        for batch in _batches(self.telephony.recordings(since=since, until=until)):
            sids = [each.sid for each in batch]
            known = set(Recording.objects.filter(sid__in=sids).values_list("sid", flat=True))
            known |= set(Voicemail.objects.filter(recording_sid__in=sids).values_list("recording_sid", flat=True))
            for each in batch:
                if each.sid in known:
                    continue
                if each.conference_sid:
                    found += self._conversation(each)
                elif each.source == "RecordVerb":
                    if each.status in RecordingState.ENDED_STATES:
                        found += self._message(each)
                    elif each.created_at > until - LONGEST:
                        unfinished.append(each.created_at)
        return found, unfinished

    def _conversation(self, there: TwilioRecording) -> bool:
        sid = there.conference_sid
        told = Participant.objects.filter(sid=sid).values_list("room", flat=True).first()
        named = _ROOM.fullmatch(told or self.telephony.conference_name(sid=sid))
        if named is None or not Reservation.objects.filter(pk=int(named[1])).exists():
            return False
        logger.warning("a conversation was recorded and nobody told", extra={"recording": there.sid})
        events: list[tuple[str, int | None]] = [(RecordingState.IN_PROGRESS, None), (there.status, there.duration)]
        for status, duration in events:
            RecordingService().told(
                reservation_id=int(named[1]),
                sid=there.sid,
                conference_sid=there.conference_sid,
                status=status,
                duration=duration,
                now=there.created_at + timedelta(seconds=duration or 0),
            )
        return True

    def _message(self, there: TwilioRecording) -> bool:
        call = Call.objects.select_related("ivr_version").filter(sid=there.call_sid).first()
        if call is None or there.status != RecordingState.COMPLETED:
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


def _queue_of(call: Call) -> int | None:
    """Whose message it is: the queue the caller waited in last, one of their menu's mailboxes, or else anybody's."""
    waited = QueueEntry.objects.filter(call=call).order_by("-pk").values_list("queue_id", flat=True).first()
    if waited is not None:
        return waited
    nodes = call.ivr_version.definition.get("nodes", {}) if call.ivr_version else {}
    mailboxes = [node["queue"] for node in nodes.values() if node.get("type") == "voicemail" and "queue" in node]
    queues = Queue.objects.filter(is_active=True).order_by("pk")
    found = queues.filter(key__in=mailboxes).first() or queues.first()
    return None if found is None else found.pk


def _batches(rows: Iterator[T]) -> Iterator[list[T]]:
    while batch := list(islice(rows, BATCH)):
        yield batch
