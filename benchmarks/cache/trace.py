"""A call center's day as it was drawn once, and how: `python -m benchmarks.cache.trace` draws and writes it again.

The draw was committed before the code that replays it, and is not to be changed for the sake of a result. Its figures
are a mid-size center's: 40 agents, 6 queues, some 2,400 calls between 8 and 20 o'clock with two peaks; 4 wall screens
that ask for every queue and for the roster every 10 s; 5 supervisors whose dashboards ask for today's figures every
minute, and who look something up in the past every 20 minutes or so; and what is changed in a day: 12 edits of queues,
30 moves of agents between queues, 6 edits of agents.
"""

from __future__ import annotations

import gzip
import heapq
import json
import random
from pathlib import Path
from typing import Any, Final

SEED: Final = 20260302
FILE: Final = Path(__file__).with_name("day.json.gz")
OPENS, CLOSES = 8 * 3600, 20 * 3600
AGENTS: Final = 40
QUEUE_SHARES: Final = (0.35, 0.25, 0.15, 0.10, 0.10, 0.05)
HALF_HOUR_CALLS: Final = (
    *(45, 70, 95, 125, 150, 155, 140, 115, 90, 85, 95, 115),  # 8 to 14 o'clock
    *(140, 145, 135, 120, 110, 100, 90, 80, 70, 55, 45, 30),  # 14 to 20
)
PATIENCE: Final = 180.0
HANDLING: Final = (5.48, 0.6)  # of a lognormal: median 240 s, mean 287 s
WRAP_UP: Final = 15.0
SHIFTS: Final = ((8, 14), (10, 12), (12, 14))  # begins at, agents; each lasts 8 hours, with a lunch and two breaks
SCREENS: Final = 4
SCREEN_EVERY: Final = 10.0
SUPERVISORS: Final = 5
DASHBOARD_EVERY: Final = 60.0
LOOK_UP_EVERY: Final = 1200.0
EDITS: Final = {"queue": 12, "membership": 30, "agent": 6}

Event = list[Any]
"""[seconds since midnight, kind, …]; the kinds are listed in `generate`."""


def generate(seed: int = SEED) -> dict[str, Any]:
    """The day. Kinds of events: `arrives call queue`, `answered call agent`, `ends call`, `abandons call`,
    `state agent state`, `look-up supervisor days-back days queue-or-0`, `edit what which how`; times in tenths of a
    second, queues from 1. Pollers are (what, which, from, to, every): they are as regular as machines are.
    """
    chance = random.Random(seed)
    agents = [{"queues": sorted(chance.sample(range(1, 7), 2))} for _ in range(AGENTS)]
    calls = _arrivals(chance)
    events = [*_duty(chance), *_looked_up(chance), *_edited(chance)]
    events += _answered(chance, calls, agents, _on_duty(events))
    events += [[began, "arrives", number, queue] for number, (began, queue) in enumerate(calls)]
    rounded = [[round(event[0] * 10), *event[1:]] for event in events]
    return {
        "seed": seed,
        "agents": agents,
        "pollers": _pollers(chance),
        "events": sorted(rounded, key=lambda event: (event[0], str(event[1:]))),
    }


def _arrivals(chance: random.Random) -> list[tuple[float, int]]:
    calls = []
    for half_hour, mean in enumerate(HALF_HOUR_CALLS):
        at = OPENS + half_hour * 1800.0
        end = at + 1800
        while (at := at + chance.expovariate(mean / 1800)) < end:
            calls.append((at, chance.choices(range(1, 7), QUEUE_SHARES)[0]))
    return calls


def _duty(chance: random.Random) -> list[Event]:
    """When agents come, pause and go."""
    events: list[Event] = []
    agent = 0
    for hour, number in SHIFTS:
        for _ in range(number):
            begins = hour * 3600 + chance.uniform(-300, 300)
            events += [[begins, "state", agent, "available"], [begins + 8 * 3600, "state", agent, "offline"]]
            for after, lasts in ((2.0, 900), (4.0, 1800), (6.0, 900)):
                pauses = begins + after * 3600 + chance.uniform(-900, 900)
                events += [[pauses, "state", agent, "on_break"], [pauses + lasts, "state", agent, "available"]]
            agent += 1
    return events


def _on_duty(events: list[Event]) -> dict[int, list[tuple[float, float]]]:
    """Agent -> the periods in which they take calls."""
    periods: dict[int, list[tuple[float, float]]] = {agent: [] for agent in range(AGENTS)}
    since: dict[int, float] = {}
    for at, kind, agent, state in sorted((event for event in events if event[1] == "state"), key=lambda each: each[0]):
        del kind
        if state == "available":
            since[agent] = at
        elif agent in since:
            periods[agent].append((since.pop(agent), at))
    return periods


def _answered(
    chance: random.Random,
    calls: list[tuple[float, int]],
    agents: list[dict[str, Any]],
    duty: dict[int, list[tuple[float, float]]],
) -> list[Event]:
    """First come, first served, by the agent who is free first among those of the queue; or the caller hangs up."""
    events: list[Event] = []
    free = [(periods[0][0], agent) for agent, periods in duty.items() if periods]
    heapq.heapify(free)
    for number, (arrived, queue) in enumerate(calls):
        patience = chance.expovariate(1 / PATIENCE)
        takes = chance.lognormvariate(*HANDLING)
        passed: list[tuple[float, int]] = []
        taken = None
        while free and taken is None:
            at, agent = heapq.heappop(free)
            starts = _free_from(max(at, arrived), duty[agent])
            if starts is None:
                continue  # gone home
            if queue not in agents[agent]["queues"] or starts > max(at, arrived):
                passed.append((max(at, starts) if queue in agents[agent]["queues"] else at, agent))
                continue
            taken = (starts, agent)
        for each in passed:
            heapq.heappush(free, each)
        if taken is not None and taken[0] - arrived <= patience:
            starts, agent = taken
            events += [[starts + 2, "answered", number, agent], [starts + 2 + takes, "ends", number]]
            heapq.heappush(free, (starts + 2 + takes + WRAP_UP, agent))
        else:
            events.append([arrived + patience, "abandons", number])
            if taken is not None:
                heapq.heappush(free, taken)
    return events


def _free_from(at: float, periods: list[tuple[float, float]]) -> float | None:
    for begins, ends in periods:
        if at < ends:
            return max(at, begins)
    return None


def _looked_up(chance: random.Random) -> list[Event]:
    """Supervisors ask about the past: yesterday, the last week or the last month, of all queues or of one."""
    events: list[Event] = []
    for supervisor in range(SUPERVISORS):
        at = OPENS + chance.uniform(0, LOOK_UP_EVERY)
        while at < CLOSES:
            back, days = chance.choice(((1, 1), (7, 7), (30, 30)))
            events.append([at, "look-up", supervisor, back, days, chance.choice((0, 0, 0, 1, 2, 3, 4, 5, 6))])
            at += chance.expovariate(1 / LOOK_UP_EVERY)
    return events


def _edited(chance: random.Random) -> list[Event]:
    """Mostly at the day's beginning and after lunch, as far as queues go; agents are moved when it gets busy."""
    hours = {"queue": (8, 8, 9, 13, 14, 17), "membership": (9, 10, 10, 11, 13, 14, 15, 16), "agent": (8, 9, 13)}
    return [
        [chance.choice(hours[what]) * 3600 + chance.uniform(0, 3600), "edit", what, chance.randrange(240), number]
        for what, times in EDITS.items()
        for number in range(times)
    ]


def _pollers(chance: random.Random) -> list[Event]:
    pollers: list[Event] = []
    for _ in range(SCREENS):
        phase = OPENS + chance.uniform(0, SCREEN_EVERY)
        pollers += [["screen", queue, round(phase, 1), CLOSES, SCREEN_EVERY] for queue in range(1, 7)]
        pollers.append(["roster", 0, round(phase, 1), CLOSES, SCREEN_EVERY])
    for number in range(SUPERVISORS):
        begins = (8 if number < 3 else 11) * 3600 + chance.uniform(0, 1200)
        for queue in (0, *sorted(chance.sample(range(1, 7), 2))):
            pollers.append(["dashboard", queue, round(begins, 1), round(begins + 8.5 * 3600, 1), DASHBOARD_EVERY])
    return pollers


def recorded() -> dict[str, Any]:
    """The day as it was committed."""
    day: dict[str, Any] = json.loads(gzip.decompress(FILE.read_bytes()))
    return day


if __name__ == "__main__":
    text = json.dumps(generate(), separators=(",", ":")).encode()
    FILE.write_bytes(gzip.compress(text, 9, mtime=0))
    print(f"{FILE.name}: {FILE.stat().st_size:,} bytes")
