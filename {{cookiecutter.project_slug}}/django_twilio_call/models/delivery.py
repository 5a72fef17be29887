"""What came in from Twilio and what must go out to it: claims of webhooks, and the outbox."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models
from django.db.models import Q

from ..constants import OutboxKind, OutboxState


class WebhookEvent(models.Model):
    """A webhook that was claimed, with the answer it got: whoever delivers it again gets the same one."""

    key = models.CharField(max_length=200, unique=True, help_text="What makes a delivery the same one again.")
    kind = models.CharField(max_length=20)
    call_sid = models.CharField(max_length=34, blank=True)
    payload = models.JSONField()
    response = models.TextField(blank=True, default="")
    received_at = models.DateTimeField()

    class Meta:
        ordering = ("-received_at", "-pk")
        indexes = (
            models.Index(fields=["call_sid"], name="event_by_call"),
            models.Index(fields=["received_at"], name="event_by_time"),
        )

    def __str__(self) -> str:
        return self.key


class OutboxQuerySet(models.QuerySet["Outbox"]):
    """Commands for Twilio, by what is to be done with them."""

    def in_doubt(self, now: datetime) -> OutboxQuerySet:
        """Calls that may have been made, and that are to be asked for."""
        unknown = self.filter(state=OutboxState.SUBMISSION_UNKNOWN, not_before__lte=now)
        return unknown.order_by("not_before", "pk")

    def telling(self, *, since: datetime) -> OutboxQuerySet:
        """Commands to end a leg that are on their way, or were given since then."""
        ends = self.filter(kind=OutboxKind.END_CALL)
        return ends.filter(Q(state=OutboxState.PENDING) | Q(created_at__gt=since))


class Outbox(models.Model):
    """One REST command to Twilio, written in the transaction that wants it and sent after the commit."""

    kind = models.CharField(max_length=20)
    call_sid = models.CharField(max_length=34)
    url = models.TextField(blank=True, default="", help_text="Where a redirected call goes on.")
    to_number = models.CharField(max_length=16, blank=True, default="", help_text="Whom a created call calls.")
    status_url = models.TextField(blank=True, default="", help_text="Who is told how a created call goes.")
    conference = models.CharField(max_length=34, blank=True, default="", db_default="", help_text="ConferenceSid.")
    changes = models.JSONField(
        null=True, blank=True, help_text="What becomes of a participant, or which conversation a caller leaves."
    )
    entry = models.ForeignKey("QueueEntry", on_delete=models.CASCADE, null=True, blank=True, related_name="commands")
    recording = models.ForeignKey(
        "Recording", on_delete=models.CASCADE, null=True, blank=True, related_name="commands", db_index=False
    )
    state = models.CharField(max_length=20, default=OutboxState.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(help_text="Due from then on; while a worker sends it, the end of its lease.")
    sent_at = models.DateTimeField(null=True, blank=True, help_text="When Twilio was last told to make the call.")
    last_error = models.TextField(blank=True, default="")
    created_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True, blank=True)

    objects = OutboxQuerySet.as_manager()

    class Meta:
        ordering = ("pk",)
        verbose_name_plural = "outbox"
        constraints = (
            models.UniqueConstraint(
                fields=["entry"],
                condition=Q(kind=OutboxKind.CREATE_CALL) & ~Q(state=OutboxState.FAILED),
                name="one_created_call_per_entry",
            ),
        )
        indexes = (
            models.Index(fields=["not_before"], condition=Q(state__in=("pending",)), name="outbox_due"),
            models.Index(
                fields=["not_before"], condition=Q(state=OutboxState.SUBMISSION_UNKNOWN), name="outbox_in_doubt"
            ),
            models.Index(fields=["call_sid"], name="outbox_by_call"),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.call_sid} {self.state}"


class PaceQuerySet(models.QuerySet["Pace"]):
    """Turns, given to whoever asks first."""

    def take(self, name: str, *, every: timedelta, now: datetime) -> bool:
        """Take the turn, if it has come; the next one comes after `every`.

        Inside a transaction others wait for its end. Turns are as far apart as the workers' clocks agree.
        """
        turn = self.filter(name=name, next_at__lte=now)
        if turn.update(next_at=now + every):
            return True
        if self.filter(name=name).exists():
            return False
        self.bulk_create([Pace(name=name, next_at=now)], ignore_conflicts=True)
        return bool(turn.update(next_at=now + every))


class Pace(models.Model):
    """When something that all workers together may do only so often may be done again: a row decides."""

    CALLS = "created calls"
    RECONCILING = "reconciling"
    RECORDINGS = "recordings"
    RECORDINGS_KNOWN = "recordings known"

    name = models.CharField(max_length=20, unique=True)
    next_at = models.DateTimeField()

    objects = PaceQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.name} from {self.next_at}"
