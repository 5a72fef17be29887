"""A value is computed once, kept, and never given to anybody who came after it was invalidated."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from django_twilio_call.cache.turns import LEASE

from .stores import Bench, FakeStore

TAGS = Bench.TAGS


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_value_is_computed_once(bench: Bench) -> None:
    assert [bench.get() for _ in range(3)] == [1, 1, 1]
    assert (bench.counters.misses, bench.counters.hits, bench.counters.computations) == (1, 2, 1)


def test_a_hit_is_one_round_trip(bench: Bench) -> None:
    bench.get()
    bench.store.trips = 0

    bench.get()

    assert bench.store.trips == 1


@pytest.mark.parametrize("value", [None, False, 0, "", [], {}])
def test_empty_answers_are_answers(bench: Bench, value: Any) -> None:
    calls: list[int] = []

    def compute() -> Any:
        calls.append(1)
        return value

    assert [bench.get(compute), bench.get(compute)] == [value, value]
    assert len(calls) == 1
    assert bench.guard.peek("k", TAGS, "nothing") == value


def test_after_its_time_it_is_computed_anew(bench: Bench) -> None:
    bench.get()
    bench.clock.now += 100

    assert bench.get() == 2


@pytest.mark.parametrize("tag", ["s:queue", "all"])
def test_an_invalidated_value_does_not_count(bench: Bench, tag: str) -> None:
    bench.get()

    assert bench.guard.forget([tag]) if tag != "all" else bench.guard.forget_all()

    assert bench.get() == 2


def test_invalidating_another_tag_changes_nothing(bench: Bench) -> None:
    bench.get()
    bench.guard.forget(["s:agent"])

    assert bench.get() == 1


def test_a_mark_that_was_evicted_takes_its_values_with_it(bench: Bench) -> None:
    bench.get()
    del bench.store.data["cc:g:s:queue"]

    assert [bench.get(), bench.get()] == [2, 2]


def test_a_value_computed_while_it_was_invalidated_is_given_once_and_not_kept(bench: Bench) -> None:
    def compute() -> Any:
        bench.guard.forget(TAGS)
        return bench.next()

    assert bench.get(compute) == 1
    assert bench.get() == 2


def test_a_caller_after_the_invalidation_does_not_share_a_computation_from_before_it(bench: Bench) -> None:
    read, go_on = threading.Event(), threading.Event()

    def slow() -> str:
        read.set()
        assert go_on.wait(5)
        return "old"

    first: list[Any] = []
    thread = threading.Thread(target=lambda: first.append(bench.get(slow)))
    thread.start()
    assert read.wait(5)
    bench.guard.forget(TAGS)
    bench.clock.now += LEASE  # the first one's lock is over for the second

    second = bench.get(lambda: "new")
    go_on.set()
    thread.join()

    assert (first, second) == (["old"], "new")
    assert bench.get() != "old"


def test_near_its_end_one_renews_a_value_and_the_others_still_get_it(bench: Bench) -> None:
    bench.get()
    bench.clock.now += 98.5
    other = bench.another()

    def compute() -> Any:
        assert bench.get(guard=other) == 1  # meanwhile
        return bench.next()

    assert bench.get(compute) == 2
    assert bench.get() == 2
    assert (bench.counters.stale, bench.counters.computations) == (1, 2)


def test_an_error_of_the_computing_is_the_callers_and_the_next_one_tries_again(bench: Bench) -> None:
    def fail() -> Any:
        raise LookupError("no such queue")

    with pytest.raises(LookupError, match="no such queue"):
        bench.get(fail)

    assert bench.get() == 1


def test_a_value_of_a_format_nobody_knows_is_a_miss(bench: Bench) -> None:
    bench.get()
    data, end = bench.store.data["k"]

    for unknown in (b"", b"\x02" + data[1:], data[:10], data[:-1]):
        bench.store.data["k"] = (unknown, end)
        assert bench.get() == bench.answer


def test_with_the_store_away_everybody_computes(bench: Bench) -> None:
    bench.get()
    bench.store.away = True

    assert [bench.get(), bench.get()] == [2, 3]
    assert (bench.counters.errors, bench.counters.uncached) == (2, 2)


def test_a_store_that_goes_away_in_the_middle_costs_nothing_but_the_keeping(bench: Bench) -> None:
    def compute() -> Any:
        bench.store.away = True
        return bench.next()

    assert bench.get(compute) == 1


def test_a_renewal_that_cannot_begin_gives_the_value_that_is_there(bench: Bench) -> None:
    bench.get()
    bench.clock.now += 98.5
    trips = bench.store.trips

    class HalfAway(FakeStore):
        def add(self, key: str, data: bytes, seconds: float | None) -> bool:
            self.away = True
            return super().add(key, data, seconds)

    bench.store.__class__ = HalfAway

    assert bench.get() == 1
    assert bench.store.trips > trips


def test_a_known_value_is_put_and_counts_until_it_is_invalidated(bench: Bench) -> None:
    assert bench.guard.put_many([("k", "s:queue", 100, "known"), ("j", "s:agent", 50, None)])

    assert bench.get() == "known"
    bench.guard.forget(["s:queue"])
    assert bench.guard.peek("k", TAGS) is None
    assert bench.guard.peek("j", ["s:agent"], "gone") is None
