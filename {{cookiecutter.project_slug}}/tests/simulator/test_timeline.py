"""What happened in a call, to look at and to send again."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import urlencode

import pytest
import urllib3
from twilio.request_validator import RequestValidator

from twilio_simulator import timeline
from twilio_simulator.calls import Redirected, Target

from .stage import SID, TOKEN, App, Said, Stage


def get(stage: Stage, path: str) -> Any:
    return urllib3.request("GET", f"{stage.url}/_simulator/timeline/{path}").json()


def entries(stage: Stage, sid: str, kind: str = "webhook") -> list[dict[str, Any]]:
    return [each for each in get(stage, f"calls/{sid}").get("entries", []) if each["kind"] == kind]


def replay(stage: Stage, **fields: str) -> int:
    body = urlencode(fields)
    return urllib3.request("POST", f"{stage.url}/_simulator/timeline/replay", body=body).status


def began(stage: Stage, sid: str) -> dict[str, Any]:
    """The first webhook, when it is answered."""
    while not (kept := entries(stage, sid)):
        time.sleep(0.01)
    return kept[0]


def rest(stage: Stage, method: str, path: str, **form: str) -> int:
    url = f"{stage.url}/2010-04-01/Accounts/{SID}/{path}.json"
    headers = urllib3.make_headers(basic_auth=f"{SID}:{TOKEN}")
    return urllib3.PoolManager().request_encode_body(method, url, form, headers, encode_multipart=False).status


def test_every_webhook_stands_in_its_order_with_its_answer(app: App, stage: Stage) -> None:
    app.says("/voice", '<Gather action="/chosen" timeout="0" actionOnEmptyResult="true"/>')
    app.says("/chosen", "<Hangup/>")
    sid = stage.live_through()["call_sid"]

    voice, chosen, status = entries(stage, sid)
    assert [each["url"].rpartition("/")[2] for each in (voice, chosen, status)] == ["voice", "chosen", "status"]
    assert (voice["status"], voice["content_type"], chosen["answer"]) == (
        200,
        "text/xml",
        "<Response><Hangup/></Response>",
    )
    assert voice["at"] <= chosen["at"] <= status["at"]
    assert RequestValidator(TOKEN).validate(voice["url"], voice["params"], voice["signature"])
    (call,) = get(stage, "calls")["calls"]
    assert (call["sid"], call["CallStatus"], call["entries"], call["failed"]) == (sid, "completed", 3, 0)


def test_tries_and_the_fallback_are_told_apart(app: App, stage: Stage) -> None:
    stage.account.voice_url = app.says("/voice", Said(status=503)) + "#rc=1&rp=5xx"
    stage.account.fallback_url = app.says("/fallback", "<Hangup/>")
    sid = stage.live_through()["call_sid"]

    first, second, fallback, _ = entries(stage, sid)
    assert [(each["attempt"], each["failure"], each["fallback"]) for each in (first, second, fallback)] == [
        (0, "5xx", False),
        (1, "5xx", False),
        (0, "", True),
    ]
    assert first["token"] == second["token"] != fallback["token"]


def test_commands_to_a_call_stand_between_its_webhooks(app: App, stage: Stage) -> None:
    app.says("/voice", "<Pause length='60000'/>")
    call = stage.dial()
    began(stage, call.sid)
    assert rest(stage, "POST", f"Calls/{call.sid}", Url=app.says("/moved", "<Hangup/>")) == 200
    stage.ended(call)
    stage.drained()

    kinds = [(each["kind"], each["url"].rpartition("/")[2]) for each in get(stage, f"calls/{call.sid}")["entries"]]
    assert kinds == [("webhook", "voice"), ("rest", f"{call.sid}.json"), ("webhook", "moved"), ("webhook", "status")]
    assert entries(stage, call.sid, "rest")[0]["params"]["Url"] == f"{app.url}/moved"


def test_what_belongs_to_no_call_is_kept_apart_and_no_secret_with_it(stage: Stage) -> None:
    rest(stage, "POST", "Keys", FriendlyName="ours", Secret="hidden")

    shown = get(stage, "calls/account")
    assert shown["entries"][0]["params"] == {"FriendlyName": "ours", "Secret": "…"}
    assert TOKEN not in str(shown)


def test_a_webhook_is_sent_again_signed_anew(app: App, stage: Stage) -> None:
    sid = stage.live_through()["call_sid"]
    first = entries(stage, sid)[0]
    assert replay(stage, id=str(first["id"]), how="duplicate") == 202
    app.wait_for("/voice", 2)
    assert replay(stage, id=str(first["id"]), how="again") == 202
    app.wait_for("/voice", 3)
    stage.drained()

    assert get(stage, "calls")["calls"][0]["CallStatus"] == "completed"
    tokens = [each.headers["I-Twilio-Idempotency-Token"] for each in app.to("/voice")]
    assert tokens[0] == tokens[1] != tokens[2]
    assert all(each.signed and each.params == app.to("/voice")[0].params for each in app.to("/voice"))
    assert [each["note"] for each in entries(stage, sid)][-2:] == [
        f"{how} of {first['id']}" for how in ("duplicate", "again")
    ]


def test_the_answer_to_a_repetition_is_not_run(app: App, stage: Stage) -> None:
    app.says("/voice", "<Pause length='60000'/>", "<Hangup/>")
    call = stage.dial()
    replay(stage, id=str(began(stage, call.sid)["id"]), how="again")
    app.wait_for("/voice", 2)

    assert call.live


@pytest.mark.parametrize("fields", [{"id": "999", "how": "again"}, {"id": "x", "how": "again"}, {"how": "thrice"}])
def test_what_cannot_be_sent_again_is_refused(stage: Stage, fields: dict[str, str]) -> None:
    sid = stage.live_through()["call_sid"]

    assert replay(stage, **{"id": str(entries(stage, sid)[0]["id"]), **fields}) == 409


def test_a_call_nobody_knows_is_not_kept(stage: Stage) -> None:
    assert get(stage, "calls/CA0") == {"message": "not kept"}


def test_memory_is_bounded(app: App, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline, "MOST_CALLS", 3)
    monkeypatch.setattr(timeline, "LONGEST", 10)
    rest(stage, "GET", "Calls")
    sids = [stage.live_through()["call_sid"] for _ in range(4)]

    assert [each["sid"] for each in get(stage, "calls")["calls"]] == [sids[3], sids[2], "account"]
    assert entries(stage, sids[3])[0]["answer"] == "<Response>"


def test_of_a_long_call_the_end_is_kept(app: App, stage: Stage) -> None:
    call = stage.dial()
    stage.ended(call)
    moves = timeline.MOST_OF_A_CALL
    for _ in range(moves):
        stage.do(lambda: call.interrupt(Redirected(Target(f"{app.url}/x"))))
        rest(stage, "GET", f"Calls/{call.sid}")

    assert len(get(stage, f"calls/{call.sid}")["entries"]) == moves
