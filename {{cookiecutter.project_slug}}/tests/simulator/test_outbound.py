"""Calls the app makes, by Twilio's own client: who answers, what is known of them, and how it is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from twilio_simulator.outbound import Callee

from .client import refusal
from .stage import CALLER, App, Said, Stage

NUMBER = "+15550100000"
EVENTS = ["initiated", "ringing", "answered", "completed"]


def call(stage: Stage, client: Any, app: App, **options: Any) -> Any:
    """Call somebody, and be told of every step."""
    options = {"url": f"{app.url}/out", "status_callback": f"{app.url}/told", "status_callback_event": EVENTS} | options
    return client.calls.create(to=CALLER, from_=NUMBER, **options)


def told(app: App, stage: Stage) -> list[str]:
    """Every status, in order."""
    stage.drained()
    return [
        each.params["CallStatus"] for each in sorted(app.to("/told"), key=lambda each: each.params["SequenceNumber"])
    ]


@pytest.mark.parametrize("does", ["busy", "failed"])
def test_a_call_that_is_not_answered_tells_why(app: App, stage: Stage, client: Any, does: str) -> None:
    stage.exchange.callees[CALLER] = Callee(does)
    made = call(stage, client, app)

    rings = ["ringing"] if does == "busy" else []
    assert told(app, stage) == ["initiated", *rings, does]
    assert (client.calls(made.sid).fetch().status, app.to("/out")) == (does, [])


def test_a_call_is_canceled_while_it_rings(app: App, stage: Stage, client: Any) -> None:
    stage.exchange.callees[CALLER] = Callee("ring")
    made = call(stage, client, app)
    app.wait_for("/told", 2)
    assert refusal(client.calls(made.sid).update, url=f"{app.url}/other") == (400, 21220)
    client.calls(made.sid).update(status="canceled")
    stage.ended(stage.exchange.calls[made.sid])

    assert told(app, stage) == ["initiated", "ringing", "canceled"]


def test_a_call_that_goes_on_cannot_be_canceled(app: App, stage: Stage, client: Any) -> None:
    app.says("/out", "<Gather/>")
    made = call(stage, client, app)
    stage.reaches(stage.exchange.calls[made.sid], "menu")

    assert client.calls(made.sid).update(status="canceled").status == "in-progress"
    assert refusal(client.calls(made.sid).update, status="busy") == (400, 21218)


def test_twiml_may_come_with_the_call(app: App, stage: Stage, client: Any) -> None:
    made = call(stage, client, app, url=None, twiml=f"<Response><Redirect>{app.url}/next</Redirect></Response>")
    stage.ended(stage.exchange.calls[made.sid])

    assert app.wait_for("/next").params["CallSid"] == made.sid


def test_relative_addresses_lead_nowhere_in_it(stage: Stage, client: Any) -> None:
    made = client.calls.create(to=CALLER, from_=NUMBER, twiml="<Response><Redirect>/next</Redirect></Response>")

    assert stage.ended(stage.exchange.calls[made.sid])["error"] == "11100"


@pytest.mark.parametrize("wrong", [{"twiml": "x" * 4001}, {"url": "ftp://x"}, {"method": "PUT"}, {"timeout": "soon"}])
def test_what_cannot_be_done_is_refused(app: App, stage: Stage, client: Any, wrong: dict[str, Any]) -> None:
    options = {"url": None} if "twiml" in wrong else {}

    assert refusal(call, stage, client, app, **options, **wrong)[0] == 400
    assert stage.exchange.calls == {}


def test_the_calls_own_fallback_is_asked_in_its_own_way(app: App, stage: Stage, client: Any) -> None:
    app.says("/out", Said(status=500))
    made = call(stage, client, app, fallback_url=f"{app.url}/sorry", fallback_method="GET")
    stage.ended(stage.exchange.calls[made.sid])

    (asked,) = app.to("/sorry")
    assert (asked.method, asked.params["ErrorCode"], asked.params["ErrorUrl"]) == ("GET", "11200", f"{app.url}/out")


def test_the_numbers_fallback_is_asked_in_its_own_way(app: App, stage: Stage, client: Any) -> None:
    app.says("/voice", Said(status=500))
    (number,) = client.incoming_phone_numbers.list()
    client.incoming_phone_numbers(number.sid).update(voice_fallback_url=f"{app.url}/sorry", voice_fallback_method="GET")
    stage.live_through()

    assert app.to("/sorry")[0].method == "GET"


def test_the_document_waits_until_it_is_known_who_answered(app: App, stage: Stage, client: Any) -> None:
    stage.exchange.callees[CALLER] = Callee(answered_by="machine_start")
    made = call(stage, client, app, machine_detection="Enable")

    assert app.wait_for("/out").params["AnsweredBy"] == "machine_start"
    assert client.calls(made.sid).fetch().answered_by == "machine_start"


def test_or_does_not_wait_and_the_app_is_told(app: App, stage: Stage, client: Any) -> None:
    app.says("/out", "<Gather/>")
    call(stage, client, app, machine_detection="Enable", async_amd="true", async_amd_status_callback=f"{app.url}/amd")

    assert "AnsweredBy" not in app.wait_for("/out").params
    assert app.wait_for("/amd").params["AnsweredBy"] == "human"


def test_a_call_is_recorded_from_its_answer(app: App, stage: Stage, client: Any) -> None:
    made = call(stage, client, app, record=True, recording_status_callback=f"{app.url}/recorded")

    recorded = app.wait_for("/recorded").params
    assert (recorded["CallSid"], recorded["RecordingSource"]) == (made.sid, "OutboundAPI")


def test_calls_are_found_by_when_they_began(app: App, stage: Stage, client: Any) -> None:
    made, now, hour = call(stage, client, app), datetime.now(UTC), timedelta(hours=1)

    assert [each.sid for each in client.calls.list(start_time_after=now - hour)] == [made.sid]
    assert client.calls.list(start_time_before=now - hour) == []
    assert [each.sid for each in client.calls.list(start_time=now.date())] == [made.sid]
    assert client.calls.list(parent_call_sid="CA" + "0" * 32) == []
