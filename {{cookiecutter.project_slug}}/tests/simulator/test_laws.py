"""The laws, each with a run that breaks it: what nobody can break proves nothing."""

from __future__ import annotations

from typing import Any

import pytest

from twilio_simulator.laws import check, double_booked, lost

Row = dict[str, Any]


def caller(sid: str = "CA1", **lived: Any) -> Row:
    """A caller's leg: waited from 2, fetched at 4, talked with an agent from 5 to 9, hung up."""
    leg = {
        "call_sid": sid,
        "role": "customer",
        "identity": "",
        "fetched": 1,
        "left_queue": ["redirected"],
        "conferences": [[f"room-{sid}", 5.0, 9.0]],
        "ended_at": 9.0,
        "ended_by": "caller",
        "error": "",
    }
    return leg | lived


def agent(sid: str = "CA2", identity: str = "ada", **lived: Any) -> Row:
    """An agent's leg: in the same conference from 4 to 9."""
    conferences = [["room-CA1", 4.0, 9.0]]
    return caller(sid, left_queue=[], conferences=conferences) | {"role": "agent", "identity": identity} | lived


def row(*outcomes: str, sid: str = "CA1", status: str = "completed") -> Row:
    """What the app remembers of a call."""
    return {"call_sid": sid, "status": status, "entries": [{"state": outcome} for outcome in outcomes]}


ANOTHER = agent("CA3", "grace", conferences=[["room-CA2", 11.0, 19.0]])
ABANDONED = caller(fetched=0, left_queue=["hangup"], conferences=[])
OVERFLOWED = caller(fetched=0, left_queue=["leave"], conferences=[], ended_by="app")
TWICE = caller(left_queue=["redirected"] * 2, conferences=[["room-CA1", 5.0, 9.0], ["room-CA2", 12.0, 19.0]])
"""Sent on to another agent."""
SENT_ON = caller(left_queue=["redirected", "hangup"])
"""Sent on to another queue, where they hung up."""
IN_MENU = caller(fetched=0, left_queue=[], conferences=[])


@pytest.mark.parametrize(
    ("leg", "outcomes"),
    [
        (caller(), ["answered"]),
        (ABANDONED, ["abandoned"]),
        (OVERFLOWED, ["overflowed"]),
        (OVERFLOWED | {"left_queue": ["queue-full"]}, ["overflowed"]),
        (IN_MENU, []),
        (IN_MENU | {"ended_by": "app"}, ["overflowed"]),
        (IN_MENU, ["abandoned"]),
        (caller(conferences=[]), ["answered"]),
        (caller(conferences=[]), ["abandoned"]),
        (caller(left_queue=[]), ["answered"]),
        (caller(left_queue=["redirected", "redirected"]), ["answered"]),
        (TWICE, ["answered", "answered"]),
        (SENT_ON, ["answered", "abandoned"]),
        (SENT_ON | {"left_queue": ["redirected", "leave"], "ended_by": "app"}, ["answered", "overflowed"]),
        (SENT_ON | {"left_queue": ["redirected", "redirected"]}, ["answered", "answered"]),
    ],
)
def test_who_lived_through_what_the_app_remembers_is_not_lost(leg: Row, outcomes: list[str]) -> None:
    assert lost([leg, agent(), ANOTHER], [row(*outcomes)]) == {}


LOST = [
    (caller(), None, "the app does not know the call"),
    (caller(), row("answered", status="in-progress"), "the call has not ended"),
    (caller(ended_at=None), row("answered"), "the call has not ended"),
    (caller(error="11200"), row("answered"), "the caller heard an application error, 11200"),
    (ABANDONED, row("waiting"), "a visit to a queue has no outcome"),
    (caller(ended_by="app"), row("answered", "abandoned"), "the app remembers 2 visits to a queue, the caller made 1"),
    (caller(), row("abandoned", "answered"), "the app remembers 2 visits to a queue, the caller made 1"),
    (ABANDONED, row(), "the caller left a queue by hangup, the app knows of no visit"),
    (caller(), row("abandoned"), "the caller talked to an agent, the app says abandoned"),
    (caller(left_queue=[]), row(), "the caller talked to an agent, the app says nothing"),
    (ABANDONED, row("answered"), "the app says answered, and never fetched the caller"),
    (caller(left_queue=["hangup"]), row("answered"), "the app says answered, the caller left the queue by hangup"),
    (caller(conferences=[["room-CA1", 9.5, 60.0]]), row("answered"), "the app says answered, the caller met nobody"),
    (caller(conferences=[], ended_by="app"), row("answered"), "the app says answered, the caller met nobody"),
    (TWICE, row("answered", "abandoned"), "the caller talked to agents 2 times, the app says 1"),
    (
        caller(left_queue=["redirected"] * 2, conferences=[["room-CA1", 5.0, 9.0], ["room-9", 10.0, 12.0]]),
        row("answered", "answered"),
        "the app says answered, the caller met nobody",
    ),
    (OVERFLOWED, row("abandoned"), "the app says abandoned, the call was ended by app"),
    (ABANDONED, row("overflowed"), "the app says overflowed, the caller left the queue by hangup"),
]


ON_THE_WAY = [
    (caller(), row("answered", "abandoned")),
    (TWICE | {"left_queue": ["redirected"]}, row("answered", "answered")),
    (caller(), row() | {"entries": [{"state": "answered"}, {"state": "overflowed", "overflow_reason": "trouble"}]}),
]


@pytest.mark.parametrize(
    ("leg", "remembered"), ON_THE_WAY, ids=["hung up", "met an agent", "was not sent on after all"]
)
def test_only_who_was_sent_on_may_have_made_a_visit_less(leg: Row, remembered: Row) -> None:
    legs = [leg, agent(), ANOTHER]

    assert lost(legs, [remembered], {"CA1": 1}) == {}
    assert lost(legs, [remembered]) == {"CA1": "the app remembers 2 visits to a queue, the caller made 1"}


@pytest.mark.parametrize(
    ("leg", "remembered", "why"), LOST, ids=[f"{number} {why}" for number, (*_, why) in enumerate(LOST)]
)
def test_every_kind_of_loss_is_found(leg: Row, remembered: Row | None, why: str) -> None:
    rows = [remembered] if remembered else []

    assert lost([leg, agent(), ANOTHER], rows) == {"CA1": why}
    assert check([leg, agent(), ANOTHER], rows)["lost"] == 1


def test_a_run_is_counted() -> None:
    journal = [
        caller(),
        agent(),
        caller("CA3", left_queue=["hangup"], conferences=[]),
        caller("CA4", left_queue=["leave"], conferences=[], ended_by="app"),
        caller("CA5", left_queue=[], conferences=[]),
        caller("CA6", left_queue=[], conferences=[]),
    ]
    rows = [row("answered"), row("abandoned", sid="CA3"), row("overflowed", sid="CA4"), row(sid="CA5")]

    assert check(journal, rows) == {
        "received": 4,
        "ended_before_queue": 1,
        "offered": 3,
        "answered": 1,
        "abandoned": 1,
        "overflowed": 1,
        "lost": 1,
        "double_booked": 0,
    }


def test_rows_of_agents_and_of_other_runs_count_nowhere() -> None:
    rows = [row("answered"), row(sid="CA2"), row("waiting", sid="CA9")]

    counts = check([caller(), agent()], rows)
    assert (counts["received"], counts["offered"], counts["lost"]) == (1, 1, 0)


@pytest.mark.parametrize(
    ("second", "doubles"),
    [
        ([["room-CA3", 8.9, 12.0]], 1),
        ([["room-CA3", 5.0, 6.0]], 1),
        ([["room-CA1", 5.0, None]], 1),
        ([["room-CA3", 9.0, 12.0]], 0),
        ([], 0),
    ],
)
def test_an_agent_in_two_conferences_at_one_instant_is_double_booked(second: list[Any], doubles: int) -> None:
    journal = [agent(), agent("CA4", conferences=second)]

    assert double_booked(journal) == check(journal, [])["double_booked"] == doubles


def test_two_agents_may_talk_at_once_and_a_caller_is_no_agent() -> None:
    assert double_booked([agent(), agent("CA4", identity="bob"), caller(), caller("CA3")]) == 0


def test_one_leg_in_two_conferences_is_a_double_too() -> None:
    assert double_booked([agent(conferences=[["a", 1.0, 5.0], ["b", 4.0, 6.0]])]) == 1
