"""Who asks a cache, changes what it computes from, and knows which answers would be wrong."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

CHANGES_EVERY: Final = 10
SLOW: Final = 0.2
"""A call that took longer has paid a time-out, which is a quarter second."""

TAG: Final = "m:benchmarks.fault"


@dataclass
class World:
    """What is asked for, a number that only grows, and which of its changes every reader must see by now."""

    link: Any
    version: int = 0
    acknowledged: int = 0
    unsaid: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def change(self) -> None:
        """One more, and invalidate."""
        from django_twilio_call.cache import invalidate_tags

        with self.lock:
            self.version = version = self.version + 1
        said = invalidate_tags(TAG)
        with self.lock:
            if said:
                self.acknowledged = max(self.acknowledged, version)
            else:
                self.unsaid = max(self.unsaid, version)

    def least(self) -> int:
        """What a read that begins now must not be older than."""
        if self.unsaid > self.acknowledged:
            with self.lock:
                unsaid = self.unsaid
                if not self.link.away:
                    self.acknowledged = max(self.acknowledged, unsaid)
        return self.acknowledged


@dataclass
class Seen:
    """What one caller met."""

    calls: int = 0
    failed: int = 0
    wrong: int = 0
    slow: list[float] = field(default_factory=list)

    def call(self, world: World, answer: Callable[[], int]) -> None:
        """Ask, and look at the answer."""
        least = world.least()
        began = time.perf_counter()
        try:
            value = answer()
            if self.calls % CHANGES_EVERY == 0:
                world.change()
        except Exception:  # noqa: BLE001  # whatever it is, the caller would have had it
            self.failed += 1
        else:
            self.wrong += value < least
        self.calls += 1
        if (took := time.perf_counter() - began) > SLOW:
            self.slow.append(took)
