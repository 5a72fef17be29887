"""Messages in the admin."""

from __future__ import annotations

from typing import cast

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from ..models import Voicemail
from ..services import VoicemailService
from .center import RecordAdmin


@admin.register(Voicemail)
class VoicemailAdmin(RecordAdmin):
    """Messages callers left."""

    exclude = ("transcript", "transcription_sid")  # for those who may hear it: the inbox, and the call's page
    list_display = ("queue", "call", "duration", "recorded_at", "heard_by", "heard_at")
    list_filter = ("queue", ("heard_at", admin.EmptyFieldListFilter))
    list_select_related = ("queue", "call", "heard_by")
    actions = ("mark_heard",)

    @admin.action(description="Mark as heard by me", permissions=["view"])
    def mark_heard(self, request: HttpRequest, messages: QuerySet[Voicemail]) -> None:
        """The one thing that changes about a message."""
        ids = messages.values_list("pk", flat=True)
        number = VoicemailService().heard(voicemail_ids=ids, user_id=cast(int, request.user.pk), now=timezone.now())
        self.message_user(request, f"{number} marked as heard")
