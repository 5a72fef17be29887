"""No order of computing, invalidating and expiring gives anybody a value from before the last invalidation they follow.

Two processes run as generators that stop at every round trip to the store; hypothesis chooses who goes next.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from django_twilio_call.cache.counters import Counters
from django_twilio_call.cache.guard import Guard

from .stores import Clock, FakeStore

TAGS = ("s:queue",)


class SteppedStore(FakeStore):
    """Every round trip of a thread waits for its turn."""

    turns: Turns

    def _go(self) -> None:
        self.turns.pause()
        super()._go()


class Turns:
    """Threads that run one at a time, from one pause to the next, in the order the test chooses."""

    def __init__(self) -> None:
        self._turn: dict[int, threading.Semaphore] = {}
        self._back = threading.Semaphore(0)
        self._threads: list[threading.Thread] = []
        self._done: set[int] = set()
        self._mine = threading.local()
        self._steps = 0
        self._last: dict[int, int] = {}

    def add(self, work: Callable[[], None]) -> None:
        number = len(self._threads)
        self._turn[number] = threading.Semaphore(0)

        def run() -> None:
            self._mine.number = number
            self._turn[number].acquire()
            try:
                work()
            finally:
                self._done.add(number)
                self._back.release()

        self._threads.append(threading.Thread(target=run, daemon=True))
        self._threads[-1].start()

    def pause(self) -> None:
        number = getattr(self._mine, "number", None)
        if number is not None:
            self._back.release()
            self._turn[number].acquire()

    def run(self, order: Sequence[int]) -> None:
        """Let them go on in this order, and then in turn, until all are done."""
        count = len(self._threads)
        queue = [choice % count for choice in order]
        while len(self._done) < count:
            number = queue.pop(0) if queue else min(set(range(count)) - self._done, key=lambda n: self._last.get(n, 0))
            if number in self._done:
                continue
            self._steps += 1
            self._last[number] = self._steps
            self._turn[number].release()
            self._back.acquire()


@settings(max_examples=400, deadline=None)
@given(
    actors=st.lists(
        st.lists(st.sampled_from(["read", "change", "wait"]), min_size=1, max_size=4), min_size=2, max_size=4
    ),
    # Few changes between them, each after some steps: most races need no more, and are seldom met by dice alone.
    order=st.lists(st.tuples(st.integers(0, 3), st.integers(1, 8)), max_size=12),
)
def test_no_reader_gets_a_value_older_than_an_invalidation_it_follows(
    actors: list[list[str]], order: list[tuple[int, int]]
) -> None:
    clock, turns = Clock(), Turns()
    store = SteppedStore(clock=clock)
    store.turns = turns
    source = acknowledged = 0
    stale: list[tuple[int, int]] = []

    def actor(steps: list[str]) -> Callable[[], None]:
        guard = Guard(store, clock=clock, sleep=lambda seconds: sleep(seconds))

        def sleep(seconds: float) -> None:
            clock.now += seconds
            turns.pause()

        def compute() -> int:
            value = source  # read from the database
            turns.pause()  # and the rest of the computing
            return value

        def work() -> None:
            nonlocal source, acknowledged
            for step in steps:
                if step == "read":
                    least = acknowledged
                    got: Any = guard.get("k", TAGS, 100, compute, Counters())
                    if got < least:
                        stale.append((got, least))
                elif step == "change":
                    source += 1
                    now = source
                    turns.pause()  # committed, and not yet invalidated
                    if guard.forget(TAGS):
                        acknowledged = max(acknowledged, now)
                else:
                    clock.now += 60

        return work

    for steps in actors:
        turns.add(actor(steps))
    turns.run([number for number, steps in order for _ in range(steps)])

    assert stale == []
