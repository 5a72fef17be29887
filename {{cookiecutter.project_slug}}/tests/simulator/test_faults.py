"""Faults: asked for in words, drawn from a seed, in their window, counted, and each does what it says."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
import urllib3

from twilio_simulator.account import Account
from twilio_simulator.faults import SECONDS, Faults, FaultyWebhooks, Rule, class_of, read
from twilio_simulator.http import Reply, Request
from twilio_simulator.webhooks import Answer

from .stage import SID, TOKEN

ACCOUNT = f"/2010-04-01/Accounts/{SID}"
CALLS = f"{ACCOUNT}/Calls.json"
CALL = f"CA{1:032x}"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Line(FaultyWebhooks):
    """Remembers what arrives, and says yes to it."""

    def __init__(self, faults: str) -> None:
        super().__init__(Account(SID, TOKEN), Faults(read(faults)), pause=0)
        self.arrived: list[str] = []

    async def _deliver(
        self, url: str, params: Mapping[str, str], method: str, timeout: urllib3.Timeout, token: str
    ) -> Answer:
        self.arrived.append(params.get("Mark", ""))
        return Answer(200)


def sending(faults: str, *marks: str, url: str = "http://app/#rc=5&rp=all&ct=100&rt=100") -> tuple[Line, list[Answer]]:
    """Send webhooks of one call one after another, each when the one before is on its way."""

    async def send() -> tuple[Line, list[Answer]]:
        line = Line(faults)
        sent = []
        for mark in marks:
            params = {"CallSid": "CA1", "CallbackSource": "call-progress-events", "Mark": mark}
            sent.append(asyncio.ensure_future(line.send(url, params, heard=False)))
            await asyncio.sleep(0.01)
        answers = await asyncio.gather(*sent)
        await line.settled()
        await line.close()
        return line, answers

    return asyncio.run(send())


def test_rules_are_read_with_seconds_and_a_window() -> None:
    assert read("status:duplicate=0.05, rest:limit=1@7:60-120,wait:slow=.5:9-") == (
        Rule("status", "duplicate", 0.05, SECONDS["duplicate"]),
        Rule("rest", "limit", 1, 7, 60, 120),
        Rule("wait", "slow", 0.5, SECONDS["slow"], 9),
    )
    assert read("") == ()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("status", "must be like"),
        ("status:duplicate", "must be like"),
        ("status:explode=1", "status has delay, drop, duplicate"),
        ("rest:duplicate=1", "rest has cut, drop, error"),
        ("nothing:drop=1", "no such class: webhook"),
        ("status:drop=1.5", "a share is 1 at most"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read(text)


def test_faults_happen_in_their_window_in_their_share_and_are_counted() -> None:
    clock = Clock()
    faults = Faults(read("status:drop=1:10-20,wait:drop=0.5"), clock=clock)
    drawn = []
    for clock.now in range(0, 40, 5):
        drawn.append(bool(faults.draw(("status",), "drop", "slow")))
    assert drawn == [False, False, True, True, False, False, False, False]

    half = sum(bool(faults.draw(("wait",), "drop")) for _ in range(1000))
    assert 400 < half < 600
    assert faults.counts == {"status:drop": 2, "wait:drop": half}


def test_the_seed_decides() -> None:
    def some(seed: int) -> list[bool]:
        faults = Faults(read("voice:drop=0.5"), seed=seed)
        return [bool(faults.draw(("voice",), "drop")) for _ in range(50)]

    assert some(1) == some(1) != some(2)


@pytest.mark.parametrize(
    ("params", "kind"),
    [
        ({"From": "+1"}, "voice"),
        ({"From": "client:agent_1"}, "agent"),
        ({"Digits": ""}, "gather"),
        ({"QueueResult": "hangup", "QueueSid": "QU"}, "queue"),
        ({"QueuePosition": "1", "QueueSid": "QU"}, "wait"),
        ({"CallbackSource": "call-progress-events", "From": "client:agent_1"}, "status"),
        ({"StatusCallbackEvent": "conference-end"}, "conference"),
        ({"DialCallStatus": "answered"}, "dial"),
        ({"RecordingStatus": "completed"}, "recording"),
    ],
)
def test_webhooks_are_told_apart_by_what_they_say(params: dict[str, str], kind: str) -> None:
    assert class_of(params) == kind


def test_a_webhook_without_luck_arrives_once() -> None:
    line, answers = sending("wait:drop=1", "1", "2")

    assert line.arrived == ["1", "2"]
    assert all(answer.ok for answer in answers)


def test_a_duplicate_arrives_again() -> None:
    assert sending("status:duplicate=1@0", "1")[0].arrived == ["1", "1"]


def test_reordered_ones_arrive_after_the_next() -> None:
    line = sending("status:reorder=0.5@1", "1", "2", "3", "4")[0]

    assert sorted(line.arrived) == ["1", "2", "3", "4"] != line.arrived


def test_the_last_one_is_not_held_for_ever() -> None:
    assert sending("status:reorder=1@0.01", "1")[0].arrived == ["1"]


def test_a_delayed_one_arrives_although_nobody_waits_for_it_any_more() -> None:
    async def broken_off() -> list[str]:
        line = Line("status:delay=1@0.01")
        sent = asyncio.ensure_future(line.send("http://app/", {"CallbackSource": "x", "Mark": "1"}, heard=True))
        await asyncio.sleep(0)
        sent.cancel()
        await asyncio.gather(sent, return_exceptions=True)
        await line.settled()
        await line.close()
        return line.arrived

    assert asyncio.run(broken_off()) == ["1"]


@pytest.mark.parametrize(("fault", "arrives"), [("drop", 0), ("refuse", 0), ("trouble", 0), ("lose", 6), ("slow", 6)])
def test_what_does_not_go_through_is_tried_again_as_the_app_asked(fault: str, arrives: int) -> None:
    url = "http://app/#rc=5&rp=all&ct=100&rt=100&tt=15000"
    line, (answer,) = sending(f"status:{fault}=1@1", "1", url=url)

    assert len(line.arrived) == arrives
    assert not answer.ok
    assert line.faults.counts[f"status:{fault}"] == 6


def test_a_vanished_callback_is_not_tried_again_and_a_caller_is_never_left_so() -> None:
    line, (answer,) = sending("webhook:vanish=1", "1")
    assert line.arrived == []
    assert answer.failure == "vanished"

    async def heard() -> list[str]:
        voice = Line("webhook:vanish=1")
        await voice.send("http://app/", {"Mark": "1"}, heard=True)
        await voice.close()
        return voice.arrived

    assert asyncio.run(heard()) == ["1"]


def asked(faults: str, *, method: str = "POST", path: str = CALLS) -> tuple[Reply, int]:
    """The reply to one request, and how often it was done."""
    done: list[Request] = []

    def handle(request: Request) -> Reply:
        done.append(request)
        return Reply(201, {})

    reply = Faults(read(faults)).handling(handle, hang_up=HUNG_UP.append)(Request(method, path, (), {}))
    return reply, len(done)


HUNG_UP: list[str] = []


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [(f"{ACCOUNT}/Calls/{CALL}.json", 400, 21220), (f"{ACCOUNT}/Conferences/CF1/Participants/{CALL}.json", 404, 20404)],
)
def test_whose_call_it_is_hangs_up_as_a_command_comes(path: str, status: int, code: int) -> None:
    HUNG_UP.clear()

    reply, done = asked("update:gone=1", path=path)

    assert isinstance(reply.body, dict)
    assert (reply.status, reply.body["code"], done, HUNG_UP) == (status, code, 0, [CALL])


def test_nobody_hangs_up_as_a_call_is_asked_for_or_made() -> None:
    HUNG_UP.clear()

    asked("update:gone=1", method="GET", path=f"{ACCOUNT}/Calls/{CALL}.json")
    asked("update:gone=1", path=CALLS)

    assert HUNG_UP == []


@pytest.mark.parametrize(
    ("fault", "expected", "times"),
    [
        ("limit=1@7", {"status": 429, "headers": {"Retry-After": "7"}}, 0),
        ("fail=1", {"status": 503}, 0),
        ("drop=1", {"cut": True}, 0),
        ("error=1", {"status": 500}, 1),
        ("slow=1@9", {"status": 201, "delay": 9.0}, 1),
        ("cut=1", {"cut": True}, 1),
        ("cut=0", {"status": 201, "cut": False, "delay": 0.0}, 1),
    ],
)
def test_a_rest_request_is_done_or_not_and_answered_so(fault: str, expected: dict[str, Any], times: int) -> None:
    reply, done = asked(f"rest:{fault}")

    assert {name: getattr(reply, name) for name in expected} == expected
    assert done == times


def test_rest_classes_are_told_apart_and_the_simulators_own_have_no_faults() -> None:
    assert asked("create:fail=1")[0].status == 503
    assert asked("create:fail=1", path=CALLS.replace(".json", "/CA1.json"))[0].status == 201
    assert asked("update:fail=1", path=CALLS.replace(".json", "/CA1.json"))[0].status == 503
    assert asked("ask:fail=1", method="GET")[0].status == 503
    assert asked("rest:fail=1", path="/_simulator/calls")[0].status == 201
