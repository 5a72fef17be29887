"""How to try again, and when to leave a thing alone: back-off and circuit breaker. Knows nothing of what is tried."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits between tries, in seconds: each `multiplier` times the one before and at most `max_delay`, or `delays`."""

    max_retries: int
    base_delay: float
    max_delay: float
    multiplier: float
    delays: tuple[float, ...] = ()

    @classmethod
    def from_config(cls, retry: Mapping[str, Any]) -> Backoff:
        """From what `get_retry_config` gives."""
        base, delays = retry["base_delay"], tuple(retry.get("delays", ()))
        return cls(retry["max_retries"], base, retry.get("max_delay", base), retry.get("multiplier", 1), delays)

    def within(self, place: Backoff) -> Backoff:
        """This rule, a kind of error's own, where somebody waits: of both the shorter waits and the more tries."""
        return replace(
            self,
            max_retries=max(self.max_retries, place.max_retries),
            base_delay=min(self.base_delay, place.base_delay),
            max_delay=min(self.max_delay, place.max_delay),
            multiplier=min(self.multiplier, place.multiplier),
        )

    def delay(self, attempt: int, *, jitter: Callable[[], float] | None = None) -> float:
        """Seconds to wait after failed try number `attempt`, from 1. With `jitter`, a random part of it."""
        if self.delays:
            wait = self.delays[min(attempt, len(self.delays)) - 1]
        else:
            # The exponent is bounded, or a long row of failures overflows.
            wait = min(self.base_delay * self.multiplier ** min(attempt - 1, 64), self.max_delay)
        return wait * jitter() if jitter else wait


full_jitter: Callable[[], float] = random.random
"""Spreads tries over the whole wait, so that those who failed together do not come back together."""


class CircuitBreaker:
    """Leaves a thing alone for `recovery` seconds after `threshold` failures in a row, then lets one try through."""

    __slots__ = ("_clock", "_failures", "_lock", "_opened_at", "recovery", "threshold")

    def __init__(self, *, threshold: int, recovery: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.threshold = threshold
        self.recovery = recovery
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._opened_at: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether it leaves the thing alone."""
        return self._opened_at is not None

    def allows(self) -> bool:
        """Whether to try now. While it is open only one caller in `recovery` seconds is let through."""
        if self._opened_at is None:
            return True
        with self._lock:
            if self._opened_at is None or self._clock() - self._opened_at < self.recovery:
                return self._opened_at is None
            self._opened_at = self._clock()  # the others wait for this one's result
            return True

    def succeeded(self) -> None:
        """The try went well."""
        if self._failures:
            with self._lock:
                self._failures, self._opened_at = 0, None

    def failed(self) -> None:
        """The try went wrong."""
        with self._lock:
            self._failures += 1
            if self._failures >= self.threshold:
                self._opened_at = self._clock()
