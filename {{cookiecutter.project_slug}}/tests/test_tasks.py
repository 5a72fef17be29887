"""Messages only wake: what is to be done stands in rows."""

from __future__ import annotations

import pytest
from celery import current_app
from kombu.exceptions import OperationalError

from django_twilio_call import tasks
from django_twilio_call.models import Agent, QueueEntry, Reservation
from django_twilio_call.retry import CircuitBreaker
from tests.fakes import Twilio
from tests.webhooks.test_walk import enqueue


class NoBroker:
    """A producer whose broker is gone."""

    def __call__(self, *_: object, **__: object) -> None:
        raise OperationalError("connection refused")


@pytest.fixture(autouse=True)
def _a_broker_nobody_gave_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "_broker", CircuitBreaker(threshold=2, recovery=5))


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the messages sent, instead of a broker."""
    names: list[str] = []
    monkeypatch.setattr(current_app, "send_task", lambda name, *_, **__: names.append(name))
    monkeypatch.setattr(tasks.work, "apply_async", lambda **_: names.append(tasks.work.name))
    return names


@pytest.mark.django_db(transaction=True)
def test_a_caller_in_the_queue_wakes_a_worker_after_the_commit(twilio: Twilio, agent: Agent, sent: list[str]) -> None:
    enqueue(twilio)

    assert sent == ["django_twilio_call.tasks.work"]


@pytest.mark.django_db(transaction=True)
def test_without_a_broker_the_caller_is_queued_all_the_same(
    twilio: Twilio, agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    unsent = tasks.counts["unsent"]
    monkeypatch.setattr(tasks.work, "apply_async", NoBroker())

    enqueue(twilio)

    assert QueueEntry.objects.count() == 1
    assert tasks.counts["unsent"] == unsent + 1


def test_a_dead_broker_is_asked_twice_and_then_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    class Dead:
        def __call__(self, *_: object, **__: object) -> None:
            asked.append(1)
            raise OperationalError("timed out")

    monkeypatch.setattr(tasks.work, "apply_async", Dead())

    for _ in range(10):
        tasks.wake()

    assert len(asked) == 2


@pytest.mark.django_db
def test_the_sweep_finds_a_caller_whose_message_was_lost(twilio: Twilio, agent: Agent) -> None:
    enqueue(twilio)

    tasks.sweep()

    assert Reservation.objects.count() == 1
