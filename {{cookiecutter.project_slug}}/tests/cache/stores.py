"""A store for tests that remembers, and goes away when told; and a guard on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django_twilio_call.cache.bulk import BulkGuard
from django_twilio_call.cache.counters import Counters
from django_twilio_call.cache.guard import Guard
from django_twilio_call.cache.link import StoreAway
from django_twilio_call.cache.store import Store


@dataclass
class Clock:
    """A wall clock that stands until it is moved."""

    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class FakeStore(Store):
    """Bytes with an end, by a clock of the test's; `away` makes every call fail, `trips` counts the round trips."""

    clock: Clock = field(default_factory=Clock)
    data: dict[str, tuple[bytes, float]] = field(default_factory=dict)
    away: bool = False
    trips: int = 0

    def _go(self) -> None:
        self.trips += 1
        if self.away:
            raise StoreAway("told to be")

    def read(self, keys: Sequence[str]) -> list[bytes | None]:
        self._go()
        return [found[0] if (found := self.data.get(key)) and found[1] > self.clock() else None for key in keys]

    def write(self, key: str, data: bytes, seconds: float) -> None:
        self._go()
        self.data[key] = (data, self.clock() + seconds)

    def write_many(self, entries: dict[str, bytes], seconds: float) -> None:
        for key, data in entries.items():
            self.write(key, data, seconds)

    def add(self, key: str, data: bytes, seconds: float | None) -> bool:
        if self.read([key]) != [None]:
            return False
        self.data[key] = (data, float("inf") if seconds is None else self.clock() + seconds)
        return True

    def prolong(self, key: str, seconds: float) -> None:
        self._go()
        if key in self.data:
            self.data[key] = (self.data[key][0], self.clock() + seconds)

    def delete(self, key: str) -> None:
        self._go()
        self.data.pop(key, None)

    def forget(self, keys: Sequence[str]) -> bool:
        try:
            for key in keys:
                self.delete(key)
        except StoreAway:
            return False
        return True


class Bench:
    """A guard on a store and a clock of its own, and a value that is counted each time it is computed."""

    TAGS = ("s:queue",)

    def __init__(self) -> None:
        self.clock = Clock()
        self.store = FakeStore(clock=self.clock)
        self.counters = Counters()
        self.guard = self.another()
        self.answer: Any = 0

    def another(self, sleep: Callable[[float], None] | None = None) -> BulkGuard:
        """The guard of another process on the same store."""
        return BulkGuard(self.store, clock=self.clock, sleep=sleep or self._pass)

    def _pass(self, seconds: float) -> None:
        self.clock.now += seconds

    def next(self) -> Any:
        self.answer += 1
        return self.answer

    def get(self, compute: Callable[[], Any] | None = None, *, key: str = "k", guard: Guard | None = None) -> Any:
        return (guard or self.guard).get(key, self.TAGS, 100, compute or self.next, self.counters)
