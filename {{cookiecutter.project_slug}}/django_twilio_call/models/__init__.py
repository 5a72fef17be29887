"""How the call center remembers: the tables, their constraints, and what a change makes stale."""

from __future__ import annotations

from typing import Final

from .access import ROLES, Access, May, Role, create_roles, give_role
from .agents import Agent, AgentReason, AgentStateSpan
from .audit import AuditEntry
from .calendars import Calendar, OpeningTime, SpecialDay
from .callbacks import CallbackRequest
from .calls import PLACEHOLDER, Call
from .conferences import OutsideLeg, Participant, Supervision
from .delivery import Outbox, Pace, WebhookEvent
from .entries import QueueEntry, Reservation
from .intervals import INTERVAL, TIMED_STATES, AgentInterval, Interval, QueueInterval, interval_of
from .ivr import IVRFlow, IVRVersion
from .logins import Identity, LoginAttempts
from .outcomes import CallOutcome, Disposition
from .processes import RunningProcess
from .queues import Queue, QueueMembership
from .recordings import LegalHold, Recording
from .skills import AgentSkill, QueueSkill, Relaxation, Skill
from .voicemail import Voicemail

INVALIDATES: Final[dict[str, tuple[str, ...]]] = {
    "django_twilio_call.queue": ("queue", "routing", "analytics", "reporting", "ivr", "conference"),
    "django_twilio_call.queuemembership": ("queue", "routing", "agent"),
    "django_twilio_call.agent": ("agent", "routing"),
    "django_twilio_call.ivrflow": ("ivr",),
    "django_twilio_call.calendar": ("hours",),
    "django_twilio_call.openingtime": ("hours",),
    "django_twilio_call.specialday": ("hours",),
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
    "INTERVAL",
    "INVALIDATES",
    "PLACEHOLDER",
    "ROLES",
    "TIMED_STATES",
    "Access",
    "Agent",
    "AgentInterval",
    "AgentReason",
    "AgentSkill",
    "AgentStateSpan",
    "AuditEntry",
    "Calendar",
    "Call",
    "CallOutcome",
    "CallbackRequest",
    "Disposition",
    "IVRFlow",
    "IVRVersion",
    "Identity",
    "Interval",
    "LegalHold",
    "LoginAttempts",
    "May",
    "OpeningTime",
    "Outbox",
    "OutsideLeg",
    "Pace",
    "Participant",
    "Queue",
    "QueueEntry",
    "QueueInterval",
    "QueueMembership",
    "QueueSkill",
    "Recording",
    "Relaxation",
    "Reservation",
    "Role",
    "RunningProcess",
    "Skill",
    "SpecialDay",
    "Supervision",
    "Voicemail",
    "WebhookEvent",
    "create_roles",
    "give_role",
    "interval_of",
]
