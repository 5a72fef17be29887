"""What the cache did for each service, as plain integers of this process: `metrics` and the command collect them."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(slots=True)
class Counters:
    """One service's figures. `stale` is part of `hits`; `saved_s` is what the hits would have cost to compute."""

    hits: int = 0
    misses: int = 0
    stale: int = 0
    computations: int = 0
    uncached: int = 0
    errors: int = 0
    invalidations: int = 0
    computed_s: float = 0.0
    saved_s: float = 0.0

    @property
    def hit_rate(self) -> float | None:
        """Share of the calls that were answered from the cache, 0 to 1; None before the first."""
        calls = self.hits + self.misses + self.uncached
        return self.hits / calls if calls else None


_by_service: dict[str, Counters] = {}


def of(service: str) -> Counters:
    """The counters of a service; they begin with its first use."""
    found = _by_service.get(service)
    return found if found is not None else _by_service.setdefault(service, Counters())


def snapshot() -> dict[str, dict[str, float | None]]:
    """All of them, as plain data."""
    return {name: {**asdict(each), "hit_rate": each.hit_rate} for name, each in sorted(_by_service.items())}


def reset() -> None:
    """Begin at zero, for tests and benchmarks."""
    for each in _by_service.values():
        each.__init__()  # type: ignore[misc]  # those who hold one keep it
