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
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from ..exceptions import CacheValueError
from . import codec
from .counters import Counters
from .kept import MARK, Kept, Valid, from_bytes, generation, generations
from .store import GENERATION_OF_ALL, Store, StoreAway
from .turns import Flights, Turns

logger = logging.getLogger(__name__)

EARLY: Final = (0.02, 0.05)
"""Last share of its time in which a value is computed anew by one caller, while the others still get it. Drawn for each
value, so that those computed together are not renewed together; more for one that takes long to compute."""


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
        self._flights = Flights()
        self._turns = Turns(store, sleep)

    def get(self, key: str, tags: Sequence[str], seconds: float, compute: Callable[[], Any], counters: Counters) -> Any:
        """The value of a key that depends on `tags`, kept for `seconds`; computed if need be, by one caller alone."""
        begun = self._flights.begun
        try:
            kept, marks = self.read(key, tags)
        except StoreAway:
            counters.errors += 1
            return self._alone(key, compute, counters, since=begun)
        found = self.valid(kept, marks, counters)
        try:
            if found is None:
                counters.misses += 1
                return self._missing(key, tags, marks, seconds, compute, counters)
            if found.stale:
                if (turn := self._turns.take(_lock(key))) is not None:
                    counters.misses += 1
                    with turn:
                        return self._renewed(key, tags, seconds, compute, counters)
                counters.stale += 1
        except StoreAway:
            counters.errors += 1
            return found.value if found is not None else self._alone(key, compute, counters, since=begun)
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
        data, *marks = self.store.read((key, *generations(*tags)))
        return from_bytes(data), None if None in marks else b"".join(marks)  # type: ignore[arg-type]

    def _marked(self, key: str, tags: Sequence[str]) -> bytes | None:
        """Make the marks that are missing, and read all of them; None when the store does not keep them."""
        for name in generations(*tags):
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
            return self._alone(key, compute, counters, since=self._flights.begun)
        return self._flights.share((key, marks), lambda: self._in_turn(key, tags, seconds, compute, counters))

    def _in_turn(
        self, key: str, tags: Sequence[str], seconds: float, compute: Callable[[], Any], counters: Counters
    ) -> Any:
        """Among processes the lock in the store decides. One that dies with it loses it, and the next one computes."""
        turn, found = self._turns.wait(_lock(key), lambda: self.valid(*self.read(key, tags), counters))
        if turn is None:
            return found.value  # type: ignore[union-attr]  # one of the two
        with turn:
            return self._renewed(key, tags, seconds, compute, counters)

    def _renewed(
        self, key: str, tags: Sequence[str], seconds: float, compute: Callable[[], Any], counters: Counters
    ) -> Any:
        """In one's turn: look once more, for whoever had it before may have just been here; else compute and keep.

        An error of the computing is the caller's: nothing is kept, and it is the next one's turn.
        """
        kept, marks = self.read(key, tags)
        if (found := self.valid(kept, marks, counters)) is not None and not found.stale:
            return found.value
        value, cost = self.computed(compute, counters)
        if marks is not None and not self._keep(key, marks, seconds, value, cost=cost):
            counters.errors += 1
        return value

    def valid(self, kept: Kept | None, marks: bytes | None, counters: Counters) -> Valid | None:
        """The value as it was kept, if it counts now; one that cannot be read, of an older release say, does not."""
        if kept is None or kept.marks != marks or (now := self._clock()) >= kept.expires:
            return None
        try:
            return Valid(codec.loads(kept.payload), now >= kept.early, kept.cost)
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

    def _alone(self, key: str, compute: Callable[[], Any], counters: Counters, *, since: int) -> Any:
        """Without the store; together with the callers of this process who want the same, or a stall of the store would
        have each of them compute. Only what began after the caller had come may be shared: another process may have
        changed what an older computation has read.
        """
        counters.uncached += 1
        return self._flights.share((key, None), lambda: self.computed(compute, counters)[0], since=since)

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
