"""Voicemail: a message is taken, kept, and heard."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from ..models import Call, Queue, Voicemail
from .base import BaseService
from .decisions import TakeMessage, Thanks
from .speech import speech_of


class VoicemailService(BaseService):
    """Messages for queues. Inside a webhook every method joins its transaction."""

    service_type = "voicemail"

    def take(self, *, queue: Queue) -> TakeMessage:
        """Ask the caller for a message."""
        return TakeMessage(queue_id=queue.pk, seconds=queue.voicemail_seconds, speech=speech_of(queue))

    def taken(self, *, queue_id: int) -> Thanks:
        """The caller is done. The message itself comes by another way, even where the caller hung up."""
        queue = Queue.objects.filter(pk=queue_id).first()
        return Thanks() if queue is None else Thanks(speech=speech_of(queue))

    def keep(self, *, queue_id: int, call_sid: str, recording_sid: str, url: str, duration: int, now: datetime) -> None:
        """Twilio has a recording. A call nobody knows is remembered: its first webhook was lost, the message is not."""
        call, _ = Call.objects.get_or_create(
            sid=call_sid, defaults={"from_number": "", "to_number": "", "started_at": now}
        )
        Voicemail.objects.create(
            queue_id=queue_id, call=call, recording_sid=recording_sid, url=url, duration=duration, recorded_at=now
        )

    def heard(self, *, voicemail_ids: Iterable[int], user_id: int, now: datetime) -> int:
        """Somebody listened; who was first stays. Answers how many messages were new."""
        new = Voicemail.objects.filter(pk__in=list(voicemail_ids), heard_at=None)
        return new.update(heard_by_id=user_id, heard_at=now)
