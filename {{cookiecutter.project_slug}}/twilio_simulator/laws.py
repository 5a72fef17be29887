"""The laws no call breaks, checked from outside: what callers lived through against what the app remembers.

Pure functions over plain rows. They import neither the simulator nor the app, so neither can judge itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any, Final

Row = Mapping[str, Any]

TERMINAL: Final = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})
OUTCOMES: Final = ("answered", "abandoned", "overflowed")


def check(journal: Sequence[Row], rows: Iterable[Row]) -> dict[str, int]:
    """Counts of one run, with `lost` and `double_booked`. A row of either side is matched by its CallSid."""
    known = {row["call_sid"]: row for row in rows}
    callers = [leg for leg in journal if leg["role"] == "customer"]
    met = _met(journal)
    entries = [entry for leg in callers for entry in known.get(leg["call_sid"], {}).get("entries", ())]
    counts = {outcome: sum(entry["state"] == outcome for entry in entries) for outcome in OUTCOMES}
    received = sum(leg["call_sid"] in known for leg in callers)
    ended_before_queue = sum(leg["call_sid"] in known and not known[leg["call_sid"]]["entries"] for leg in callers)
    lost = sum(bool(why_lost(leg, known.get(leg["call_sid"]), leg["call_sid"] in met)) for leg in callers)
    return {
        "received": received,
        "ended_before_queue": ended_before_queue,
        "offered": len(entries),
        **counts,
        "lost": lost + abs(len(entries) - sum(counts.values())) + abs(received - ended_before_queue - _visitors(known, callers)),
        "double_booked": double_booked(journal),
    }


def why_lost(leg: Row, row: Row | None, met_an_agent: bool) -> str:
    """Why a caller counts as lost; "" when what they lived through is what the app remembers."""
    if row is None:
        return "the app does not know the call"
    if row["status"] not in TERMINAL or leg["ended_at"] is None:
        return "the call has not ended"
    if leg["error"]:
        return f"the caller heard an application error, {leg['error']}"
    if any(entry["state"] not in OUTCOMES for entry in row["entries"]):
        return "a visit to a queue has no outcome"
    outcome = row["entries"][-1]["state"] if row["entries"] else ""
    how = leg["left_queue"][-1] if leg["left_queue"] else ""
    if met_an_agent and outcome != "answered":
        return f"the caller talked to an agent, the app says {outcome or 'nothing'}"
    if outcome == "answered" and how != "redirected":
        return f"the app says answered, the caller left the queue by {how or 'nothing'}"
    if outcome == "abandoned" and leg["ended_by"] != "caller":
        return f"the app says abandoned, the call was ended by {leg['ended_by']}"
    return ""


def double_booked(journal: Iterable[Row]) -> int:
    """Pairs of legs in which one agent was in two conferences at one instant."""
    spans: dict[str, list[tuple[float, float]]] = {}
    for leg in journal:
        if leg["role"] == "agent":
            for _, joined, left in leg["conferences"]:
                spans.setdefault(leg["identity"], []).append((joined, left if left is not None else float("inf")))
    return sum(
        first[0] < second[1] and second[0] < first[1]
        for of_one_agent in spans.values()
        for first, second in combinations(of_one_agent, 2)
    )


def _met(journal: Iterable[Row]) -> set[str]:
    """CallSids of callers who were in a conference while an agent was."""
    rooms: dict[str, list[tuple[Row, float, float]]] = {}
    for leg in journal:
        for name, joined, left in leg["conferences"]:
            rooms.setdefault(name, []).append((leg, joined, left if left is not None else float("inf")))
    met = set()
    for legs in rooms.values():
        for (one, began, ended), (other, also_began, also_ended) in combinations(legs, 2):
            if {one["role"], other["role"]} == {"customer", "agent"} and began < also_ended and also_began < ended:
                met.add((one if one["role"] == "customer" else other)["call_sid"])
    return met


def _visitors(known: Mapping[str, Row], callers: Iterable[Row]) -> int:
    return sum(bool(known[leg["call_sid"]]["entries"]) for leg in callers if leg["call_sid"] in known)
