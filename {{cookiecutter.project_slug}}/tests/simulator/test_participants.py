"""Participants of a conference, asked for by Twilio's own client, and what the app is told of them."""

from __future__ import annotations

from typing import Any

import pytest

from twilio_simulator.calls import Call
from twilio_simulator.outbound import Callee

from .client import refusal
from .stage import CALLER, App, Said, Stage

EVENTS = "start end join leave mute hold modify announcement"
CONFERENCE = f'<Dial><Conference statusCallback="/conf" statusCallbackEvent="{EVENTS}">room</Conference></Dial>'
NUMBER = "+15550100000"


@pytest.fixture
def talking(app: App, stage: Stage) -> Call:
    """Somebody in a conference whose events the app hears."""
    app.says("/voice", CONFERENCE)
    call = stage.dial()
    stage.reaches(call, "conference")
    return call


@pytest.fixture
def conference(client: Any, talking: Call) -> Any:
    """That conference, over REST."""
    (conference,) = client.conferences.list(friendly_name="room")
    return conference


def invite(stage: Stage, conference: Any, **options: Any) -> Any:
    """Call somebody into the conference, and wait until they are in."""
    participant = conference.participants.create(from_=NUMBER, to="client:ada", **options)
    stage.reaches(stage.exchange.calls[participant.call_sid], "conference")
    return participant


def told(app: App, stage: Stage) -> list[dict[str, str]]:
    """What the app was told of the conference, in order."""
    stage.until(stage.exchange.webhooks.settled())
    return sorted((each.params for each in app.to("/conf")), key=lambda each: int(each["SequenceNumber"]))


def test_somebody_is_called_into_a_conference(app: App, stage: Stage, conference: Any, talking: Call) -> None:
    made = invite(stage, conference, label="agent", end_conference_on_exit=True)

    assert (made.status, made.label, made.end_conference_on_exit, made.queue_time) == ("queued", "agent", True, "0")
    assert {each.call_sid for each in conference.participants.list()} == {talking.sid, made.call_sid}
    assert conference.participants("agent").fetch().call_sid == made.call_sid
    assert conference.fetch().status == "in-progress"
    joined = told(app, stage)[1]
    assert (joined["StatusCallbackEvent"], joined["CallSid"], joined["ParticipantLabel"]) == (
        "participant-join",
        made.call_sid,
        "agent",
    )


def test_their_leg_tells_how_it_goes(app: App, stage: Stage, conference: Any) -> None:
    events = ["initiated", "ringing", "answered", "completed"]
    made = invite(stage, conference, status_callback=f"{app.url}/leg", status_callback_event=events)
    conference.update(status="completed")
    stage.ended(stage.exchange.calls[made.call_sid])
    stage.drained()

    asked = sorted((each.params for each in app.to("/leg")), key=lambda each: each["SequenceNumber"])
    assert [each["CallStatus"] for each in asked] == ["initiated", "ringing", "in-progress", "completed"]
    assert {each["Direction"] for each in asked} == {"outbound-api"}


def test_a_conference_begins_with_somebody_called_into_it_by_name(app: App, stage: Stage, client: Any) -> None:
    made = client.conferences("a room").participants.create(
        from_=NUMBER,
        to=CALLER,
        conference_status_callback=f"{app.url}/conf",
        conference_status_callback_event=["join", "leave"],
    )
    call = stage.exchange.calls[made.call_sid]
    stage.reaches(call, "conference")
    stage.hang_up(call)
    stage.ended(call)

    assert client.conferences(made.conference_sid).fetch().friendly_name == "a room"
    assert [each["StatusCallbackEvent"] for each in told(app, stage)] == ["participant-join", "participant-leave"]


@pytest.mark.parametrize(
    ("changes", "events"),
    [
        ([{"muted": True}, {"muted": False}], ["participant-mute", "participant-unmute"]),
        ([{"hold": True}, {"hold": False}], ["participant-hold", "participant-unhold"]),
        ([{"end_conference_on_exit": True}], ["participant-modify"]),
        ([{"hold": True, "muted": True}, {"hold": True}], ["participant-hold", "participant-mute"]),
    ],
)
def test_a_change_is_told_once(
    app: App, stage: Stage, conference: Any, talking: Call, changes: list[dict[str, bool]], events: list[str]
) -> None:
    for change in changes:
        shown = conference.participants(talking.sid).update(**change)
        assert all(getattr(shown, name) is value for name, value in change.items())

    assert [each["StatusCallbackEvent"] for each in told(app, stage)][1:] == events


def test_who_is_on_hold_hears_what_the_app_wants(app: App, stage: Stage, conference: Any, talking: Call) -> None:
    url = app.says("/music", "<Say>One moment</Say>")
    conference.participants(talking.sid).update(hold=True, hold_url=url, hold_method="GET")

    assert app.wait_for("/music", 2).method == "GET"
    assert talking.hears == "One moment"
    assert conference.participants.list(hold=True)[0].call_sid == talking.sid

    conference.participants(talking.sid).update(hold=False)
    stage.until(stage.exchange.webhooks.settled())
    heard = len(app.to("/music"))
    stage.hang_up(talking)
    stage.ended(talking)
    stage.drained()
    assert len(app.to("/music")) == heard


def test_one_who_coaches_is_heard_by_one(app: App, stage: Stage, conference: Any, talking: Call) -> None:
    made = invite(stage, conference, coaching=True, call_sid_to_coach=talking.sid)
    assert (made.coaching, made.call_sid_to_coach) == (True, talking.sid)

    conference.participants(made.call_sid).update(coaching=False)

    event = told(app, stage)[-1]
    assert (event["StatusCallbackEvent"], event["Coaching"]) == ("participant-modify", "false")


def test_nobody_coaches_somebody_who_is_not_there(stage: Stage, conference: Any, talking: Call) -> None:
    nobody = "CA" + "0" * 32

    assert refusal(conference.participants.create, from_=NUMBER, to=CALLER, call_sid_to_coach=nobody) == (400, 13240)
    assert refusal(conference.participants(talking.sid).update, call_sid_to_coach=nobody) == (400, 13240)
    assert len(stage.exchange.calls) == 1


def test_a_label_is_given_once(stage: Stage, conference: Any) -> None:
    invite(stage, conference, label="agent")

    assert refusal(conference.participants.create, from_=NUMBER, to=CALLER, label="agent") == (400, 16025)


def test_an_announcement_is_heard_by_one_or_by_all(app: App, stage: Stage, conference: Any, talking: Call) -> None:
    made = invite(stage, conference)
    whisper, aloud = app.says("/whisper", "<Say>psst</Say>"), app.says("/aloud", "<Say>hear</Say>")
    conference.participants(talking.sid).update(announce_url=whisper)
    app.wait_for("/conf", 4)
    conference.update(announce_url=aloud)
    app.wait_for("/conf", 5)

    one, every = told(app, stage)[-2:]
    assert (one["StatusCallbackEvent"], one["AnnounceUrl"], one["CallSid"]) == (
        "announcement-end",
        whisper,
        talking.sid,
    )
    assert (every["AnnounceUrl"], "CallSid" in every) == (aloud, False)
    assert {talking.hears, stage.exchange.calls[made.call_sid].hears} == {"hear"}


def test_an_announcement_that_fails_is_told(app: App, stage: Stage, conference: Any, talking: Call) -> None:
    conference.participants(talking.sid).update(announce_url=app.says("/broken", Said(status=500)))

    failed = app.wait_for("/conf", 2).params
    assert failed["StatusCallbackEvent"] == "announcement-fail"
    assert "11200" in failed["ReasonAnnouncementFailed"]


def test_nobody_rings_for_a_conference_that_has_ended(stage: Stage, conference: Any) -> None:
    stage.exchange.callees["client:ada"] = Callee("ring")
    made = conference.participants.create(from_=NUMBER, to="client:ada")
    assert conference.participants(made.call_sid).fetch().status in ("queued", "connecting", "ringing")
    conference.update(status="completed")
    stage.ended(stage.exchange.calls[made.call_sid])

    assert stage.exchange.calls[made.call_sid].status == "canceled"


@pytest.mark.parametrize("does", ["busy", "failed"])
def test_somebody_who_does_not_come_is_told(app: App, stage: Stage, conference: Any, does: str) -> None:
    stage.exchange.callees["client:ada"] = Callee(does)
    made = conference.participants.create(from_=NUMBER, to="client:ada")
    stage.ended(stage.exchange.calls[made.call_sid])

    left = told(app, stage)[-1]
    assert (left["ReasonParticipantLeft"], left["ParticipantCallStatus"]) == ("participant_add_failed", does)


def test_who_speaks_is_told(app: App, stage: Stage) -> None:
    app.says(
        "/voice", '<Dial><Conference statusCallback="/conf" statusCallbackEvent="speaker">room</Conference></Dial>'
    )
    call = stage.dial()
    stage.reaches(call, "conference")
    stage.do(lambda: stage.exchange.hear(call, "Hello"))
    app.wait_for("/conf", 2)

    events = [each["StatusCallbackEvent"] for each in told(app, stage)]
    assert events == ["participant-speech-start", "participant-speech-stop"]


def test_somebody_taken_out_left_by_the_app(app: App, stage: Stage, conference: Any, talking: Call) -> None:
    made = invite(stage, conference)
    conference.participants(made.call_sid).delete()
    stage.ended(stage.exchange.calls[made.call_sid])

    left = told(app, stage)[-1]
    assert (left["StatusCallbackEvent"], left["ReasonParticipantLeft"]) == (
        "participant-leave",
        "participant_updated_via_api",
    )
    assert refusal(conference.participants(made.call_sid).fetch) == (404, 20404)


@pytest.mark.parametrize("missing", ["from_", "to"])
def test_somebody_who_cannot_be_called_is_refused(client: Any, stage: Stage, missing: str) -> None:
    numbers = {"from_": NUMBER, "to": CALLER, missing: ""}

    assert refusal(client.conferences("room").participants.create, **numbers)[0] == 400
    assert client.conferences.list() == []
