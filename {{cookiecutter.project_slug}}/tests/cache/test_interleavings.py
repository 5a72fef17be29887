"""No order of computing, invalidating and expiring gives anybody a value from before the last invalidation they follow.

Threads of one process and of others stop at every round trip to the store, and hypothesis chooses who goes next. Now
and then the store does not answer one of them, who then computes without it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from django_twilio_call.cache.counters import Counters
from django_twilio_call.cache.guard import Guard
from django_twilio_call.cache.link import StoreAway
from django_twilio_call.cache.turns import Flight, Flights

from .stores import Clock, FakeStore

TAGS = ("s:queue",)


class SteppedStore(FakeStore):
    """Every round trip of a thread waits for its turn."""

    turns: Turns

    def _go(self) -> None:
        self.turns.pause()
        if self.turns.stalled():
            raise StoreAway("one does not get through")
        super()._go()


class SteppedFlights(Flights):
    """Whoever waits for another thread lets the others go on."""

    def __init__(self, turns: Turns) -> None:
        super().__init__()
        self._turns = turns

    def _landed(self, flight: Flight) -> bool:
        while not flight.result.done():
            self._turns.pause()
        return True


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

    def stall(self) -> None:
        """The next thing this thread asks of the store gets no answer."""
        self._mine.stalls = True

    def stalled(self) -> bool:
        stalls, self._mine.stalls = getattr(self._mine, "stalls", False), False
        return stalls

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
        st.lists(st.sampled_from(["read", "change", "wait", "stall"]), min_size=1, max_size=4),
        min_size=2,
        max_size=4,
    ),
    threads=st.booleans(),
    # Few changes between them, each after some steps: most races need no more, and are seldom met by dice alone.
    order=st.lists(st.tuples(st.integers(0, 3), st.integers(1, 8)), max_size=12),
)
# Those that dice seldom meet: a change while somebody of the same process computes, with the store and without it.
@example(actors=[["read"], ["change", "read"]], threads=True, order=[(0, 7), (1, 5)])
@example(actors=[["stall", "read"], ["change", "stall", "read"]], threads=True, order=[(0, 2), (1, 5)])
def test_no_reader_gets_a_value_older_than_an_invalidation_it_follows(
    actors: list[list[str]], threads: bool, order: list[tuple[int, int]]
) -> None:
    clock, turns = Clock(), Turns()
    store = SteppedStore(clock=clock)
    store.turns = turns
    source = acknowledged = 0
    stale: list[tuple[int, int]] = []

    def sleep(seconds: float) -> None:
        clock.now += seconds
        turns.pause()

    def process() -> Guard:
        guard = Guard(store, clock=clock, sleep=sleep)
        guard._flights = SteppedFlights(turns)
        return guard

    one = process()

    def actor(steps: list[str]) -> Callable[[], None]:
        guard = one if threads else process()

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
                elif step == "stall":
                    turns.stall()
                else:
                    clock.now += 60

        return work

    for steps in actors:
        turns.add(actor(steps))
    turns.run([number for number, steps in order for _ in range(steps)])

    assert stale == []
