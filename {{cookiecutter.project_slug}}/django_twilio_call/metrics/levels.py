"""Which figures are a warning, or critical, by `ErrorThresholds`: what a pager is told where nobody writes rules."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from ..constants import ErrorThresholds as E

LIMITS: Final[Mapping[str, tuple[float, float]]] = {
    "error_rate": (E.WARNING_ERROR_RATE, E.CRITICAL_ERROR_RATE),
    "response_time": (E.WARNING_RESPONSE_TIME, E.CRITICAL_RESPONSE_TIME),
    "queue_time": (E.WARNING_QUEUE_TIME, E.CRITICAL_QUEUE_TIME),
}
"""What -> (warning from, critical from)."""


class Since:
    """What this pod's webhooks did since it was last asked: errors of the past must not alarm for ever."""

    def __init__(self) -> None:
        self._before: dict[str, Counter[str]] = {}
        self._lock = threading.Lock()

    def figures(self, counted: Mapping[str, Counter[str]]) -> Iterator[tuple[str, float]]:
        """(what, how much): of a hundred webhooks so many fell back; one took so long on average. None: nothing."""
        with self._lock:
            before, self._before = self._before, {name: Counter(counted[name]) for name in counted}
        new = {name: Counter(counted[name]) for name in ("webhooks", "seconds", "latency")}
        for name, counter in new.items():
            counter.subtract(before.get(name, Counter()))
        outcomes: Counter[str] = Counter()
        for key, number in new["webhooks"].items():
            outcomes[key.rpartition("|")[2]] += number
        if (asked := outcomes["answered"] + outcomes["fallback"]) > 0:
            yield "error_rate", 100 * outcomes["fallback"] / asked
        if (took := sum(new["latency"].values())) > 0:
            yield "response_time", sum(new["seconds"].values()) / took


def level(what: str, figure: float) -> int:
    """0: fine, 1: a warning, 2: critical."""
    return sum(figure >= limit for limit in LIMITS[what])
