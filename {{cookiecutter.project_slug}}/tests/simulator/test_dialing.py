"""<Dial> of phones and of a queue, and what the app hears of it."""

from __future__ import annotations

import pytest

from twilio_simulator.calls import Call
from twilio_simulator.outbound import Callee

from .stage import App, Stage

ADA, BOB = "client:ada", "+14155550111"


def dialled(app: App, stage: Stage, nouns: str, attributes: str = "") -> Call:
    """A caller who dials."""
    app.says("/voice", f'<Dial action="/after" {attributes}>{nouns}</Dial>')
    return stage.dial()


def leg_to(stage: Stage, to: str) -> Call:
    """The leg that is dialled."""
    return next(call for call in stage.exchange.calls.values() if call.to == to)


def test_two_talk_until_the_one_who_was_called_hangs_up(app: App, stage: Stage) -> None:
    call = dialled(app, stage, "<Client>ada</Client>", 'callerId="+15550100000"')
    stage.reaches(call, "bridged")
    leg = leg_to(stage, ADA)
    assert (leg.parent, leg.direction, leg.from_) == (call.sid, "outbound-dial", "+15550100000")

    stage.hang_up(leg)

    told = app.wait_for("/after").params
    assert (told["DialCallStatus"], told["DialCallSid"], told["DialBridged"]) == ("completed", leg.sid, "true")
    assert told["DialCallDuration"] == "0"


def test_who_was_called_goes_when_the_caller_does(app: App, stage: Stage) -> None:
    call = dialled(app, stage, BOB)
    stage.reaches(call, "bridged")
    stage.hang_up(call)
    stage.ended(leg_to(stage, BOB))

    assert app.wait_for("/after").params["DialCallStatus"] == "completed"


@pytest.mark.parametrize("does", ["busy", "no-answer", "failed"])
def test_nobody_answers(app: App, stage: Stage, does: str) -> None:
    stage.exchange.callees[BOB] = Callee(does, after=0.01)
    call = dialled(app, stage, f'<Number statusCallback="/leg">{BOB}</Number>')

    told = app.wait_for("/after").params
    assert (told["DialCallStatus"], "DialCallDuration" in told) == (does, False)
    assert app.wait_for("/leg").params["CallStatus"] == does
    assert app.to("/leg")[0].params["ParentCallSid"] == call.sid


def test_a_phone_rings_for_so_long_only(app: App, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("twilio_simulator.outbound.BUFFER", 0)
    stage.exchange.callees[BOB] = Callee("ring")
    dialled(app, stage, BOB, 'timeout="0.05"')

    assert app.wait_for("/after").params["DialCallStatus"] == "no-answer"


def test_the_first_to_answer_is_the_one(app: App, stage: Stage) -> None:
    stage.exchange.callees[BOB] = Callee("ring")
    call = dialled(app, stage, f"<Number>{BOB}</Number><Client>ada</Client>")
    stage.reaches(call, "bridged")

    stage.ended(leg_to(stage, BOB))
    assert leg_to(stage, BOB).status == "canceled"
    assert leg_to(stage, ADA).live


def test_they_are_called_one_after_the_other(app: App, stage: Stage) -> None:
    stage.exchange.callees[BOB] = Callee("busy")
    call = dialled(app, stage, f"<Number>{BOB}</Number><Client>ada</Client>", 'sequential="true"')
    stage.reaches(call, "bridged")

    assert [each.to for each in stage.exchange.calls.values()][1:] == [BOB, ADA]


def test_somebody_answers_by_hand(app: App, stage: Stage) -> None:
    stage.exchange.callees[ADA] = Callee("ring")
    call = dialled(app, stage, "<Client>ada</Client>", 'answerOnBridge="true"')
    stage.reaches(call, "dialling")
    assert call.status == "ringing"

    stage.do(leg_to(stage, ADA).picked_up.set)

    stage.reaches(call, "bridged")
    assert call.status == "in-progress"


def test_who_is_called_hears_something_first(app: App, stage: Stage) -> None:
    app.says("/whisper", "<Say>A customer</Say>")
    call = dialled(app, stage, f'<Number url="/whisper">{BOB}</Number>')
    stage.reaches(call, "bridged")

    assert leg_to(stage, BOB).hears == "A customer"
    assert app.to("/whisper")[0].params["CallSid"] == leg_to(stage, BOB).sid


def test_a_talk_is_recorded(app: App, stage: Stage) -> None:
    attributes = 'record="record-from-answer-dual" recordingStatusCallback="/recorded"'
    call = dialled(app, stage, BOB, attributes)
    stage.reaches(call, "bridged")
    stage.hang_up(leg_to(stage, BOB))

    told, recorded = app.wait_for("/after").params, app.wait_for("/recorded").params
    assert told["RecordingUrl"] == recorded["RecordingUrl"]
    assert (recorded["RecordingSource"], recorded["RecordingChannels"]) == ("DialVerb", "2")


def test_somebody_is_taken_out_of_a_queue(app: App, stage: Stage) -> None:
    app.says("/voice", '<Enqueue action="/left" waitUrl="/wait">support</Enqueue>')
    app.says("/wait", '<Pause length="1"/>')
    caller = stage.dial()
    stage.reaches(caller, "queue")
    app.says("/whisper", "<Say>Somebody is there</Say>")
    url = app.says("/take", '<Dial action="/after"><Queue url="/whisper">support</Queue></Dial>')
    agent = stage.phone("ada", url)
    stage.reaches(agent, "bridged")
    assert (caller.stage, caller.hears) == ("bridged", "Somebody is there")
    assert app.to("/whisper")[0].params["DequeingCallSid"] == agent.sid
    assert app.to("/left") == []

    stage.hang_up(agent)

    assert app.wait_for("/left").params["QueueResult"] == "bridged"
    told = app.wait_for("/after").params
    assert (told["DialCallStatus"], told["DialCallSid"]) == ("completed", caller.sid)


def test_an_agent_waits_for_the_next_in_line(app: App, stage: Stage) -> None:
    agent = stage.phone("ada", app.says("/take", '<Dial action="/after"><Queue>support</Queue></Dial>'))
    stage.reaches(agent, "dialling")
    app.says("/voice", "<Enqueue action='/left'>support</Enqueue>")
    caller = stage.dial()
    stage.reaches(agent, "bridged")

    stage.hang_up(caller)

    assert app.wait_for("/after").params["DialCallStatus"] == "completed"
    assert app.wait_for("/left").params["QueueResult"] == "bridged"


def test_an_agent_who_waits_for_nobody_goes_on(app: App, stage: Stage) -> None:
    url = app.says("/take", '<Dial action="/after" timeout="0.05"><Queue>support</Queue></Dial>')
    stage.phone("ada", url)

    assert app.wait_for("/after").params["DialCallStatus"] == "no-answer"
