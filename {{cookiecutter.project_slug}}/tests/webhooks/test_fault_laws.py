"""The laws under every class of fault, and under all at once: nobody is lost, nobody in two calls, everything ends."""

from __future__ import annotations

import pytest
from django.test import override_settings

from .world import World

pytestmark = pytest.mark.django_db

FAULTS = ("duplicate", "delay", "reorder", "drop", "lose", "slow", "refuse", "trouble", "vanish")
CLASSES = ("voice", "agent", "gather", "queue", "wait", "status", "conference", "dial", "recording")
EVERYTHING = (
    "webhook:duplicate=0.05,webhook:delay=0.05,webhook:reorder=0.05,webhook:lose=0.02,webhook:drop=0.02,"
    "webhook:slow=0.02,status:vanish=0.05,conference:vanish=0.05,recording:vanish=0.2,"
    "update:gone=0.05,rest:limit=0.05,rest:fail=0.05,rest:error=0.1,rest:cut=0.05,rest:slow=0.05@9,enqueue:full=0.02"
)


def hold(
    faults: str,
    seed: int,
    monkeypatch: pytest.MonkeyPatch,
    *,
    calls: int = 5,
    agents: int = 4,
    callbacks: float = 0.3,
    transfers: float = 0.3,
) -> World:
    world = World(faults, seed, monkeypatch, callbacks=callbacks, transfers=transfers)
    world.go(calls=calls, agents=agents)
    verdict = world.verdict()
    assert not any(verdict.values()), (faults, seed, {name: found for name, found in verdict.items() if found})
    return world


def test_the_laws_hold_without_faults(monkeypatch: pytest.MonkeyPatch) -> None:
    hold("", 1, monkeypatch)


def test_the_laws_hold_with_names_of_a_namespace() -> None:
    with override_settings(DJANGO_TWILIO_NAMESPACE="staging"), pytest.MonkeyPatch.context() as monkeypatch:
        world = hold("", 1, monkeypatch, transfers=1)

    names = {room.name for room in world.exchange.conferences.all}
    assert names
    assert all(name.startswith("staging_reservation-") for name in names)


@pytest.mark.parametrize("kind", CLASSES)
def test_whatever_happens_to_a_class_of_webhooks(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shares = (f"{kind}:{fault}=0.12" for fault in FAULTS)
    world = hold(",".join(shares), 1, monkeypatch, transfers=1 if kind == "dial" else 0.3)

    assert sum(world.faults.counts.values()) > 0, "nothing happened to one: the world must be larger"


def test_whatever_happens_to_the_text_of_a_message() -> None:
    shares = (f"transcription:{fault}=0.12" for fault in FAULTS)

    with override_settings(DJANGO_TWILIO_ENABLE_TRANSCRIPTION=True), pytest.MonkeyPatch.context() as monkeypatch:
        world = hold(",".join(shares), 1, monkeypatch, calls=8, agents=1, callbacks=0)

    assert sum(world.faults.counts.values()) > 0


@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_class_of_webhooks_it_happens_to(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    hold(f"webhook:{fault}={0.7 if fault == 'vanish' else 0.2}", 2, monkeypatch)


@pytest.mark.parametrize("fault", ["limit", "fail", "error", "slow=9", "cut", "drop"])
def test_whatever_twilios_api_does(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, _, seconds = fault.partition("=")
    hold(f"rest:{name}=0.4" + (f"@{seconds}" if seconds else ""), 3, monkeypatch)


@pytest.mark.parametrize("fault", ["error", "cut", "fail"])
def test_nobody_is_called_twice_whatever_is_said_of_a_call(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    world = hold(f"create:{fault}=0.7", 5, monkeypatch, agents=1, callbacks=1, transfers=0)  # so that most have to wait

    assert world.faults.counts[f"create:{fault}"] > 0


def test_whoever_hangs_up_as_they_are_to_be_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    world = hold("update:gone=0.3", 6, monkeypatch)

    assert world.faults.counts["update:gone"] > 0


def test_a_queue_that_is_full_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    hold("enqueue:full=0.3", 4, monkeypatch)


@pytest.mark.parametrize("seed", range(1, 4))
def test_everything_at_once(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    hold(EVERYTHING, seed, monkeypatch, calls=9)
