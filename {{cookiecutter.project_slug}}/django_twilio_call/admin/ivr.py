"""Flows in the admin: edited as drafts, published and rolled back by action."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from ..exceptions import CallCenterError
from ..models import IVRFlow, IVRVersion
from ..services import FlowService
from .center import RecordAdmin


@admin.register(IVRFlow)
class IVRFlowAdmin(admin.ModelAdmin):
    """What callers go through."""

    list_display = ("name", "key", "number", "release")
    search_fields = ("name", "key")
    readonly_fields = ("release",)
    prepopulated_fields = {"key": ("name",)}  # noqa: RUF012  # Django's own form
    actions = ("check_drafts", "publish", "rollback")

    def save_model(self, request: HttpRequest, obj: IVRFlow, form: Any, change: bool) -> None:
        """A draft may be unfinished: it is kept, and what is wrong with it is said."""
        super().save_model(request, obj, form, change)
        for finding in FlowService().check_draft(obj.draft):
            self.message_user(request, str(finding), messages.WARNING)

    @admin.action(description="Check the drafts", permissions=["view"])
    def check_drafts(self, request: HttpRequest, flows: QuerySet[IVRFlow]) -> None:
        """All findings at once."""
        for flow in flows:
            found = FlowService().check(key=flow.key)
            for finding in found:
                self.message_user(request, f"{flow}: {finding}", messages.WARNING)
            if not found:
                self.message_user(request, f"{flow}: nothing is wrong")

    @admin.action(description="Publish the drafts", permissions=["change"])
    def publish(self, request: HttpRequest, flows: QuerySet[IVRFlow]) -> None:
        """Callers from now on get the draft."""
        for flow in flows:
            self._act(request, flow, lambda key: FlowService().publish(key=key, now=timezone.now()))

    @admin.action(description="Roll back to the version before", permissions=["change"])
    def rollback(self, request: HttpRequest, flows: QuerySet[IVRFlow]) -> None:
        """Callers from now on get what they got before."""
        for flow in flows:
            self._act(request, flow, lambda key: FlowService().rollback(key=key))

    def _act(self, request: HttpRequest, flow: IVRFlow, act: Any) -> None:
        try:
            version = act(flow.key)
        except CallCenterError as error:
            self.message_user(request, f"{flow}: {error}", messages.ERROR)
        else:
            self.message_user(request, f"{flow}: {version} is what callers get")


@admin.register(IVRVersion)
class IVRVersionAdmin(RecordAdmin):
    """What was published."""

    list_display = ("flow", "number", "sha256", "created_at")
    list_filter = ("flow",)
    list_select_related = ("flow",)
