"""A published flow with a caller in it, and a callback whose turn has come."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from datetime import datetime
from typing import Any

import pytest
from django.utils import timezone

from django_twilio_call.models import Agent, Calendar, CallbackRequest, IVRFlow, IVRVersion, Queue, Reservation
from django_twilio_call.services import AgentService, DialingService, FlowService, RoutingService
from tests.fakes import Twilio
from tests.services.test_flow_check import WHOLE

from .test_walk import enqueue

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


@pytest.fixture
def offering(queue: Queue) -> Queue:
    queue.offer_callback = queue.offer_voicemail = True
    queue.save()
    return queue


@pytest.fixture
def request_(twilio: Twilio, offering: Queue) -> CallbackRequest:
    """A caller has asked for a callback and gone."""
    entry = enqueue(twilio)
    twilio.post(f"/twilio/ask/?entry={entry.pk}&at=5", Digits="1")
    twilio.post(f"/twilio/queue/?entry={entry.pk}&then=goodbye", QueueResult="leave")
    twilio.post(f"/twilio/onward/?entry={entry.pk}")
    return CallbackRequest.objects.get()


@pytest.fixture
def lined_up(agent: Agent, request_: CallbackRequest) -> Reservation:
    """The turn of the callback has come, and an agent has accepted it."""
    now = timezone.now()
    DialingService().sweep(now=now)
    RoutingService().route(now=now)
    return AgentService().accept(reservation_id=Reservation.objects.get().pk, agent_id=agent.pk, now=now)
