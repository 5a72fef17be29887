"""The admin: queues and agents are edited here; what happened is only read."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from ..models import (
    Agent,
    AgentReason,
    AgentSkill,
    AgentStateSpan,
    AuditEntry,
    Call,
    CallOutcome,
    Disposition,
    IVRFlow,
    Outbox,
    Queue,
    QueueEntry,
    QueueMembership,
    QueueSkill,
    Relaxation,
    Reservation,
    Skill,
    WebhookEvent,
)


class NamedAdmin(admin.ModelAdmin):
    """Rows that flows name by their key: it is given once, and a row that is named stays."""

    prepopulated_fields = {"key": ("name",)}  # noqa: RUF012  # Django's own form

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """The key as well, once there is one."""
        fields = super().get_readonly_fields(request, obj)
        return fields if obj is None else (*fields, "key")

    def get_prepopulated_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Only a field that can be filled in."""
        return super().get_prepopulated_fields(request, obj) if obj is None else {}

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What names them is shown, as what refers to them is, and nothing is deleted."""
        *found, protected = super().get_deleted_objects(objs, request)
        return (*found, [*protected, *(where for row in objs for where in IVRFlow.objects.naming(row))])


class MembershipInline(admin.TabularInline):
    """Who takes a queue's calls."""

    model = QueueMembership
    extra = 0
    autocomplete_fields = ("agent", "queue")


class QueueSkillInline(admin.TabularInline):
    """What a queue asks of agents."""

    model = QueueSkill
    extra = 0
    autocomplete_fields = ("skill",)


class RelaxationInline(admin.TabularInline):
    """What it asks less of, as a wait goes on."""

    model = Relaxation
    extra = 0
    autocomplete_fields = ("skill",)


class DispositionInline(admin.TabularInline):
    """How a queue's calls may end."""

    model = Disposition
    extra = 0


class AgentSkillInline(admin.TabularInline):
    """What an agent can do."""

    model = AgentSkill
    extra = 0
    autocomplete_fields = ("skill",)


@admin.register(Queue)
class QueueAdmin(NamedAdmin):
    """Rules of a queue."""

    list_display = ("name", "key", "digit", "priority", "strategy", "max_size", "max_wait", "wrap_up_time", "is_active")
    search_fields = ("name", "key")
    inlines = (QueueSkillInline, RelaxationInline, DispositionInline, MembershipInline)


@admin.register(Skill)
class SkillAdmin(admin.ModelAdmin):
    """What agents can do."""

    list_display = ("name", "key")
    search_fields = ("name", "key")
    prepopulated_fields = {"key": ("name",)}  # noqa: RUF012  # Django's own form


@admin.register(Agent)
class AgentAdmin(admin.ModelAdmin):
    """People who take calls."""

    list_display = ("name", "user", "identity")
    search_fields = ("name", "user__username")
    autocomplete_fields = ("user",)
    inlines = (AgentSkillInline, MembershipInline)


@admin.register(AgentReason)
class AgentReasonAdmin(admin.ModelAdmin):
    """What agents may say they do."""

    list_display = ("name", "state", "position", "is_active")
    list_filter = ("state",)


class RecordAdmin(admin.ModelAdmin):
    """A record of what happened: nobody adds, changes or deletes it by hand."""

    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False


@admin.register(Call)
class CallAdmin(RecordAdmin):
    """Call legs."""

    list_display = ("sid", "role", "from_number", "status", "started_at", "ended_at")
    list_filter = ("role", "status")
    search_fields = ("sid", "from_number")


@admin.register(QueueEntry)
class QueueEntryAdmin(RecordAdmin):
    """Visits to queues."""

    list_display = (
        "call",
        "queue",
        "state",
        "overflow_reason",
        "overflow_to",
        "enqueued_at",
        "answered_at",
        "ended_at",
    )
    list_filter = ("state", "queue")
    list_select_related = ("call", "queue")


@admin.register(Reservation)
class ReservationAdmin(RecordAdmin):
    """Offers to agents."""

    list_display = ("pk", "agent", "state", "created_at", "accepted_at", "ended_at")
    list_filter = ("state",)
    list_select_related = ("agent",)


@admin.register(CallOutcome)
class CallOutcomeAdmin(RecordAdmin):
    """What agents said of their calls."""

    list_display = ("reservation", "code", "note", "created_at")
    list_filter = ("code",)


@admin.register(AgentStateSpan)
class AgentStateSpanAdmin(RecordAdmin):
    """History of agents' states."""

    list_display = ("agent", "state", "reason", "started_at", "ended_at")
    list_filter = ("state",)
    list_select_related = ("agent",)


@admin.register(WebhookEvent)
class WebhookEventAdmin(RecordAdmin):
    """What Twilio sent, and what it was told."""

    list_display = ("key", "kind", "call_sid", "received_at")
    list_filter = ("kind",)
    search_fields = ("call_sid",)


@admin.register(Outbox)
class OutboxAdmin(RecordAdmin):
    """What Twilio is told."""

    list_display = ("kind", "call_sid", "state", "attempts", "created_at", "done_at", "last_error")
    list_filter = ("state", "kind")


@admin.register(AuditEntry)
class AuditEntryAdmin(RecordAdmin):
    """Who did what."""

    list_display = ("at", "actor_name", "action", "target", "address")
    list_filter = ("action",)
    search_fields = ("=actor_name", "=target")
