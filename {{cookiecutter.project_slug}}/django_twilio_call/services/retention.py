"""Personal data: kept as long as the configuration says, erased when somebody asks, and never under a legal hold.

A call stays as a row that counts, without whose it was: figures of the past do not change.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from django.contrib.sessions.models import Session
from django.db import models, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from ..constants import OutboxKind, OutboxState, RecordingState
from ..exceptions import TelephonyError, ValidationError
from ..media import Media, get_media
from ..models import (
    AuditEntry,
    Call,
    CallbackRequest,
    CallOutcome,
    LegalHold,
    Outbox,
    OutsideLeg,
    Recording,
    Voicemail,
    WebhookEvent,
)
from . import audit
from .base import BaseService
from .callbacks import CallbackService
from .holds import held, outside, without_held
from .logins import LoginService

logger = logging.getLogger(__name__)
M = TypeVar("M", Recording, Voicemail)

SOUNDS: Final = 50
"""Recordings in one run: each is a request to Twilio."""
LONGEST: Final = timedelta(days=2)
"""Nothing is told of a leg any more so long after it began: Twilio ends every call within a day."""


class RetentionService(BaseService):
    """Every run does a bounded piece, so one that is due all day long disturbs nobody; the next goes on."""

    service_type = "retention"

    def __init__(self, *, media: Media | None = None) -> None:
        super().__init__()
        self.batch_size = self.config.get_batch_size("bulk_operations")
        self._media = media

    def run(self, *, now: datetime) -> Counter[str]:
        """Delete what is due; answers how many of each kind. Written down where anything was."""
        config, done = self.config, Counter[str]()
        recordings = Recording.objects.filter(state__in=RecordingState.ENDED_STATES)
        done["recordings"] = self._sounds(_due(recordings, "started_at", config.retention_recordings, now), now)
        messages: QuerySet[Voicemail] = _due(Voicemail.objects.all(), "recorded_at", config.retention_voicemail, now)
        done["messages"] = self._sounds(messages, now)
        done["webhooks"] = self._webhooks(now)
        if days := config.retention_calls:
            old = Call.objects.filter(ended_at__lt=now - timedelta(days=days), erased_at=None)
            done["calls"] = self._forget(old.exclude(held()).order_by("ended_at")[: self.batch_size], now)
        if days := config.retention_audit:
            old_entries = AuditEntry.objects.filter(at__lt=now - timedelta(days=days)).order_by("at")[: self.batch_size]
            done["audit"] = AuditEntry.objects.filter(pk__in=[entry.pk for entry in old_entries]).purge()
        done["logins"] = LoginService().forget(now=now)
        done["sessions"] = _delete(Session.objects.filter(expire_date__lt=now), self.batch_size)
        done += Counter()  # without what is zero
        if told := {kind: number for kind, number in done.items() if kind not in ("logins", "sessions")}:
            audit.record(actor=None, action="retention", detail=told, now=now)
        return done

    def erase(self, *, number: str, actor: Any, now: datetime, address: str = "") -> Counter[str]:
        """Erase everything about the person of a number, now. Answers what was, and under `held` what was not.

        Raises `TelephonyError` where Twilio did not delete a recording: nothing of that call is forgotten then, so
        that it can be asked for again. The audit entry does not say whose it was.
        """
        if len(number) < 3:
            raise ValidationError(f"number {number!r} is none")
        done = Counter[str]()
        CallbackService().withdraw(number=number, now=now)
        theirs = Call.objects.filter(Q(from_number=number) | Q(to_number=number), erased_at=None)
        done["held"] = theirs.filter(held()).count()
        while calls := list(theirs.exclude(held()).exclude(ended_at=None).order_by("pk")[:SOUNDS]):
            ids = [call.pk for call in calls]
            done["sounds"] += self._sounds(Recording.objects.filter(call__in=ids, erased_at=None), now, strict=True)
            done["sounds"] += self._sounds(Voicemail.objects.filter(call__in=ids, erased_at=None), now, strict=True)
            done["calls"] += self._forget(calls, now)
        done["live"] = theirs.filter(ended_at=None).count()
        done += self._forget_number(number)
        done += Counter()
        audit.record(actor=actor, action="erase", target="a person", detail=dict(done), address=address, now=now)
        return done

    def _sounds(self, due: QuerySet[M], now: datetime, *, strict: bool = False) -> int:
        """Delete recordings at Twilio. One that Twilio does not delete now is for the next run, unless `strict`."""
        deleted = 0
        for kept in due.order_by("pk")[: None if strict else SOUNDS]:
            changes: dict[str, Any] = {"erased_at": now}
            if isinstance(kept, Recording):
                sid, written = kept.sid, ""
            else:
                sid, written = kept.recording_sid, kept.transcription_sid
                changes |= {"url": "", "transcript": "", "transcription_sid": ""}
            try:
                for each in filter(None, (written, sid)):
                    (self._media or get_media()).delete(sid=each)
            except TelephonyError as error:
                if strict:
                    raise
                logger.warning("a recording was not deleted: %s", error, extra={"recording": sid})
                break  # Twilio is away, or refuses: the others would only wait as long
            type(kept)._default_manager.filter(pk=kept.pk).update(**changes)
            deleted += 1
        return deleted

    def _webhooks(self, now: datetime) -> int:
        days = self.config.retention_webhooks
        if not days:
            return 0
        old = WebhookEvent.objects.filter(received_at__lt=now - timedelta(days=days))
        return _delete(without_held(old).order_by("received_at"), self.batch_size)

    def _forget(self, calls: Iterable[Call], now: datetime) -> int:
        """Take the person out of calls: numbers, what was said in notes, what Twilio sent. Counts and times stay."""
        found = list(calls)
        ids, sids = [call.pk for call in found], [call.sid for call in found]
        with transaction.atomic():
            Call.objects.filter(pk__in=ids).update(from_number="", to_number="", erased_at=now)
            done_with = CallbackRequest.objects.filter(call__in=ids).exclude(ended_at=None)
            done_with.exclude(entry__call__hold__isnull=False).update(number="")
            self._forget_outside(OutsideLeg.objects.filter(reservation__entry__call__in=ids).exclude(number=""))
            CallOutcome.objects.filter(reservation__entry__call__in=ids).update(note="")
            _unaddress(Outbox.objects.filter(call_sid__in=sids))
            # Of a call that was made for us: the command knows it by the sid it had before.
            _unaddress(Outbox.objects.filter(entry__call__in=ids))
            WebhookEvent.objects.filter(call_sid__in=sids).delete()
        return len(found)

    @transaction.atomic
    def _forget_number(self, number: str) -> Counter[str]:
        """Take somebody out of the calls of others, into which an agent had called them, and out of old commands."""
        legs = OutsideLeg.objects.filter(number=number)
        kept = list(legs.filter(outside()).values_list("pk", flat=True))
        free = legs.exclude(pk__in=kept)
        done = Counter(held=len(kept), live=free.filter(ended_at=None).count())
        done["outside"] = self._forget_outside(free.exclude(ended_at=None))
        sent = Outbox.objects.filter(to_number=number).exclude(state__in=OutboxState.OPEN_STATES)
        _unaddress(sent.exclude(entry__call__hold__isnull=False).exclude(changes__leg__in=kept))
        return done

    def _forget_outside(self, legs: QuerySet[OutsideLeg]) -> int:
        """Take away whom these legs called. No call's row has their sids: our own URLs and their labels say whose."""
        found = list(legs)
        if not found:
            return 0
        keys, began = [leg.pk for leg in found], [leg.created_at for leg in found]
        sent = WebhookEvent.objects.filter(received_at__range=(min(began), max(began) + LONGEST))
        told = Q(payload__leg__in=[str(key) for key in keys])
        told |= Q(payload__ParticipantLabel__in=[leg.label for leg in found])
        dialled = Q(kind="outside", payload__reservation__in=[str(leg.reservation_id) for leg in found])
        sids = set(sent.filter(told).values_list("call_sid", flat=True)) - {""}
        sent.filter(told | dialled | Q(call_sid__in=sids)).delete()
        _unaddress(Outbox.objects.filter(kind=OutboxKind.ADD_PARTICIPANT, call_sid="", changes__leg__in=keys))
        return OutsideLeg.objects.filter(pk__in=keys).update(number="")


def _unaddress(commands: QuerySet[Outbox]) -> None:
    """Leave of commands that they were given, and not whom they called."""
    commands.update(to_number="", url="", status_url="")


def _due(kept: QuerySet[M], since: str, days: int, now: datetime) -> QuerySet[M]:
    """What is older than so many days, 0 being for ever, is still there, and is not held."""
    if not days:
        return kept.none()
    old = kept.filter(**{f"{since}__lt": now - timedelta(days=days)}, erased_at=None)
    return old.exclude(Exists(LegalHold.objects.filter(call=OuterRef("call"))))


T = TypeVar("T", bound=models.Model)


def _delete(old: QuerySet[T], most: int) -> int:
    """A batch, by primary key: that is one short statement, whatever the condition was."""
    keys = list(old.values_list("pk", flat=True)[:most])
    return old.model._default_manager.filter(pk__in=keys).delete()[0] if keys else 0
