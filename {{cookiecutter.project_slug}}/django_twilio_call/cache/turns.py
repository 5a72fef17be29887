"""Whose turn it is to compute: one thread's of a process, and one process's of all that share the store."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future, wait
from types import TracebackType
from typing import Any, Final, TypeVar

from .store import Store, StoreAway

F = TypeVar("F")

LEASE: Final = 5.0
"""Seconds after which a process that computed counts as dead: as long as it lives, it says so more often than that."""

LONGEST: Final = 60.0
"""Seconds after which nobody waits any longer for a computation that does not end."""

PAUSES: Final = (0.002, 0.03)
"""Seconds between looks for a value that somebody else computes: from, growing, to."""


class Flight:
    """One computation; the `next` one of the same name is that of somebody who waited for this one."""

    __slots__ = ("next", "number", "result")

    def __init__(self, number: int) -> None:
        self.number = number
        self.result: Future[Any] = Future()
        self.next: Flight | None = None


class Flights:
    """Computations under way in this process, whose results are given to all who ask for the same meanwhile."""

    def __init__(self) -> None:
        self.begun = 0
        """How many began so far: who notes it can ask for a result of none of those."""
        self._under_way: dict[Hashable, Flight] = {}
        self._lock = threading.Lock()

    def share(self, name: Hashable, act: Callable[[], Any], *, since: int = -1) -> Any:
        """The result of `act`, or of somebody's who acts under the same name and began after `since` had.

        One who began before is waited for, so that there is only one at a time, but not asked. Errors are shared too.
        """
        before: Flight | None = None
        while True:
            with self._lock:
                flight = (before and before.next) or self._under_way.get(name)
                if flight is None:
                    self.begun += 1
                    flight = self._under_way[name] = Flight(self.begun)
                    if before is not None:
                        before.next = flight
                    break
            if not self._landed(flight):
                self._over(name, flight)
            elif flight.number > since:
                return flight.result.result()
            before = flight
        return self._lead(name, flight, act)

    def _lead(self, name: Hashable, flight: Flight, act: Callable[[], Any]) -> Any:
        try:
            value = act()
        except BaseException as failed:
            flight.result.set_exception(failed)
            raise
        else:
            flight.result.set_result(value)
            return value
        finally:
            self._over(name, flight)

    def _landed(self, flight: Flight) -> bool:
        """Wait for it; whether that did not take too long."""
        return bool(wait([flight.result], LONGEST).done)

    def _over(self, name: Hashable, flight: Flight) -> None:
        with self._lock:
            if self._under_way.get(name) is flight:
                del self._under_way[name]


class Turns:
    """Locks in the store, each for as long as its holder lives and computes."""

    def __init__(
        self,
        store: Store,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.store = store
        self._sleep = sleep
        self._clock = clock
        self._held: dict[str, tuple[float, float]] = {}  # name -> since when, and until when if nobody prolongs it
        self._changed = threading.Condition()
        self._keeper = (0, threading.current_thread())

    def take(self, name: str) -> Turn | None:
        """The turn, unless somebody has it. Raises `StoreAway`."""
        now = self._clock()
        if not self.store.add(name, b"1", LEASE):
            return None
        with self._changed:
            self._held[name] = now, now + LEASE
            if self._keeper[0] != os.getpid():  # none yet, or it was left behind by a fork
                keeper = threading.Thread(target=self._keep, name="cache-leases", daemon=True)
                self._keeper = (os.getpid(), keeper)
                keeper.start()
            self._changed.notify()
        return Turn(self, name)

    def wait(self, name: str, look: Callable[[], F | None]) -> tuple[Turn | None, F | None]:
        """The turn, or what `look` has found meanwhile. Raises `StoreAway`."""
        pause, longest = PAUSES
        while (turn := self.take(name)) is None:
            self._sleep(pause)
            pause = min(pause * 1.5, longest)
            if (found := look()) is not None:
                return None, found
        return turn, None

    def give_back(self, name: str) -> None:
        """Let the next one in, unless the turn was lost: then it may be somebody else's."""
        with self._changed:
            _, until = self._held.pop(name, (0.0, 0.0))
        if self._clock() < until:
            with contextlib.suppress(StoreAway):
                self.store.delete(name)

    def _keep(self) -> None:
        """Prolong what is held, in a thread of its own: a busy machine makes no computation die."""
        while True:
            with self._changed:
                while not self._held:
                    self._changed.wait()
            time.sleep(LEASE / 3)
            self.prolong()

    def prolong(self) -> None:
        """Say that the holders live, those who have not begun just now or too long ago."""
        now = self._clock()
        for name, (began, until) in list(self._held.items()):
            if LEASE / 3 <= now - began < LONGEST and now < until:
                with contextlib.suppress(StoreAway):
                    self.store.prolong(name, LEASE)
                    with self._changed:
                        if name in self._held:
                            self._held[name] = began, now + LEASE


class Turn:
    """A turn, until the block ends."""

    __slots__ = ("_name", "_turns")

    def __init__(self, turns: Turns, name: str) -> None:
        self._turns, self._name = turns, name

    def __enter__(self) -> None:
        """It began when it was taken."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._turns.give_back(self._name)
