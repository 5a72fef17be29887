"""One computes and the others wait: threads of a process, processes, and whoever finds the store away."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from django_twilio_call.cache.bulk import BulkGuard
from django_twilio_call.cache.turns import LEASE, LONGEST, Turns

from .stores import Bench, Clock


@pytest.fixture
def bench() -> Bench:
    return Bench()


def until(so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not so():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_threads_that_miss_together_compute_once(bench: Bench) -> None:
    started, results = threading.Barrier(8), []

    def slow() -> Any:
        threading.Event().wait(0.1)
        return bench.next()

    def call() -> None:
        started.wait()
        results.append(bench.get(slow))

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert results == [1] * 8


def test_whoever_dies_while_computing_holds_up_nobody_for_longer_than_the_lease(bench: Bench) -> None:
    bench.store.add("k:lock", b"1", LEASE)  # and was killed
    began = bench.clock.now

    assert bench.get() == 1
    assert bench.clock.now - began <= LEASE + 0.1


def test_whoever_lives_and_computes_for_long_is_waited_for(bench: Bench) -> None:
    turns, others = (Turns(bench.store, clock=bench.clock) for _ in range(2))
    turn = turns.take("k:lock")
    assert turn is not None

    for _ in range(4):
        bench.clock.now += LEASE / 2
        turns.prolong()
        assert others.take("k:lock") is None

    with turn:
        pass
    assert others.take("k:lock") is not None


def test_whoever_lives_and_never_ends_is_not_waited_for(bench: Bench) -> None:
    turns, others = (Turns(bench.store, clock=bench.clock) for _ in range(2))
    turns.take("k:lock")

    while bench.clock.now < Clock.now + LONGEST + LEASE:
        bench.clock.now += LEASE / 2
        turns.prolong()

    assert others.take("k:lock") is not None


def test_who_has_lost_a_turn_does_not_end_the_next_ones(bench: Bench) -> None:
    turns, others = (Turns(bench.store, clock=bench.clock) for _ in range(2))
    lost = turns.take("k:lock")
    assert lost is not None
    bench.clock.now += LEASE + 1
    assert others.take("k:lock") is not None

    with lost:
        pass

    assert Turns(bench.store, clock=bench.clock).take("k:lock") is None


def test_with_the_store_away_threads_that_come_together_compute_once(bench: Bench) -> None:
    bench.store.away = True
    begun, go_on, results = threading.Event(), threading.Event(), []

    def slow() -> Any:
        begun.set()
        assert go_on.wait(5)
        return bench.next()

    threads = [threading.Thread(target=lambda: results.append(bench.get(slow))) for _ in range(8)]
    threads[0].start()
    assert begun.wait(5)
    for thread in threads[1:]:
        thread.start()
    until(lambda: bench.counters.uncached == 8)
    go_on.set()
    for thread in threads:
        thread.join()

    assert sorted(results) == [1] + [2] * 7  # the others came after the first had begun: perhaps rows changed since


def test_what_is_missing_of_many_is_computed_by_one_process_at_a_time(bench: Bench) -> None:
    asked, begun, go_on = [], threading.Event(), threading.Event()
    results: list[dict[str, Any]] = []

    def compute(keys: list[str]) -> dict[str, str]:
        asked.append(keys)
        begun.set()
        assert go_on.wait(5)
        return dict.fromkeys(keys, "kept")

    def many(guard: BulkGuard, *keys: str) -> None:
        results.append(guard.get_many("days", dict.fromkeys(keys, "s:queue"), 100, compute, bench.counters))

    first = threading.Thread(target=many, args=(bench.guard, "a", "b"))
    others = [threading.Thread(target=many, args=(bench.another(sleep=time.sleep), "b", "c")) for _ in range(3)]
    first.start()
    assert begun.wait(5)
    for thread in others:
        thread.start()
    until(lambda: bench.counters.misses == 8)
    go_on.set()
    for thread in (first, *others):
        thread.join()

    assert asked == [["a", "b"], ["c"]]
    assert all(set(found.values()) == {"kept"} and len(found) == 2 for found in results)
