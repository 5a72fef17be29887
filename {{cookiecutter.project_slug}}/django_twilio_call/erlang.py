"""Erlang C: how many agents a volume of calls needs, if calls come at random and nobody hangs up.

Textbook formulas, by the recursion for Erlang B, which stays within 0 and 1: 10,000 agents are as exact as ten. Times
are in seconds, probabilities and shares 0 to 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from .exceptions import ValidationError

MOST: Final = 100_000
"""Agents beyond which nothing is computed: a slip in the input, not a call center."""


@dataclass(frozen=True, slots=True)
class Staffing:
    """What so many agents give. `wait_probability` 1 and `average_wait_s` infinite: they never catch up."""

    agents: int
    traffic: float
    wait_probability: float
    service_level: float
    average_wait_s: float
    occupancy: float


def traffic(*, calls: float, period_s: float, handle_time_s: float) -> float:
    """Offered load in erlangs: the conversations that would go on at once if nobody ever waited."""
    if calls < 0 or handle_time_s < 0 or period_s <= 0:
        raise ValidationError(f"{calls} calls of {handle_time_s} s in {period_s} s: none may be below 0")
    return calls * handle_time_s / period_s


def staffing(*, agents: int, load: float, handle_time_s: float, threshold_s: float) -> Staffing:
    """What `agents` give at that load: how many are answered within the threshold, and how long callers wait."""
    return _of(agents, load, _blocked(agents, load), handle_time_s, threshold_s)


def agents_needed(*, load: float, handle_time_s: float, threshold_s: float, target: float) -> Staffing:
    """The fewest agents with whom at least `target` (0 to 1) of the calls are answered within the threshold."""
    if not 0 <= target < 1:
        raise ValidationError(f"target {target} must be at least 0 and below 1")
    if load > MOST:
        raise ValidationError(f"{load:.0f} erlangs are more than {MOST}")
    blocked, agents = 1.0, 0
    while agents <= load or _of(agents, load, blocked, handle_time_s, threshold_s).service_level < target:
        if load == 0:
            return Staffing(0, 0.0, 0.0, 1.0, 0.0, 0.0)
        agents += 1
        blocked = load * blocked / (agents + load * blocked)
    return _of(agents, load, blocked, handle_time_s, threshold_s)


def on_payroll(agents: int, *, shrinkage: float) -> int:
    """How many must be employed for so many to be at work; `shrinkage` is the share of time away (0 to below 1)."""
    if not 0 <= shrinkage < 1:
        raise ValidationError(f"shrinkage {shrinkage} must be at least 0 and below 1")
    return math.ceil(round(agents / (1 - shrinkage), 9))


def _blocked(agents: int, load: float) -> float:
    """Erlang B: the share of calls that would find nobody free, if they did not wait."""
    blocked = 1.0
    for number in range(1, agents + 1):
        blocked = load * blocked / (number + load * blocked)
    return blocked


def _of(agents: int, load: float, blocked: float, handle_time_s: float, threshold_s: float) -> Staffing:
    if load == 0:
        return Staffing(agents, 0.0, 0.0, 1.0, 0.0, 0.0)
    if agents <= load:
        return Staffing(agents, load, 1.0, 0.0, math.inf, 1.0)
    spare = agents - load
    waits = blocked / (1 - load / agents * (1 - blocked))
    level = 1 - waits * math.exp(-spare * threshold_s / handle_time_s) if handle_time_s else 1.0
    return Staffing(agents, load, waits, level, waits * handle_time_s / spare, load / agents)
