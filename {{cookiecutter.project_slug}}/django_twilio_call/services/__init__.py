"""What the call center can do: one class for each noun, built for each operation."""

from __future__ import annotations

from .agents import AgentService, Desk
from .analytics import AnalyticsService
from .base import BaseService
from .calls import CallService
from .ivr import IVRService
from .outbox import OutboxService
from .outcomes import OutcomeService
from .queues import QueueService
from .routing import RoutingService

__all__ = [
    "AgentService",
    "AnalyticsService",
    "BaseService",
    "CallService",
    "Desk",
    "IVRService",
    "OutboxService",
    "OutcomeService",
    "QueueService",
    "RoutingService",
]
