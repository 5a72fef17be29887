"""The laws under every class of fault, and under all at once: nobody is lost, nobody in two calls, everything ends."""

from __future__ import annotations

import pytest

from .world import World

pytestmark = pytest.mark.django_db

CLASSES = ("voice", "agent", "gather", "queue", "wait", "status", "conference")
EVERYTHING = (
    "webhook:duplicate=0.05,webhook:delay=0.05,webhook:reorder=0.05,webhook:lose=0.02,webhook:drop=0.02,"
    "webhook:slow=0.02,status:vanish=0.05,conference:vanish=0.05,"
    "rest:limit=0.05,rest:fail=0.05,rest:error=0.1,rest:cut=0.05,rest:slow=0.05@9,enqueue:full=0.02"
)


def hold(faults: str, seed: int, monkeypatch: pytest.MonkeyPatch, *, calls: int = 12) -> World:
    world = World(faults, seed, monkeypatch)
    world.go(calls=calls, agents=4)
    verdict = world.verdict()
    assert not any(verdict.values()), (faults, seed, {name: found for name, found in verdict.items() if found})
    return world


def test_the_laws_hold_without_faults(monkeypatch: pytest.MonkeyPatch) -> None:
    hold("", 1, monkeypatch)


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("fault", ["duplicate", "delay", "reorder", "lose", "slow", "drop"])
def test_whatever_happens_to_a_webhook(kind: str, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    hold(f"{kind}:{fault}=0.3", 1, monkeypatch, calls=6)
