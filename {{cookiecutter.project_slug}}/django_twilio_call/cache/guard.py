"""The one way a value is computed, kept and given again: right while it is invalidated, and computed once.

A value is kept with the generations it was computed under: of everything, of its service, of its tags. A generation
is a random mark of its own key. To invalidate is to delete the mark: O(1), whatever depends on it. Who then reads
finds another mark, or none, and the value does not count. That holds for a value still being computed meanwhile too,
because its generations were read before the computing began.
"""

from __future__ import annotations

import logging
import random
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Final

from ..exceptions import CacheValueError
from . import codec
from .counters import Counters
from .kept import MARK, Kept, Valid, from_bytes, generation
from .store import GENERATION_OF_ALL, Store, StoreAway

logger = logging.getLogger(__name__)

EARLY: Final = (0.02, 0.05)
"""Last share of its time in which a value is computed anew by one caller, while the others still get it. Drawn for each
value, so that those computed together are not renewed together; more for one that takes long to compute."""

LEASE: Final = 5.0
"""Seconds after which whoever computes counts as dead. Longer for a value that took longer the last time."""

PAUSES: Final = (0.002, 0.03)
"""Seconds between looks for a value that somebody else computes: from, growing, to."""


class Guard:
    """Gives values out of a store. `clock` is the wall clock's, since several machines share the store."""

    def __init__(
        self,
        store: Store,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.store = store
        self._clock = clock
        self._sleep = sleep
        self._flights: dict[tuple[str, bytes], Future[Any]] = {}
        self._lock = threading.Lock()

    def get(self, key: str, tags: Sequence[str], seconds: float, compute: Callable[[], Any], counters: Counters) -> Any:
        """The value of a key that depends on `tags`, kept for `seconds`; computed if need be, by one caller alone."""
        try:
            kept, marks = self.read(key, tags)
        except StoreAway:
            counters.errors += 1
            return self._alone(compute, counters)
        found = self.valid(kept, marks, counters)
        try:
            if found is None:
                counters.misses += 1
                return self._missing(key, tags, marks, seconds, compute, counters)
            if self._clock() >= found.early:
                lease = max(LEASE, 3 * found.cost)
                if self.store.add(_lock(key), b"1", lease):
                    counters.misses += 1
                    return self._locked(key, tags, seconds, compute, counters, lease=lease)
                counters.stale += 1
        except StoreAway:
            counters.errors += 1
            return found.value if found is not None else self._alone(compute, counters)
        counters.hits += 1
        counters.saved_s += found.cost
        return found.value

    def peek(self, key: str, tags: Sequence[str], default: Any = None) -> Any:
        """The value if it is there and valid; computes nothing and counts nothing."""
        try:
            kept, marks = self.read(key, tags)
            if kept is not None and kept.marks == marks and self._clock() < kept.expires:
                return codec.loads(kept.payload)
        except (StoreAway, CacheValueError):
            pass
        return default

    def forget(self, tags: Sequence[str]) -> bool:
        """Invalidate all that depends on any of these; answers whether the store said so (see `Store.forget`)."""
        return self.store.forget([generation(tag) for tag in tags])

    def forget_all(self) -> bool:
        """Invalidate everything."""
        return self.store.forget([GENERATION_OF_ALL])

    def drop(self, key: str) -> bool:
        """Remove one value; answers whether the store said so."""
        return self.store.forget([key])

    def read(self, key: str, tags: Sequence[str]) -> tuple[Kept | None, bytes | None]:
        """The value and the marks as they are now, in one round trip; no marks when one of them is missing."""
        data, *marks = self.store.read((key, GENERATION_OF_ALL, *map(generation, tags)))
        return from_bytes(data), None if None in marks else b"".join(marks)  # type: ignore[arg-type]

    def _marked(self, key: str, tags: Sequence[str]) -> bytes | None:
        """Make the marks that are missing, and read all of them; None when the store does not keep them."""
        for name in (GENERATION_OF_ALL, *map(generation, tags)):
            self.store.add(name, secrets.token_bytes(MARK), None)
        return self.read(key, tags)[1]

    def _missing(
        self,
        key: str,
        tags: Sequence[str],
        marks: bytes | None,
        seconds: float,
        compute: Callable[[], Any],
        counters: Counters,
    ) -> Any:
        """Compute, or wait for whoever does: one thread of this process acts, and gives the others its result.

        Only those who read the same marks share it: a computation that began before an invalidation must not be
        given to a caller who came after it.
        """
        marks = marks if marks is not None else self._marked(key, tags)
        if marks is None:
            return self._alone(compute, counters)
        with self._lock:
            flight = self._flights.get((key, marks))
            if leads := flight is None:
                flight = self._flights[key, marks] = Future()
        assert flight is not None  # noqa: S101  # for the type checker
        if not leads:
            return flight.result()
        try:
            value = self._take_turns(key, tags, seconds, compute, counters)
        except BaseException as error:
            flight.set_exception(error)
            raise
        else:
            flight.set_result(value)
            return value
        finally:
            with self._lock:
                del self._flights[key, marks]

    def _take_turns(
        self, key: str, tags: Sequence[str], seconds: float, compute: Callable[[], Any], counters: Counters
    ) -> Any:
        """Among processes the lock in the store decides. One that dies with it loses it, and the next one computes."""
        pause, longest = PAUSES
        while not self.store.add(_lock(key), b"1", LEASE):
            self._sleep(pause)
            pause = min(pause * 1.5, longest)
            kept, marks = self.read(key, tags)
            if (found := self.valid(kept, marks, counters)) is not None:
                return found.value
        return self._locked(key, tags, seconds, compute, counters, lease=LEASE)

    def _locked(
        self,
        key: str,
        tags: Sequence[str],
        seconds: float,
        compute: Callable[[], Any],
        counters: Counters,
        *,
        lease: float,
    ) -> Any:
        """With the lock held: look once more, for whoever had it before may have just been here; else compute and keep.

        An error of the computing is the caller's: nothing is kept, and the lock is free.
        """
        began = time.perf_counter()
        try:
            kept, marks = self.read(key, tags)
            if (found := self.valid(kept, marks, counters)) is not None and self._clock() < found.early:
                return found.value
            value, cost = self.computed(compute, counters)
            if marks is not None and not self._keep(key, marks, seconds, value, cost=cost):
                counters.errors += 1
            return value
        finally:
            # Later the lock would be somebody else's.
            if time.perf_counter() - began < lease:
                self._unlock(key, counters)

    def _unlock(self, key: str, counters: Counters) -> None:
        try:
            self.store.delete(_lock(key))
        except StoreAway:
            counters.errors += 1

    def valid(self, kept: Kept | None, marks: bytes | None, counters: Counters) -> Valid | None:
        """The value as it was kept, if it counts now; one that cannot be read, of an older release say, does not."""
        if kept is None or kept.marks != marks or self._clock() >= kept.expires:
            return None
        try:
            return Valid(codec.loads(kept.payload), kept.early, kept.cost)
        except CacheValueError:
            counters.errors += 1
            return None

    def _keep(self, key: str, marks: bytes, seconds: float, value: Any, *, cost: float) -> bool:
        try:
            self.store.write(key, self.packed(marks, seconds, value, cost), seconds)
        except StoreAway:
            return False
        return True

    def packed(self, marks: bytes, seconds: float, value: Any, cost: float) -> bytes:
        now = self._clock()
        # In time for the new one to be there when this one ends.
        early = now + max(seconds / 2, seconds - max(random.uniform(*EARLY) * seconds, 2 * cost))
        return Kept(early, now + seconds, cost, marks, codec.dumps(value)).to_bytes()

    def _alone(self, compute: Callable[[], Any], counters: Counters) -> Any:
        """Without the store."""
        counters.uncached += 1
        return self.computed(compute, counters)[0]

    def computed(self, compute: Callable[[], Any], counters: Counters) -> tuple[Any, float]:
        """The value, and the seconds it cost."""
        began = time.perf_counter()
        value = compute()
        cost = time.perf_counter() - began
        counters.computations += 1
        counters.computed_s += cost
        return value, cost


def _lock(key: str) -> str:
    return f"{key}:lock"
