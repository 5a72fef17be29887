"""What workers do. Messages only wake them: rows say what is to be done, so a lost or doubled one changes nothing."""

from __future__ import annotations

import logging
from collections import Counter
from typing import Any, Final

from celery import shared_task
from django.utils import timezone
from kombu.exceptions import OperationalError

from . import steps
from .retry import CircuitBreaker
from .services import (
    DialingService,
    IntervalService,
    LostRecordingService,
    OutboxService,
    ReapingService,
    RetentionService,
    RoutingService,
    SettlingService,
    SubmissionService,
)

logger = logging.getLogger(__name__)

counts: Final[Counter[str]] = Counter()
"""unsent: wake-up messages the broker did not take."""


WORK: Final[steps.Steps] = {
    "route": lambda: RoutingService().route(now=timezone.now()),
    "deliver": lambda: OutboxService().deliver(now=timezone.now()),
}
SWEEP: Final[steps.Steps] = {
    "dial": lambda: DialingService().sweep(now=timezone.now()),
    "expire": lambda: RoutingService().sweep(now=timezone.now()),
    "settle": lambda: SettlingService().sweep(now=timezone.now()),
    **WORK,
    "count": lambda: IntervalService().count(now=timezone.now()),
}
RECONCILE: Final[steps.Steps] = {
    "submissions": lambda: SubmissionService().settle(now=timezone.now()),
    "compare": lambda: ReapingService().compare(now=timezone.now()),
    "recordings": lambda: LostRecordingService().look(now=timezone.now()),
}


@shared_task
def work() -> None:
    """Bring waiting callers and available agents together, and send what the outbox holds."""
    steps.take(WORK)


@shared_task
def sweep() -> None:
    """Do what time brings, and whatever a lost message left undone. Beat asks for it every `sweep_interval` seconds."""
    steps.take(SWEEP)


@shared_task
def reconcile() -> None:
    """Ask Twilio what it did not say: which calls were made or have ended, what was recorded. Each when it is due."""
    steps.take(RECONCILE)


@shared_task
def retention() -> None:
    """Delete a piece of what need not be kept any longer; beat asks for the next in a while."""
    RetentionService().run(now=timezone.now())


_broker: Final = CircuitBreaker(threshold=2, recovery=5)
"""A broker that does not answer is left alone for a while: a caller would wait for each of its time-outs."""


def wake(**_: Any) -> None:
    """Receiver of `signals.work_waiting`: ask a worker to look. With the broker away the next sweep finds the rows."""
    if not _broker.allows():
        counts["unsent"] += 1
        return
    try:
        work.apply_async(retry=False, ignore_result=True)
        _broker.succeeded()
    except (OperationalError, OSError) as error:
        _broker.failed()
        counts["unsent"] += 1
        logger.warning("no worker was woken, the next sweep will do: %s", error)
