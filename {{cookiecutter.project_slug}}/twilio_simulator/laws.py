"""The laws no call breaks, checked from outside: what callers lived through against what the app remembers.

Pure functions over plain rows. They import neither the simulator nor the app, so neither can judge itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from types import MappingProxyType
from typing import Any, Final

Row = Mapping[str, Any]

TERMINAL: Final = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})
NOBODY: Final[Mapping[str, int]] = MappingProxyType({})
OUTCOMES: Final = ("answered", "abandoned", "overflowed")


def check(journal: Sequence[Row], rows: Iterable[Row]) -> dict[str, int]:
    """Counts of one run, with `lost` and `double_booked`. A row of either side is matched by its CallSid."""
    known = {row["call_sid"]: row for row in rows}
    arrived = [known[leg["call_sid"]] for leg in _callers(journal) if leg["call_sid"] in known]
    entries = [entry for row in arrived for entry in row["entries"]]
    return {
        "received": len(arrived),
        "ended_before_queue": sum(not row["entries"] for row in arrived),
        "offered": len(entries),
        **{outcome: sum(entry["state"] == outcome for entry in entries) for outcome in OUTCOMES},
        "lost": len(lost(journal, known.values())),
        "double_booked": double_booked(journal),
    }


def lost(journal: Sequence[Row], rows: Iterable[Row], sent_on: Mapping[str, int] = NOBODY) -> dict[str, str]:
    """CallSids of the callers who are lost, and why: what they lived through is not what the app remembers.

    `sent_on`: how often agents sent a caller on. So many visits more the app may remember than the caller made: a
    transfer may be refused, and who is on the way may hang up or meet an agent before any queue.
    """
    known, met = {row["call_sid"]: row for row in rows}, _met(journal)
    verdicts = {
        leg["call_sid"]: why_lost(
            leg, known.get(leg["call_sid"]), met.get(leg["call_sid"], 0), sent_on.get(leg["call_sid"], 0)
        )
        for leg in _callers(journal)
    }
    return {sid: why for sid, why in verdicts.items() if why}


def why_lost(leg: Row, row: Row | None, met: int, sent_on: int = 0) -> str:
    """Why a caller counts as lost who met agents in so many conferences; "" for one who does not."""
    if row is None:
        return "the app does not know the call"
    if row["status"] not in TERMINAL or leg["ended_at"] is None:
        return "the call has not ended"
    if leg["error"]:
        return f"the caller heard an application error, {leg['error']}"
    entries = row["entries"]
    if any(entry["state"] not in OUTCOMES for entry in entries):
        return "a visit to a queue has no outcome"
    if len(entries) > max(len(leg["left_queue"]), 1) + sent_on:
        return f"the app remembers {len(entries)} visits to a queue, the caller made {len(leg['left_queue'])}"
    # A transfer that Twilio refused is remembered as a visit to which nobody ever came.
    made = [entry for entry in entries if not sent_on or entry.get("overflow_reason") != "trouble"]
    return _contradiction(leg, [entry["state"] for entry in made], met)


def _rooms(leg: Row) -> set[str]:
    return {name for name, _, _ in leg["conferences"]}


def _contradiction(leg: Row, outcomes: Sequence[str], met: int) -> str:
    """What the caller lived through that does not go with the outcomes of their visits, if anything."""
    left, outcome = leg["left_queue"][-1] if leg["left_queue"] else "", outcomes[-1] if outcomes else ""
    answered, rooms = outcomes.count("answered"), len(_rooms(leg))
    if left and not outcome:
        return f"the caller left a queue by {left}, the app knows of no visit"
    if met and not answered:
        return f"the caller talked to an agent, the app says {outcome or 'nothing'}"
    if met > answered:
        return f"the caller talked to agents {met} times, the app says {answered}"
    if outcome == "answered" and not leg["fetched"]:
        return "the app says answered, and never fetched the caller"
    # Fetched so soon that the document with <Enqueue> was still on its way, a caller never was in the queue.
    if outcome == "answered" and left not in ("", "redirected"):
        return f"the app says answered, the caller left the queue by {left}"
    # Who hangs up on the way to the agent was answered and met nobody; whoever arrived must have met one.
    if outcome == "answered" and met < answered and (rooms > met or leg["ended_by"] != "caller"):
        return "the app says answered, the caller met nobody"
    if outcome == "abandoned" and leg["ended_by"] != "caller":
        return f"the app says abandoned, the call was ended by {leg['ended_by']}"
    if outcome == "overflowed" and left in ("hangup", "redirected"):
        return f"the app says overflowed, the caller left the queue by {left}"
    return ""


def double_booked(journal: Iterable[Row]) -> int:
    """Pairs of legs in which one agent was in two conferences at one instant."""
    spans: dict[str, list[tuple[float, float]]] = {}
    for leg in journal:
        if leg["role"] == "agent":
            for _, joined, left in leg["conferences"]:
                spans.setdefault(leg["identity"], []).append((joined, _until(left)))
    return sum(
        first[0] < second[1] and second[0] < first[1]
        for of_one_agent in spans.values()
        for first, second in combinations(of_one_agent, 2)
    )


def _met(journal: Iterable[Row]) -> dict[str, int]:
    """CallSid of a caller -> in how many conferences they were while an agent was."""
    rooms: dict[str, list[tuple[Row, float, float]]] = {}
    for leg in journal:
        for name, joined, left in leg["conferences"]:
            rooms.setdefault(name, []).append((leg, joined, _until(left)))
    met: dict[str, int] = {}
    for legs in rooms.values():
        together = {
            (one if one["role"] == "customer" else other)["call_sid"]
            for (one, began, ended), (other, also_began, also_ended) in combinations(legs, 2)
            if {one["role"], other["role"]} == {"customer", "agent"} and began < also_ended and also_began < ended
        }
        for sid in together:
            met[sid] = met.get(sid, 0) + 1
    return met


def _callers(journal: Iterable[Row]) -> list[Row]:
    return [leg for leg in journal if leg["role"] == "customer"]


def _until(left: float | None) -> float:
    return float("inf") if left is None else left
