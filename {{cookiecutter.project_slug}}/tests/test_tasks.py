"""Messages only wake: what is to be done stands in rows."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from celery import current_app
from kombu.exceptions import OperationalError

from django_twilio_call import steps, tasks
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


def broken() -> None:
    raise KeyError("nobody expected that")


def test_a_step_that_fails_keeps_no_other_from_being_taken_is_counted_and_lets_the_task_fail() -> None:
    taken: list[str] = []
    before = steps.counts["second"]

    with pytest.raises(KeyError, match="nobody expected"):
        steps.take({"first": lambda: taken.append("first"), "second": broken, "third": lambda: taken.append("third")})

    assert taken == ["first", "third"]
    assert steps.counts["second"] == before + 1


def test_of_several_failures_the_first_is_told_and_all_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(KeyError):
        steps.take({"first": broken, "second": lambda: 1 / 0})

    assert [record.message for record in caplog.records] == ["the step 'first' failed", "the step 'second' failed"]
    assert all(record.exc_info for record in caplog.records)


@pytest.mark.django_db
@pytest.mark.parametrize("step", ["dial", "expire", "settle", "deliver", "count"])
def test_whatever_fails_in_the_sweep_callers_get_their_agents(
    twilio: Twilio, agent: Agent, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    enqueue(twilio)
    monkeypatch.setitem(tasks.SWEEP, step, broken)

    with pytest.raises(KeyError):
        tasks.sweep()

    assert Reservation.objects.count() == 1


@pytest.mark.parametrize(
    ("task", "chosen"), [(tasks.work, tasks.WORK), (tasks.reconcile, tasks.RECONCILE)], ids=["work", "reconcile"]
)
def test_the_other_tasks_take_all_their_steps_as_well(
    monkeypatch: pytest.MonkeyPatch, task: Callable[[], None], chosen: steps.Steps
) -> None:
    before = {name: steps.counts[name] for name in chosen}
    for name in chosen:
        monkeypatch.setitem(chosen, name, broken)

    with pytest.raises(KeyError):
        task()

    assert {name: steps.counts[name] - before[name] for name in chosen} == dict.fromkeys(chosen, 1)
