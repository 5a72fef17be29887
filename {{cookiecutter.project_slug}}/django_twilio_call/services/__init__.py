"""What the call center can do: one class for each noun, built for each operation."""

from __future__ import annotations

from .agents import AgentService, Desk
from .analytics import AnalyticsService
from .base import BaseService
from .bootstrap import BootstrapService
from .callbacks import CallbackService
from .calls import CallService
from .dialing import DialingService
from .doctor import DoctorService
from .estimates import EstimateService
from .flow_check import Finding
from .flows import FlowService
from .hours import Hours, HoursService
from .identities import IdentityService
from .intervals import IntervalService
from .ivr import IVRService
from .logins import LoginService
from .operations import OperationsService
from .outbox import OutboxService
from .outcomes import OutcomeService
from .queues import QueueService
from .recordings import RecordingService
from .records import RecordService
from .retention import RetentionService
from .routing import RoutingService
from .setup import SetupService
from .timeline import TimelineService
from .voicemail import VoicemailService

__all__ = [
    "AgentService",
    "AnalyticsService",
    "BaseService",
    "BootstrapService",
    "CallService",
    "CallbackService",
    "Desk",
    "DialingService",
    "DoctorService",
    "EstimateService",
    "Finding",
    "FlowService",
    "Hours",
    "HoursService",
    "IVRService",
    "IdentityService",
    "IntervalService",
    "LoginService",
    "OperationsService",
    "OutboxService",
    "OutcomeService",
    "QueueService",
    "RecordService",
    "RecordingService",
    "RetentionService",
    "RoutingService",
    "SetupService",
    "TimelineService",
    "VoicemailService",
]
