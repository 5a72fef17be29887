"""The recorded day under three ways to keep answers, on PostgreSQL and Valkey.

One pass: writes are done once, and each question is put to (a) a uniform time-out of 300 s, (b) the services' time-outs
and (c) the project's own methods, each with values of its own; and to (d) a uniform time-out of 60 s, for what it costs
to be less stale without invalidation. Time is virtual: the guard takes a clock, and what the store keeps outlives the
replay. (a), (b) and (d) are a get, and a set after a miss, of each question's answer in the same store; as one question
is asked at a time, nobody stampedes, which only helps them. Their edits invalidate nothing. (c) keeps one answer for
all queues where they keep one for each. Computing is real, and so are the rows it reads: a month of calls, and the day
so far. What is no part of it: writes, which all have alike, and the project's board, which lives a second.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from typing import Any, Final

from . import stage
from .timing import percentile, table, verdict
from .trace import recorded

UNIFORM: Final = 300
MOST_OF_UNIFORM: Final = 0.6
SMALL: Final = (9.25 * 3600, 0.02)
"""For tests: up to a quarter past nine, after a fiftieth of the calls."""


def main(*, full: bool) -> bool:
    """Replay and print; answers whether the limits were met."""
    del full
    with stage.servers(database=True):
        met = _day()
        from . import commits

        return commits.main() and met


def small() -> dict[str, float]:
    """The counts of a short day."""
    with stage.servers(database=True):
        replay, meter, costs = _replayed(*SMALL)
        uniform, _, ours, _ = (policy.name for policy in replay.policies)
        return {
            "edits": replay.edited,
            "computing": _cost(ours, meter, costs) / _cost(uniform, meter, costs),
            "queries": meter.queries[ours] / meter.queries[uniform],
            "stale without invalidation": len(replay.policies[0].stale),
            "stale": len(replay.policies[2].stale),
            "disagreeing": len(replay.disagreeing()),
        }


def _day() -> bool:
    began = time.monotonic()
    replay, meter, costs = _replayed()
    print(f"A day of {recorded()['seed']} replayed in {time.monotonic() - began:.0f} s; {replay.edited} edits")
    _print_policies(replay.policies, meter, costs)
    _print_questions(replay.policies, meter, costs)
    uniform, _, ours, _ = replay.policies
    computing = _cost(ours.name, meter, costs) / _cost(uniform.name, meter, costs)
    met = verdict("(c)'s computing ÷ (a)'s", computing, MOST_OF_UNIFORM)
    queries = meter.queries[ours.name] / meter.queries[uniform.name]
    met = verdict("(c)'s queries ÷ (a)'s", queries, MOST_OF_UNIFORM) and met
    met = verdict("(c)'s edits whose invalidation was not acknowledged", replay.not_acknowledged, 0) and met
    met = verdict("(c)'s reads older than an acknowledged invalidation", len(ours.stale), 0) and met
    return verdict("questions with another answer when asked plainly", len(replay.disagreeing()), 0) and met


def _replayed(*size: float) -> tuple[Any, Any, dict[str, float]]:
    """The replay, done; the meter; and what each kind of answer costs."""
    timeouts = _set_up()
    from .policies import Ours, TimeoutOnly, meter
    from .replay import Replay, Size

    uniform = TimeoutOnly("(a) 300 s for all", timeouts=dict.fromkeys(timeouts, UNIFORM))
    seeds = TimeoutOnly("(b) services' time-outs", timeouts=timeouts)
    ours = Ours("(c) ours")
    fresher = TimeoutOnly("(d) 60 s for all", timeouts=dict.fromkeys(timeouts, 60))
    replay = Replay(recorded(), (uniform, seeds, ours, fresher), Size(*size))
    replay.prepare()
    replay.run()
    ours.leave()
    return replay, meter, _typical(meter.seconds)


def _set_up() -> dict[str, int]:
    """Django with the time-outs of production, which are the constants'; answers those."""
    from django_twilio_call.constants import SERVICE_CACHE_TIMEOUTS

    stage.set_up(patient=True, **SERVICE_CACHE_TIMEOUTS)
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    return dict(SERVICE_CACHE_TIMEOUTS)


def _typical(seconds: dict[tuple[str, str], list[float]]) -> dict[str, float]:
    """What computing each kind of answer costs, in seconds: the median over all policies, so that noise is nobody's."""
    by_kind: dict[str, list[float]] = {}
    for (_, what), each in seconds.items():
        by_kind.setdefault(what, []).extend(each)
    return {what: statistics.median(each) for what, each in by_kind.items()}


def _cost(policy: str, meter: Any, costs: dict[str, float]) -> float:
    """Seconds of computing: misses times what each costs."""
    return sum(len(each) * costs[what] for (name, what), each in meter.seconds.items() if name == policy)


def _print_policies(policies: Sequence[Any], meter: Any, costs: dict[str, float]) -> None:
    first = policies[0].name
    rows = []
    for policy in policies:
        reads, misses = sum(policy.reads.values()), sum(policy.reads.values()) - sum(policy.hits.values())
        cost, queries = _cost(policy.name, meter, costs), meter.queries[policy.name]
        rows.append(
            (
                policy.name,
                f"{reads:,}",
                f"{1 - misses / reads:.2%}",
                f"{misses:,}",
                f"{cost:.1f}",
                f"{cost / _cost(first, meter, costs):.2f}",
                f"{queries:,}",
                f"{queries / meter.queries[first]:.2f}",
                f"{len(policy.stale):,}",
                f"{percentile(policy.stale, 0.99):.0f}",
                f"{max(policy.stale, default=0):.0f}",
            )
        )
    head = ("", "reads", "hits", "misses", "computing s", "× (a)", "queries", "× (a)", "stale reads", "p99 s", "max s")
    table("The recorded day; stale: older than a committed edit of what it is computed from", head, rows)


def _print_questions(policies: Sequence[Any], meter: Any, costs: dict[str, float]) -> None:
    rows = []
    for what, cost in sorted(costs.items()):
        computed = [len(meter.seconds.get((policy.name, what), ())) for policy in policies]
        rows.append((what, f"{cost * 1000:.2f}", *(f"{each:,}" for each in computed)))
    table("Computations of each kind", ("", "ms each", *(policy.name for policy in policies)), rows)
    services = sorted({service for policy in policies for service in policy.reads})
    rows = [
        (
            service,
            f"{policies[0].reads[service]:,}",
            *(f"{policy.hits[service] / policy.reads[service]:.2%}" for policy in policies),
            *(f"{percentile(policy.ages[service], 0.99):.0f}" for policy in policies),
        )
        for service in services
    ]
    head = ("", "reads", *(f"hits {policy.name[:3]}" for policy in policies))
    table("Each service", (*head, *(f"age p99 s {policy.name[:3]}" for policy in policies)), rows)
