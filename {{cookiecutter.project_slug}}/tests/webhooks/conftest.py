"""A published flow, and a caller in it."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from datetime import datetime
from typing import Any

import pytest

from django_twilio_call.models import Calendar, IVRFlow, IVRVersion, Queue
from django_twilio_call.services import FlowService
from tests.fakes import Twilio
from tests.services.test_flow_check import WHOLE

Publish = Callable[..., IVRVersion]


@pytest.fixture
def publish(queue: Queue, now: datetime) -> Publish:
    """Publish the whole flow with changed nodes."""
    Queue.objects.create(key="sales", name="Sales")
    Calendar.objects.create(key="office", name="Never", zone="UTC")
    flow = IVRFlow.objects.create(key="front", name="Front door")

    def published(**changes: dict[str, Any]) -> IVRVersion:
        flow.draft = deepcopy(WHOLE)
        for node, keys in changes.items():
            flow.draft["nodes"][node].update(keys)
        flow.save()
        return FlowService().publish(key="front", now=now)

    return published


def open_all_week() -> None:
    for day in range(7):
        Calendar.objects.get().opening_times.create(weekday=day, opens="00:00", closes="00:00")


@pytest.fixture
def asked(twilio: Twilio, publish: Publish) -> IVRVersion:
    """A caller who has heard the main menu."""
    version = publish()
    open_all_week()
    twilio.post("/twilio/voice/")
    return version
