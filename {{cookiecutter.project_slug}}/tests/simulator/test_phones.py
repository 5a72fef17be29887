"""Phones held by hand: what they do, and what is heard at them."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import quote

import pytest
import urllib3

from twilio_simulator import outbound, phones
from twilio_simulator.calls import Callback, Target

from .stage import CALLER, App, Said, Stage

OTHER = "+14155550177"


class Hand:
    """Somebody with a phone: what its page asks."""

    def __init__(self, stage: Stage, number: str = OTHER) -> None:
        self.url = f"{stage.url}/_simulator/phones/{quote(number)}"
        self.look()

    def look(self, since: int = 0) -> dict[str, Any]:
        """What the page shows."""
        answer: dict[str, Any] = urllib3.request("GET", f"{self.url}?since={since}").json()
        return answer

    def act(self, what: str, **fields: str) -> int:
        """Press a button; the status."""
        body = "&".join(f"{name}={quote(value)}" for name, value in fields.items())
        return urllib3.request("POST", f"{self.url}/{what}", body=body).status

    def sees(self, **wanted: Any) -> dict[str, Any]:
        """Wait until the call is like this."""
        for _ in range(200):
            call = self.look()["call"] or {}
            if all(call.get(name) == value for name, value in wanted.items()):
                return call
            time.sleep(0.01)
        raise AssertionError(f"{wanted}: {self.look()}")

    def hears(self) -> list[tuple[str, str]]:
        """Kind and text of all that was heard."""
        return [(each["kind"], each["text"]) for each in self.look()["heard"]]


@pytest.fixture
def hand(stage: Stage) -> Hand:
    """A phone that is switched on."""
    return Hand(stage)


def place(stage: Stage, app: App, to: str = OTHER, timeout: float = 60) -> Any:
    target = Target(app.says("/out", "<Say>It is your turn.</Say><Pause length='60000'/>"))
    told, manner = Callback(f"{app.url}/placed"), outbound.Manner(timeout=timeout)
    return stage.do(lambda: stage.exchange.place(stage.account.number, to, target, told, manner))


def test_a_caller_hears_a_menu_and_presses_a_key(app: App, stage: Stage, hand: Hand) -> None:
    app.says("/voice", '<Gather action="/chosen" numDigits="1"><Say>Press 1.</Say></Gather>')
    app.says("/chosen", "<Play>http://music.example/a.mp3</Play><Hangup/>")
    assert hand.act("call") == 202
    hand.sees(stage="menu")

    assert hand.act("keys", keys="1") == 202
    hand.sees(live=False, status="completed")
    assert app.to("/chosen")[0].params["Digits"] == "1"
    assert hand.hears() == [
        ("note", "Calling +15550100000"),
        ("say", "Press 1."),
        ("keys", "1"),
        ("play", "http://music.example/a.mp3"),
    ]


def test_a_caller_sees_the_place_in_line(app: App, stage: Stage, hand: Hand) -> None:
    app.says("/voice", "<Enqueue>support</Enqueue>")
    stage.dial()
    hand.act("call")

    assert hand.sees(stage="queue")["position"] in (1, 2)
    assert hand.look()["call"]["queue"] == "support"
    hand.act("hangup")
    assert hand.sees(live=False)["position"] == 0


def test_only_news_is_told(app: App, hand: Hand) -> None:
    app.says("/voice", "<Say>One.</Say>")
    hand.act("call")
    hand.sees(live=False)

    last = hand.look()["heard"][-1]["id"]
    assert hand.look(since=last)["heard"] == []


def test_a_call_of_the_app_rings_until_it_is_picked_up(app: App, stage: Stage, hand: Hand) -> None:
    call = place(stage, app)
    assert hand.sees(ringing=True)["status"] == "ringing"
    assert app.to("/out") == []

    assert hand.act("answer") == 202
    assert hand.sees(ringing=False)["status"] == "in-progress"
    app.wait_for("/out")
    hand.act("hangup")
    assert stage.ended(call)["ended_by"] == "caller"


def test_a_call_is_declined(app: App, stage: Stage, hand: Hand) -> None:
    call = place(stage, app)
    hand.sees(ringing=True)
    hand.act("hangup")

    stage.ended(call)
    assert (call.status, app.wait_for("/placed").params["CallStatus"]) == ("busy", "busy")


def test_nobody_answers(app: App, stage: Stage, hand: Hand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbound, "BUFFER", 0.01)
    call = place(stage, app, timeout=0)

    stage.ended(call)
    assert call.status == "no-answer"


def test_whoever_talks_is_busy(app: App, stage: Stage, hand: Hand) -> None:
    app.says("/voice", "<Pause length='60000'/>")
    hand.act("call")
    call = place(stage, app)

    stage.ended(call)
    assert call.status == "busy"
    assert hand.look()["call"]["live"]


@pytest.mark.parametrize("to", [CALLER, OTHER])
def test_a_phone_nobody_looks_at_answers_at_once(
    app: App, stage: Stage, hand: Hand, monkeypatch: pytest.MonkeyPatch, to: str
) -> None:
    monkeypatch.setattr(phones, "PRESENT", -1.0)
    place(stage, app, to)

    app.wait_for("/out")


@pytest.mark.parametrize("act", ["keys", "answer", "hangup"])
def test_without_a_call_there_is_nothing_to_do(hand: Hand, act: str) -> None:
    assert hand.act(act, keys="1") == 409


def test_one_call_at_a_time(app: App, hand: Hand) -> None:
    app.says("/voice", "<Pause length='60000'/>")
    hand.act("call")

    assert hand.act("call") == 409


def test_what_is_no_key_is_not_pressed(app: App, stage: Stage, hand: Hand) -> None:
    app.says("/voice", '<Gather action="/chosen" numDigits="3"/>', Said())
    hand.act("call")
    hand.sees(stage="menu")
    hand.act("keys", keys="1x2#")

    assert app.wait_for("/chosen").params["Digits"] == "12"


def test_phones_are_bounded(stage: Stage) -> None:
    numbers = [f"+1415555{index:04d}" for index in range(phones.MOST_PHONES + 5)]
    hands = phones.Phones(stage.exchange)
    for number in numbers:
        hands.at(number)

    assert len(hands._phones) == phones.MOST_PHONES


@pytest.mark.parametrize(
    ("origin", "status"),
    [("http://127.0.0.1:{port}", 202), ("http://localhost:{port}", 403), ("http://evil.example", 403)],
)
def test_only_its_own_pages_may_act(app: App, stage: Stage, hand: Hand, origin: str, status: int) -> None:
    headers = {"Origin": origin.format(port=stage.port)}

    assert urllib3.request("POST", f"{hand.url}/call", headers=headers).status == status
