"""Callers and phones by hand, and which pages may use them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import urllib3

from twilio_simulator.calls import Callback, Target

from .stage import App, Stage

Ask = Any


@pytest.fixture
def ask(stage: Stage) -> Iterator[Ask]:
    """Ask the simulator: method, path, headers, form."""
    with urllib3.PoolManager(retries=False) as pool:

        def asking(method: str, path: str, *, origin: str = "", **form: str) -> urllib3.BaseHTTPResponse:
            options: dict[str, Any] = {"fields": form, "encode_multipart": False} if form else {}
            headers = {"Origin": origin} if origin else {}
            return pool.request(method, f"{stage.url}/_simulator/{path}", headers=headers, **options)

        yield asking


def test_a_caller_calls_presses_and_hangs_up(app: App, stage: Stage, ask: Ask) -> None:
    app.says("/voice", '<Gather action="/chose" numDigits="1"><Say>Press 1</Say></Gather>')
    app.says("/chose", "<Enqueue>support</Enqueue>")
    call = stage.exchange.calls[ask("POST", "calls", **{"from": "+14155550177"}).json()["call_sid"]]
    stage.reaches(call, "menu")
    ask("POST", f"calls/{call.sid}/digits", digits="1")
    stage.reaches(call, "queue")

    assert ask("POST", f"calls/{call.sid}/hangup").json() == {"hung_up": [call.sid]}
    assert stage.ended(call)["ended_by"] == "caller"
    assert app.to("/voice")[0].params["From"] == "+14155550177"


def test_a_phone_connects_with_its_parameters_and_disconnects(app: App, stage: Stage, ask: Ask) -> None:
    app.says("/agent", "<Dial><Conference>room</Conference></Dial>")
    call = stage.exchange.calls[ask("POST", "devices/agent_7/connect", reservation="3", To="room").json()["call_sid"]]
    stage.reaches(call, "conference")
    ask("POST", "devices/agent_7/disconnect")
    stage.ended(call)

    asked = app.to("/agent")[0].params
    assert (asked["From"], asked["To"], asked["reservation"]) == ("client:agent_7", "room", "3")


def test_a_phone_has_an_identity_twilio_would_take(ask: Ask) -> None:
    assert ask("POST", "devices/ada@example.com/connect").status == 404


def test_what_goes_on_is_shown(app: App, stage: Stage, ask: Ask) -> None:
    app.says("/voice", "<Say>Welcome</Say><Enqueue>support</Enqueue>")
    call = stage.dial()
    stage.reaches(call, "queue")
    shown = ask("GET", "state").json()

    assert [(each["call_sid"], each["stage"], each["hears"]) for each in shown["calls"]] == [
        (call.sid, "queue", "Welcome")
    ]
    assert (shown["queues"], shown["webhooks"]) == ({"support": 1}, {"sent": 1, "errors": 0})


def test_the_apps_page_may_ask_before_it_acts(app: App, ask: Ask) -> None:
    asked, done = (ask(method, "devices/ada/disconnect", origin=app.url) for method in ("OPTIONS", "POST"))

    assert (asked.status, done.status) == (204, 200)
    for answer in (asked, done):
        assert answer.headers["Access-Control-Allow-Origin"] == app.url
        assert answer.headers["Vary"] == "Origin"


def test_loopback_has_more_than_one_name(app: App, ask: Ask) -> None:
    other = app.url.replace("127.0.0.1", "localhost")

    assert ask("POST", "devices/ada/disconnect", origin=other).headers["Access-Control-Allow-Origin"] == other


def test_the_public_address_is_the_apps_too(stage: Stage, ask: Ask) -> None:
    stage.account.public_url = "https://calls.example.com"

    assert ask("POST", "devices/ada/disconnect", origin="https://calls.example.com").status == 200


@pytest.mark.parametrize("origin", ["https://elsewhere.example", "null", "http://127.0.0.1:1"])
@pytest.mark.parametrize(("method", "path"), [("POST", "calls"), ("GET", "state"), ("OPTIONS", "calls")])
def test_other_pages_may_do_nothing(app: App, stage: Stage, ask: Ask, origin: str, method: str, path: str) -> None:
    answer = ask(method, path, origin=origin)

    assert answer.status == 403
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert stage.exchange.calls == {}


def test_what_is_unknown_is_named(ask: Ask) -> None:
    answer = ask("POST", "calls/CA0/digits", digits="1")

    assert (answer.status, answer.json()["message"]) == (
        404,
        "POST /_simulator/calls/CA0/digits is nothing the simulator knows",
    )


def test_somebody_is_made_to_answer_and_to_speak(app: App, stage: Stage, ask: Ask) -> None:
    assert ask("POST", "callees", to="+14155550111", does="ring").status == 200
    app.says("/out", '<Gather input="speech" action="/heard"/>')
    call = stage.do(lambda: stage.exchange.place("+1", "+14155550111", Target(f"{app.url}/out"), Callback()))
    assert ask("POST", f"calls/{call.sid}/answer").status == 200
    stage.reaches(call, "menu")
    assert ask("POST", f"calls/{call.sid}/say", text="Sales, please").status == 200

    said = app.wait_for("/heard").params
    assert (said["SpeechResult"], said["Confidence"]) == ("Sales, please", "0.9")


@pytest.mark.parametrize("wrong", [{"does": "dance"}, {"after": "-1"}])
def test_nobody_does_what_they_cannot(stage: Stage, ask: Ask, wrong: dict[str, str]) -> None:
    assert ask("POST", "callees", to="+14155550111", **wrong).status == 400
    assert stage.exchange.callees == {}


def test_the_clock_is_shown_and_real_time_is_not_advanced(ask: Ask) -> None:
    assert ask("GET", "clock").json()["time"] > 0
    assert "stepped clock" in ask("POST", "clock/advance", seconds="5").json()["message"]


def test_a_snapshot_has_everything(app: App, stage: Stage, ask: Ask) -> None:
    app.says("/voice", "<Enqueue>support</Enqueue>")
    call = stage.dial()
    stage.reaches(call, "queue")

    shown = ask("GET", "snapshot").json()

    (kept,) = shown["calls"]
    assert (kept["sid"], kept["journal"]["verbs"]) == (call.sid, ["Enqueue"])
    assert [queue["current_size"] for queue in shown["queues"]] == [1]
    assert shown["conferences"] == shown["recordings"] == shown["transcriptions"] == []


def test_a_snapshot_has_what_people_do_who_are_called(ask: Ask) -> None:
    ask("POST", "callees", to="+14155550111", does="busy", after="2")

    assert ask("GET", "snapshot").json()["callees"] == {
        "+14155550111": {"does": "busy", "after": 2.0, "answered_by": "human"}
    }
