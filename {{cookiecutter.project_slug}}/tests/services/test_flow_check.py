"""The checker finds every way in which a caller could get lost."""

from __future__ import annotations

from typing import Any

import pytest

from django_twilio_call.services.flow_check import check_flow

WHOLE: dict[str, Any] = {
    "start": "welcome",
    "language": "de-DE",
    "texts": {"again": "Wie bitte?"},
    "nodes": {
        "welcome": {"type": "say", "text": "Hello.", "next": "open?"},
        "open?": {"type": "hours", "calendar": "office", "open": "main", "closed": "night"},
        "main": {
            "type": "menu",
            "text": "Support, press 1. Other things, press 2.",
            "keys": {"1": "support", "2": "more", "*": "again"},
            "attempts": 2,
            "default": "support",
        },
        "again": {"type": "repeat", "menu": "main"},
        "more": {"type": "menu", "text": "Sales, 1. Back, 9.", "keys": {"1": "sales", "9": "main"}, "default": "bye"},
        "support": {"type": "queue", "queue": "support"},
        "sales": {"type": "queue", "queue": "sales"},
        "night": {"type": "voicemail", "queue": "support"},
        "bye": {"type": "hangup", "text": "Goodbye."},
    },
}


TYPES = "say, menu, hours, queue, voicemail, callback, hangup, repeat"


def found(**changes: Any) -> list[str]:
    """What is wrong with the whole flow after these nodes were changed (None: taken out)."""
    nodes = {name: node for name, node in {**WHOLE["nodes"], **changes}.items() if node is not None}
    return check({**WHOLE, "nodes": nodes})


def check(flow: Any) -> list[str]:
    found = check_flow(flow, queues={"support", "sales"}, calendars={"office"}, skills={"german"})
    return [str(finding) for finding in found]


def changed(node: str, **keys: Any) -> dict[str, Any]:
    """A node with other keys (None: taken out)."""
    both = {**WHOLE["nodes"][node], **keys}
    return {node: {key: value for key, value in both.items() if value is not None}}


def test_nothing_is_wrong_with_a_whole_flow() -> None:
    assert check(WHOLE) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (changed("welcome", next=None), "welcome.next: is missing: here a caller gets no further"),
        (changed("open?", closed=None), "open?.closed: is missing: here a caller gets no further"),
        (changed("main", default=None), "main.default: is missing: here a caller gets no further"),
        (changed("main", keys={"7": "nowhere"}), "main.keys.7: 'nowhere' is no node"),
        (changed("main", keys={"12": "support"}), "main.keys: 12: a phone has 0 to 9, * and #"),
        (changed("main", keys={}), "main.keys: a menu needs at least one key"),
        (changed("main", attempts=99), "main.attempts: 99 must be 1 to 10"),
        (changed("main", attempts=True), "main.attempts: True must be 1 to 10"),
        (changed("main", prompt="Hi"), "main.prompt: is not known; a menu has text, keys, default, attempts, timeout"),
        (changed("again", menu="bye"), "again.menu: 'bye' is no menu"),
        (changed("support", skills={}), "support.skills: needs one to 3 skills, each with its level"),
        (changed("support", skills={"german": 0}), "support.skills: german: 0 must be 1 to 10"),
        (changed("support", skills={"dutch": 1}), "support.skills.dutch: there is no skill 'dutch'"),
        (changed("support", queue="nobody"), "support.queue: there is no queue 'nobody'"),
        (changed("night", queue=["support"]), "night.queue: there is no queue ['support']"),
        (changed("open?", calendar="moon"), "open?.calendar: there is no calendar 'moon'"),
        (changed("welcome", text=" "), "welcome.text: ' ' must be a text"),
        (
            {"bye": {"type": "dance"}},
            f"bye.type: 'dance' is no type of node; they are {TYPES}",
        ),
        (
            {"bye": "Goodbye"},
            f"bye.type: 'Goodbye' is no type of node; they are {TYPES}",
        ),
        ({"island": {"type": "hangup"}}, "island: no caller ever comes here"),
    ],
)
def test_a_finding_names_node_key_and_rule(changes: dict[str, Any], expected: str) -> None:
    assert expected in found(**changes)


@pytest.mark.parametrize(
    ("changes", "way"),
    [
        (changed("welcome", next="welcome"), "welcome > welcome"),
        (changed("main", default="welcome"), "main > welcome > open? > main"),
        (changed("main", default="again"), "again > main > again"),
        (changed("more", default="main") | changed("main", default="more"), "main > more > main"),
    ],
    ids=["says for ever", "menu and hours", "repeats for ever", "two menus"],
)
def test_a_round_that_silence_never_leaves_is_found(changes: dict[str, Any], way: str) -> None:
    assert any(finding.endswith(f"a caller who presses nothing never gets out: {way}") for finding in found(**changes))


def test_a_round_that_a_key_leads_into_is_the_callers_own_will() -> None:
    assert found(**changed("more", default="support"), bye=None) == []


def test_everything_is_found_at_once() -> None:
    flow = {"start": "x", "mood": 1, "nodes": {"a": {"type": "say"}, "b": {"type": "queue", "queue": "?"}}}

    assert len(check(flow)) == 7


@pytest.mark.parametrize(
    "flow",
    [
        None,
        [],
        {},
        {"nodes": {}},
        {"nodes": []},
        {"start": "a", "nodes": {"a": None}},
        {"start": ["a"], "nodes": {"a": {"type": ["say"]}}},
        {"start": "a", "language": 1, "texts": 1, "nodes": {"a": {"type": "say", "text": 1, "next": {}}}},
        {"start": "a", "nodes": {"a": {"type": "repeat", "menu": ["a"]}}},
        {"start": "a", "nodes": {"a": {"type": "menu", "text": "", "keys": {"1": {}}, "default": []}}},
    ],
)
def test_what_is_no_flow_at_all_is_found_too(flow: object) -> None:
    assert check(flow)
