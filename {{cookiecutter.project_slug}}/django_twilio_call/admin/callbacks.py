"""Callbacks in the admin."""

from __future__ import annotations

from django.contrib import admin

from ..models import CallbackRequest
from .center import RecordAdmin


@admin.register(CallbackRequest)
class CallbackRequestAdmin(RecordAdmin):
    """Who is to be called back."""

    list_display = ("number", "queue", "state", "enqueued_at", "attempts", "not_before", "ended_at")
    list_filter = ("state", "queue")
    search_fields = ("number",)
    list_select_related = ("queue",)
