"""Messages callers left."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from .calls import Call
from .queues import Queue


class Voicemail(models.Model):
    """One message for a queue. The sound stays with Twilio; the text, where it was transcribed, is here too."""

    queue = models.ForeignKey(Queue, on_delete=models.PROTECT, related_name="voicemails")
    call = models.ForeignKey(Call, on_delete=models.PROTECT, related_name="voicemails")
    recording_sid = models.CharField(max_length=34, unique=True)
    url = models.URLField(max_length=300)
    duration = models.PositiveIntegerField(help_text="Seconds.")
    # Known to the database too: a process of the release before leaves messages without them.
    transcript = models.TextField(blank=True, default="", db_default="", help_text="What Twilio heard.")
    transcription_sid = models.CharField(max_length=34, blank=True, default="", db_default="")
    recorded_at = models.DateTimeField()
    heard_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    heard_at = models.DateTimeField(null=True, blank=True)
    erased_at = models.DateTimeField(null=True, blank=True, help_text="When the sound was deleted at Twilio.")

    class Meta:
        ordering = ("-recorded_at", "-pk")
        indexes = (models.Index(fields=["queue", "recorded_at"], condition=Q(heard_at=None), name="voicemail_new"),)

    def __str__(self) -> str:
        return f"message of {self.duration} s, {'heard' if self.heard_at else 'new'}"
