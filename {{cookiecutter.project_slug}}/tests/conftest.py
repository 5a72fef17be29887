"""What all tests share: the clock, a small call center, Twilio as it calls us, and what may not be skipped."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from django.contrib.auth import get_user_model
from django.core.cache import cache
from pytest_django import Settings

from django_twilio_call.constants import AgentStatus
from django_twilio_call.media import get_media
from django_twilio_call.models import Agent, AgentStateSpan, Queue, QueueMembership

from .fakes import FakeTelephony, Twilio
from .media import Recordings, serve

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """With `REQUIRE=browser,containers` a test marked so fails instead of being skipped: nothing hides in CI."""
    report: pytest.TestReport = yield  # type: ignore[assignment]
    required = set(filter(None, os.environ.get("REQUIRE", "").split(",")))
    if report.skipped and not hasattr(report, "wasxfail") and required & {mark.name for mark in item.iter_markers()}:
        report.outcome = "failed"
        report.longrepr = f"required, but skipped: {report.longrepr}"
    return report  # type: ignore[return-value]


@pytest.fixture(autouse=True)
def _empty_cache() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def now() -> datetime:
    """A Monday morning."""
    return NOW


@pytest.fixture
def twilio() -> Twilio:
    """Twilio, calling us with signed requests."""
    return Twilio()


@pytest.fixture
def telephony() -> FakeTelephony:
    """Twilio's REST API, remembering what it was asked."""
    return FakeTelephony()


@pytest.fixture
def recordings(settings: Settings) -> Iterator[Recordings]:
    """Twilio's recordings, over HTTP."""
    with serve() as there:
        settings.TWILIO_API_BASE_URL = there.url
        get_media.cache_clear()
        yield there
    get_media.cache_clear()


@pytest.fixture
def queue(db: None) -> Queue:
    """A queue that callers reach with 1."""
    return Queue.objects.create(key="support", name="Support", digit="1", wrap_up_time=10, max_wait=600)


@pytest.fixture
def agent(queue: Queue) -> Agent:
    """An agent of the queue, available since a minute past nine."""
    return make_agent("ada", queue)


def make_agent(name: str, *queues: Queue, state: str = AgentStatus.AVAILABLE, since: datetime | None = None) -> Agent:
    """An agent of these queues in a state."""
    user = get_user_model().objects.create(username=name)
    agent = Agent.objects.create(user=user, name=name.title())
    QueueMembership.objects.bulk_create(QueueMembership(queue=queue, agent=agent) for queue in queues)
    AgentStateSpan.objects.create(agent=agent, state=state, started_at=since or NOW.replace(minute=1))
    return agent
