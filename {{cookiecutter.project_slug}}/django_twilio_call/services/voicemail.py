"""Voicemail: a message is taken, kept, and heard."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import QuerySet

from ..models import Call, May, Queue, Voicemail
from .base import BaseService
from .decisions import TakeMessage, Thanks
from .speech import speech_of

SHOWN: Final = 100
HANDLED_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class Inbox:
    """A page of messages to be handled, the oldest first, and those handled, the latest first.

    `waiting`: how many there are in all; `next`: after which message the next page begins.
    """

    waiting: int
    new: list[Voicemail]
    handled: list[Voicemail]
    next: tuple[datetime, int] | None


def _for(user: Any) -> QuerySet[Voicemail]:
    """An agent's own queues' messages; everybody's for who may see the records of calls."""
    if user.has_perm(May.SEE_RECORDS.permission):
        return Voicemail.objects.all()
    return Voicemail.objects.filter(queue__memberships__agent__user=user)


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
        message, is_new = self._kept(queue_id, call_sid, recording_sid, now, url=url, duration=duration)
        if not is_new and duration and not message.duration:  # its text came first
            Voicemail.objects.filter(pk=message.pk, erased_at=None).update(url=url, duration=duration)

    def write_down(
        self,
        *,
        queue_id: int,
        call_sid: str,
        recording_sid: str,
        url: str,
        transcription_sid: str,
        text: str,
        now: datetime,
    ) -> None:
        """Twilio has written down what was said, mostly after the recording was told. What is erased stays so."""
        said = {"transcript": text, "transcription_sid": transcription_sid}
        there = Voicemail.objects.filter(recording_sid=recording_sid, erased_at=None)
        if there.update(**said):
            return
        _, is_new = self._kept(queue_id, call_sid, recording_sid, now, url=url, duration=0, **said)
        if not is_new:  # erased, or told of in this moment
            there.update(**said)

    def _kept(
        self, queue_id: int, call_sid: str, recording_sid: str, now: datetime, **about: Any
    ) -> tuple[Voicemail, bool]:
        call, _ = Call.objects.get_or_create(
            sid=call_sid, defaults={"from_number": "", "to_number": "", "started_at": now}
        )
        return Voicemail.objects.get_or_create(
            recording_sid=recording_sid, defaults={"queue_id": queue_id, "call": call, "recorded_at": now, **about}
        )

    def inbox(self, *, user: Any, after: tuple[datetime, int] | None = None) -> Inbox:
        """The messages this user may hear, those to be handled from after a message on."""
        messages = _for(user).select_related("queue", "call", "heard_by")
        new = messages.filter(heard_at=None)
        later = new
        if after is not None:
            later = new.filter(recorded_at__gte=after[0]).exclude(recorded_at=after[0], pk__lte=after[1])
        found = list(later.order_by("recorded_at", "pk")[: SHOWN + 1])
        last = found[SHOWN - 1] if len(found) > SHOWN else None
        return Inbox(
            waiting=new.count(),
            new=found[:SHOWN],
            handled=list(messages.exclude(heard_at=None)[:HANDLED_SHOWN]),
            next=(last.recorded_at, last.pk) if last else None,
        )

    def handle(self, *, voicemail_id: int, user: Any, now: datetime) -> Voicemail | None:
        """Somebody has done what a message asks for. None where it is not theirs, or somebody was faster."""
        message = _for(user).filter(pk=voicemail_id).first()
        if message is None or not self.heard(voicemail_ids=[message.pk], user_id=user.pk, now=now):
            return None
        return message

    def call_of(self, *, recording_sid: str, for_user: Any = None) -> str | None:
        """Sid of the call in which a message was left that is still there, if it is for that user."""
        messages = Voicemail.objects.all() if for_user is None else _for(for_user)
        kept = messages.filter(recording_sid=recording_sid, erased_at=None)
        return kept.values_list("call__sid", flat=True).first()

    def heard(self, *, voicemail_ids: Iterable[int], user_id: int, now: datetime) -> int:
        """Somebody listened; who was first stays. Answers how many messages were new."""
        new = Voicemail.objects.filter(pk__in=list(voicemail_ids), heard_at=None)
        return new.update(heard_by_id=user_id, heard_at=now)
