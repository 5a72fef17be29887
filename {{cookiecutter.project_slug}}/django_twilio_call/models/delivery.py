"""What came in from Twilio and what must go out to it: claims of webhooks, and the outbox."""

from __future__ import annotations

from datetime import datetime

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

    def due(self, now: datetime) -> OutboxQuerySet:
        """Commands nobody holds a lease on, oldest first."""
        return self.filter(state__in=OutboxState.OPEN_STATES, not_before__lte=now).order_by("not_before", "pk")


class Outbox(models.Model):
    """One REST command to Twilio, written in the transaction that wants it and sent after the commit."""

    kind = models.CharField(max_length=20)
    call_sid = models.CharField(max_length=34)
    url = models.TextField(blank=True, default="", help_text="Where a redirected call goes on.")
    to_number = models.CharField(max_length=16, blank=True, default="", help_text="Whom a created call calls.")
    status_url = models.TextField(blank=True, default="", help_text="Who is told how a created call goes.")
    entry = models.ForeignKey("QueueEntry", on_delete=models.CASCADE, null=True, blank=True, related_name="commands")
    recording = models.ForeignKey(
        "Recording", on_delete=models.CASCADE, null=True, blank=True, related_name="commands", db_index=False
    )
    state = models.CharField(max_length=12, default=OutboxState.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(help_text="Due from then on; while a worker sends it, the end of its lease.")
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
            models.Index(fields=["not_before"], condition=Q(state__in=OutboxState.OPEN_STATES), name="outbox_due"),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.call_sid} {self.state}"
