"""Candidates that take turns, and tables of what they took."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

Candidates = Mapping[str, Callable[[], Any]]
ROUNDS: Final = 31
CALLS: Final = 200


def cpu_per_call(candidates: Candidates, rounds: int = ROUNDS, calls: int = CALLS) -> dict[str, float]:
    """CPU of this process for one call of each, in µs: the median of rounds in which they take turns."""
    return _medians(candidates, rounds, calls, time.process_time)


def time_per_call(candidates: Candidates, rounds: int = ROUNDS, calls: int = CALLS) -> dict[str, float]:
    """Elapsed µs for one call of each, measured the same way."""
    return _medians(candidates, rounds, calls, time.perf_counter)


def _medians(candidates: Candidates, rounds: int, calls: int, clock: Callable[[], float]) -> dict[str, float]:
    took: dict[str, list[float]] = {name: [] for name in candidates}
    for call in candidates.values():
        for _ in range(max(calls // 4, 1)):
            call()
    names = list(candidates)
    for number in range(rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            call = candidates[name]
            began = clock()
            for _ in range(calls):
                call()
            took[name].append((clock() - began) / calls)
    return {name: statistics.median(each) * 1e6 for name, each in took.items()}


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share of them does not exceed; 0 for none."""
    return sorted(values)[min(int(share * len(values)), len(values) - 1)] if values else 0.0


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print aligned columns below a title."""
    lines = [[str(cell) for cell in row] for row in (head, *rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    print(f"\n{title}")
    for line in lines:
        first, *others = (
            cell.ljust(width) if not number else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        print("  " + "  ".join([first, *others]))


def verdict(what: str, figure: float, limit: float, unit: str = "") -> bool:
    """Print a figure against its limit; answers whether it was met."""
    met = figure <= limit
    print(f"  {'met' if met else 'NOT MET'}: {what} {figure:.4g}{unit} (limit {limit:g}{unit})", flush=True)
    return met
