"""How the call center remembers: the tables, their constraints, and what a change makes stale."""

from __future__ import annotations

from typing import Final

from .agents import Agent, AgentReason, AgentStateSpan
from .calls import Call
from .delivery import Outbox, WebhookEvent
from .outcomes import CallOutcome, Disposition
from .queues import Queue, QueueEntry, QueueMembership, Reservation
from .skills import AgentSkill, QueueSkill, Relaxation, Skill

INVALIDATES: Final[dict[str, tuple[str, ...]]] = {
    "django_twilio_call.queue": ("queue", "routing", "analytics", "ivr"),
    "django_twilio_call.queuemembership": ("queue", "routing", "agent"),
    "django_twilio_call.agent": ("agent", "routing"),
    "django_twilio_call.agentreason": ("agent",),
    "django_twilio_call.skill": ("routing",),
    "django_twilio_call.queueskill": ("routing",),
    "django_twilio_call.relaxation": ("routing",),
}
"""Model label -> the services whose cached answers it makes stale.

Rows that change with every call (entries, spans, calls) are left out on purpose: what is computed from them
is cached for seconds, and an invalidation for each webhook would cost more than it saves.
"""

__all__ = [
    "INVALIDATES",
    "Agent",
    "AgentReason",
    "AgentSkill",
    "AgentStateSpan",
    "Call",
    "CallOutcome",
    "Disposition",
    "Outbox",
    "Queue",
    "QueueEntry",
    "QueueMembership",
    "QueueSkill",
    "Relaxation",
    "Reservation",
    "Skill",
    "WebhookEvent",
]
