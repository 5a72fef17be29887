"""One call from its first webhook to its last, and what the app is told of it."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from twilio_simulator.calls import Call, Callback, HungUp, Redirected, Target

from .stage import CALLER, SID, App, Said, Stage


def interrupted(stage: Stage, *whys: Exception) -> Call:
    """A call that is interrupted before it could begin."""

    def act() -> Call:
        call = stage.exchange.dial(CALLER, stage.account.number)
        for why in whys:
            call.interrupt(why)  # type: ignore[arg-type]  # any order of them
        return call

    return stage.do(act)


def test_the_voice_webhook_says_who_calls(app: App, stage: Stage) -> None:
    journal = stage.live_through()

    assert app.to("/voice")[0].params == {
        "CallSid": journal["call_sid"],
        "AccountSid": SID,
        "ApiVersion": "2010-04-01",
        "From": CALLER,
        "Caller": CALLER,
        "To": "+15550100000",
        "Called": "+15550100000",
        "CallStatus": "ringing",
        "Direction": "inbound",
    }


def test_a_call_is_in_progress_once_it_is_answered(app: App, stage: Stage) -> None:
    app.says("/voice", "<Redirect>/more</Redirect>")
    stage.live_through()

    assert app.to("/more")[0].params["CallStatus"] == "in-progress"


def test_an_inbound_call_tells_of_its_end_alone(app: App, stage: Stage) -> None:
    app.says("/voice", "<Say>Hello</Say>")
    stage.live_through()

    told = app.to("/status")
    assert [each.params["CallStatus"] for each in told] == ["completed"]
    assert told[0].params["SequenceNumber"] == "0"
    assert told[0].params["CallbackSource"] == "call-progress-events"
    assert told[0].params["CallDuration"] == told[0].params["Duration"] == "0"
    assert parsedate_to_datetime(told[0].params["Timestamp"]).tzinfo is not None


@pytest.mark.parametrize(
    ("twiml", "status"),
    [
        ("", "completed"),
        ("<Hangup/>", "completed"),
        ("<Reject/>", "no-answer"),
        ('<Reject reason="busy"/>', "busy"),
        ("<Say>Sorry</Say><Reject/>", "completed"),
    ],
)
def test_how_a_call_ends_is_its_status(app: App, stage: Stage, twiml: str, status: str) -> None:
    app.says("/voice", twiml)
    stage.live_through()

    assert app.to("/status")[0].params["CallStatus"] == status


@pytest.mark.parametrize(("why", "status"), [(HungUp("caller"), "no-answer"), (HungUp("app"), "canceled")])
def test_a_hang_up_before_the_call_began_is_not_lost(app: App, stage: Stage, why: HungUp, status: str) -> None:
    journal = stage.ended(interrupted(stage, why))
    stage.drained()

    assert [(each.path, each.params["CallStatus"]) for each in app.asked] == [("/status", status)]
    assert journal["ended_by"] == why.by


def test_a_hang_up_between_two_documents_is_not_lost(app: App, stage: Stage) -> None:
    app.says("/voice", '<Enqueue action="/left">support</Enqueue>')
    app.says("/left", Said(delay=0.2))
    call = stage.dial()
    stage.reaches(call, "queue")

    stage.do(lambda: call.interrupt(Redirected(Target(f"{app.url}/connect", "POST"))))
    app.wait_for("/left")
    stage.hang_up(call)

    assert stage.ended(call)["ended_by"] == "caller"
    assert app.to("/connect") == []


def test_nothing_undoes_a_hang_up(app: App, stage: Stage) -> None:
    call = interrupted(stage, HungUp("caller"), Redirected(Target(f"{app.url}/connect", "POST")))

    assert stage.ended(call)["ended_by"] == "caller"
    assert app.to("/connect") == []


def test_the_last_of_two_redirects_counts(app: App, stage: Stage) -> None:
    whys = [Redirected(Target(f"{app.url}/{where}", "POST")) for where in ("first", "second")]
    stage.ended(interrupted(stage, *whys))

    assert app.asked[0].path == "/second"
    assert app.to("/first") == []


def test_a_redirect_may_be_a_get(app: App, stage: Stage) -> None:
    stage.ended(interrupted(stage, Redirected(Target(f"{app.url}/connect", "GET"))))

    assert app.to("/connect")[0].method == "GET"


BROKEN = [
    (Said(status=500), "11200"),
    (Said(status=404), "11200"),
    (Said("<Response>", raw=True), "12100"),
    (Said(' <?xml version="1.0"?><Response/>', raw=True), "12100"),
    (Said(kind="text/html"), "12300"),
    (Said(delay=0.2), "11205"),
]


@pytest.mark.parametrize(("said", "code"), BROKEN)
def test_the_fallback_url_is_told_what_went_wrong(app: App, stage: Stage, said: Said, code: str) -> None:
    stage.account.voice_url = app.says("/voice", said) + "#rt=100"
    stage.account.fallback_url = app.says("/fallback", "<Say>Sorry</Say>")
    journal = stage.live_through()

    told = app.to("/fallback")[0].params
    assert (told["ErrorCode"], told["ErrorUrl"]) == (code, f"{app.url}/voice")
    assert (told["CallSid"], journal["error"]) == (journal["call_sid"], code)


def test_a_call_without_twiml_or_fallback_hears_an_error_and_ends(app: App, stage: Stage) -> None:
    app.says("/voice", Said(status=500))

    assert stage.live_through()["error"] == "11200"
    assert app.to("/status")[0].params["CallStatus"] == "completed"


def test_a_fallback_that_breaks_too_ends_the_call(app: App, stage: Stage) -> None:
    app.says("/voice", Said(status=500))
    stage.account.fallback_url = app.says("/fallback", Said("nothing", raw=True))

    assert stage.live_through()["error"] == "12100"


def test_a_document_that_breaks_later_falls_back_too(app: App, stage: Stage) -> None:
    app.says("/voice", "<Redirect>/more</Redirect>")
    app.says("/more", Said(status=503))
    stage.account.fallback_url = f"{app.url}/fallback"
    stage.live_through()

    assert app.to("/fallback")[0].params["ErrorUrl"] == f"{app.url}/more"


def test_no_url_is_an_error_of_its_own(stage: Stage) -> None:
    assert stage.live_through(url="")["error"] == "11100"


def test_a_phone_calls_as_who_it_is(app: App, stage: Stage) -> None:
    parameters = {"From": "client:somebody", "CallSid": "CA0", "reservation": "7"}
    call = stage.do(lambda: stage.exchange.dial("client:ada", "", url=f"{app.url}/agent", extra=parameters))
    stage.ended(call)

    asked = app.to("/agent")[0].params
    assert (asked["From"], asked["CallSid"], asked["reservation"]) == ("client:ada", call.sid, "7")


def placed(stage: Stage, app: App, *events: str) -> list[dict[str, Any]]:
    """What the app hears of a call that it made."""
    call = stage.do(
        lambda: stage.exchange.place(
            "+15550100000", CALLER, Target(f"{app.url}/out"), Callback(f"{app.url}/placed", events=frozenset(events))
        )
    )
    stage.ended(call)
    stage.drained()
    return sorted((each.params for each in app.to("/placed")), key=lambda told: told["SequenceNumber"])


def test_a_call_that_the_app_makes_tells_of_every_step(app: App, stage: Stage) -> None:
    told = placed(stage, app, "initiated", "ringing", "answered", "completed")

    assert [each["CallStatus"] for each in told] == ["initiated", "ringing", "in-progress", "completed"]
    assert [each["SequenceNumber"] for each in told] == ["0", "1", "2", "3"]
    assert {each["Direction"] for each in told} == {"outbound-api"}


def test_it_tells_only_what_was_asked_for(app: App, stage: Stage) -> None:
    assert [each["CallStatus"] for each in placed(stage, app, "answered")] == ["in-progress"]
    assert app.to("/out")[0].params["CallStatus"] == "in-progress"
    assert app.to("/status") == []


def test_closing_breaks_every_call_off_and_tells_nobody(app: App, stage: Stage) -> None:
    app.says("/voice", '<Enqueue action="/left">support</Enqueue>')
    stage.reaches(stage.dial(), "queue")
    stage.until(stage.exchange.close())

    assert {each.path for each in app.asked} == {"/voice"}
