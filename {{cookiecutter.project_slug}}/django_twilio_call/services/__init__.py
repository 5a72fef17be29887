"""What the call center can do: one class for each noun, built for each operation."""

from __future__ import annotations

from .agents import AgentService, Desk
from .analytics import AnalyticsService
from .base import BaseService
from .bootstrap import BootstrapService
from .callbacks import CallbackService
from .calls import CallService
from .conferences import ConferenceService
from .dialing import DialingService
from .doctor import DoctorService
from .estimates import EstimateService
from .flow_check import Finding
from .flows import FlowService
from .history import HistoryService, Past
from .hours import Hours, HoursService
from .identities import IdentityService
from .intervals import IntervalService
from .ivr import IVRService
from .logins import LoginService
from .lost_recordings import LostRecordingService
from .metrics import MetricsService
from .operations import OperationsService
from .outbox import OutboxService
from .outcomes import OutcomeService
from .queues import QueueService
from .reaping import ReapingService
from .recordings import RecordingService
from .records import RecordService
from .reporting import Report, ReportingService
from .retention import RetentionService
from .routing import RoutingService
from .settling import SettlingService
from .setup import SetupService
from .submissions import SubmissionService
from .supervision import SupervisionService
from .timeline import TimelineService
from .transfers import TransferService
from .voicemail import VoicemailService

__all__ = [
    "AgentService",
    "AnalyticsService",
    "BaseService",
    "BootstrapService",
    "CallService",
    "CallbackService",
    "ConferenceService",
    "Desk",
    "DialingService",
    "DoctorService",
    "EstimateService",
    "Finding",
    "FlowService",
    "HistoryService",
    "Hours",
    "HoursService",
    "IVRService",
    "IdentityService",
    "IntervalService",
    "LoginService",
    "LostRecordingService",
    "MetricsService",
    "OperationsService",
    "OutboxService",
    "OutcomeService",
    "Past",
    "QueueService",
    "ReapingService",
    "RecordService",
    "RecordingService",
    "Report",
    "ReportingService",
    "RetentionService",
    "RoutingService",
    "SettlingService",
    "SetupService",
    "SubmissionService",
    "SupervisionService",
    "TimelineService",
    "TransferService",
    "VoicemailService",
]
