"""Recorded conversations, and what is kept of a call whatever retention says. The sound itself stays with Twilio."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from ..constants import RecordingPolicy, RecordingState
from .calls import Call
from .entries import Reservation


class Recording(models.Model):
    """One recording of a conversation, from one of its callbacks on."""

    sid = models.CharField(max_length=34, unique=True)
    call = models.ForeignKey(Call, on_delete=models.PROTECT, related_name="recordings", help_text="The caller's leg.")
    reservation = models.ForeignKey(Reservation, on_delete=models.PROTECT, related_name="recordings")
    conference_sid = models.CharField(max_length=34)
    state = models.CharField(max_length=12, default=RecordingState.IN_PROGRESS)
    consent = models.CharField(
        max_length=10, choices=RecordingPolicy.CHOICES, help_text="How the caller knows that they are recorded."
    )
    duration = models.PositiveIntegerField(null=True, blank=True, help_text="Seconds.")
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    erased_at = models.DateTimeField(null=True, blank=True, help_text="When the sound was deleted at Twilio.")

    class Meta:
        ordering = ("-started_at", "-pk")
        default_permissions = ("view",)
        indexes = (
            models.Index(fields=["started_at"], condition=Q(erased_at=None), name="recording_kept"),
            models.Index(
                fields=["reservation"], condition=Q(state__in=RecordingState.LIVE_STATES), name="recording_live"
            ),
        )

    def __str__(self) -> str:
        return f"recording {self.sid}"

    @property
    def is_there(self) -> bool:
        """Whether there is something to hear."""
        return self.state == RecordingState.COMPLETED and self.erased_at is None


class LegalHold(models.Model):
    """While it stands, nothing of the call is deleted: no recording, no message, no number, no webhook."""

    call = models.OneToOneField(Call, on_delete=models.PROTECT, related_name="hold")
    reason = models.CharField(max_length=200)
    placed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    placed_at = models.DateTimeField()

    class Meta:
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"hold on {self.call_id}: {self.reason}"
