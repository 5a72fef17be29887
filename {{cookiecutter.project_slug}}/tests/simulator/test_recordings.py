"""Recordings: messages that callers leave, calls and conferences that are recorded, and what becomes of them."""

from __future__ import annotations

import io
import wave
from typing import Any

import pytest
import urllib3

from twilio_simulator.calls import Call, Callback

from .client import refusal
from .stage import SID, TOKEN, App, Stage

RECORD = '<Record action="/after" maxLength="30" recordingStatusCallback="/recorded"/><Say>Nothing</Say>'


@pytest.fixture
def message(app: App, stage: Stage) -> Call:
    """Somebody who leaves a message."""
    app.says("/voice", RECORD)
    call = stage.dial()
    stage.reaches(call, "record")
    return call


@pytest.fixture
def talking(app: App, stage: Stage) -> Call:
    """A call that goes on."""
    app.says("/voice", '<Gather timeout="100000"/>')
    call = stage.dial()
    stage.reaches(call, "menu")
    return call


def media(stage: Stage, path: str, **headers: str) -> Any:
    """The sound of a recording, as the app gets it."""
    with urllib3.PoolManager(retries=False) as pool:
        auth = urllib3.make_headers(basic_auth=f"{SID}:{TOKEN}")
        return pool.request("GET", stage.url + path, headers={**auth, **headers})


def test_a_key_ends_a_message(app: App, stage: Stage, message: Call) -> None:
    stage.press(message, "#")

    told = app.wait_for("/after").params
    assert (told["Digits"], told["RecordingDuration"]) == ("#", "1")
    recorded = app.wait_for("/recorded").params
    assert (recorded["RecordingStatus"], recorded["RecordingSource"]) == ("completed", "RecordVerb")
    assert told["RecordingUrl"] == recorded["RecordingUrl"]
    assert told["RecordingUrl"].startswith(f"https://api.twilio.com/2010-04-01/Accounts/{SID}/Recordings/RE")


def test_so_does_a_hang_up(app: App, stage: Stage, message: Call) -> None:
    stage.hang_up(message)

    told = app.wait_for("/after").params
    assert (told["Digits"], told["CallStatus"]) == ("hangup", "completed")
    assert app.wait_for("/recorded").params["CallSid"] == message.sid


def test_and_silence_after_what_was_said(app: App, stage: Stage) -> None:
    app.says("/voice", '<Record action="/after" timeout="0.01" transcribeCallback="/written"/>')
    call = stage.dial()
    stage.reaches(call, "record")
    stage.do(lambda: stage.exchange.hear(call, "Call me"))

    assert app.wait_for("/after").params["Digits"] == ""
    written = app.wait_for("/written").params
    assert (written["TranscriptionText"], written["TranscriptionStatus"]) == ("Call me", "completed")


def test_a_message_can_be_played(app: App, stage: Stage, message: Call, client: Any) -> None:
    stage.press(message, "1")
    sid = app.wait_for("/after").params["RecordingSid"]
    path = f"/2010-04-01/Accounts/{SID}/Recordings/{sid}"

    with wave.open(io.BytesIO(media(stage, path).data)) as sound:
        assert (sound.getframerate(), sound.getnframes()) == (8000, 8000)
    assert media(stage, f"{path}.wav").headers["Content-Type"] == "audio/x-wav"
    mp3 = media(stage, f"{path}.mp3")
    assert (mp3.headers["Content-Type"], mp3.data[:2]) == ("audio/mpeg", b"\xff\xf3")
    with urllib3.PoolManager(retries=False) as pool:
        assert pool.request("GET", stage.url + path).status == 401


@pytest.mark.parametrize(
    ("wanted", "status", "size"),
    [
        ("bytes=0-9", 206, 10),
        ("bytes=8000-", 206, 44),
        ("bytes=-10", 206, 10),
        ("bytes=9999-", 416, 0),
        ("", 200, 8044),
    ],
)
def test_a_part_of_it_too(app: App, stage: Stage, message: Call, wanted: str, status: int, size: int) -> None:
    stage.press(message, "1")
    sid = app.wait_for("/after").params["RecordingSid"]

    answer = media(stage, f"/2010-04-01/Accounts/{SID}/Recordings/{sid}.wav", Range=wanted)

    assert (answer.status, len(answer.data)) == (status, size)


def test_a_call_is_recorded_paused_and_stopped(app: App, stage: Stage, client: Any, talking: Call) -> None:
    recordings = client.calls(talking.sid).recordings
    made = recordings.create(
        recording_status_callback=f"{app.url}/recorded",
        recording_status_callback_event=["in-progress", "completed"],
        recording_channels="dual",
    )
    assert (made.status, made.channels, made.source) == ("in-progress", 2, "StartCallRecordingAPI")

    assert recordings("Twilio.CURRENT").update(status="paused", pause_behavior="skip").status == "paused"
    assert recordings("Twilio.CURRENT").update(status="in-progress").status == "in-progress"
    assert recordings(made.sid).update(status="stopped").status == "stopped"

    assert app.wait_for("/recorded", 2).params["RecordingStatus"] in ("in-progress", "completed")
    assert client.recordings(made.sid).fetch().status == "completed"
    assert refusal(recordings("Twilio.CURRENT").update, status="paused") == (404, 20404)
    assert refusal(recordings(made.sid).update, status="paused") == (400, 21220)


def test_paused_time_is_skipped(app: App, stage: Stage, talking: Call) -> None:
    recordings = stage.exchange.recordings
    now = stage.exchange.clock.time
    made = stage.do(lambda: recordings.start(talking, "OutboundAPI", Callback()))
    made.since = now() - 10
    stage.do(lambda: recordings.pause(made, skip=True))
    stage.do(lambda: recordings.stop(made))

    assert made.duration in (10, 11)


def test_recordings_end_with_their_call_and_can_be_deleted(stage: Stage, client: Any, talking: Call) -> None:
    made = client.calls(talking.sid).recordings.create()
    stage.hang_up(talking)
    stage.ended(talking)

    assert [each.status for each in client.recordings.list(call_sid=talking.sid)] == ["completed"]
    client.recordings(made.sid).delete()
    assert client.recordings.list() == []
    assert refusal(client.recordings(made.sid).fetch) == (404, 20404)


def test_a_conference_is_recorded_from_its_start(app: App, stage: Stage, client: Any) -> None:
    noun = '<Conference record="record-from-start" recordingStatusCallback="/recorded">room</Conference>'
    url = app.says("/leg", f"<Dial>{noun}</Dial>")
    first, second = stage.phone("ada", url), stage.phone("bob", url)
    stage.reaches(first, "conference")
    stage.reaches(second, "conference")
    (conference,) = client.conferences.list()
    (recording,) = conference.recordings.list()
    assert (recording.source, recording.conference_sid) == ("Conference", conference.sid)
    assert conference.recordings("Twilio.CURRENT").update(status="paused").status == "paused"

    conference.update(status="completed")

    assert app.wait_for("/recorded").params["ConferenceSid"] == conference.sid


def test_a_call_is_recorded_and_written_down_while_it_goes_on(app: App, stage: Stage, client: Any) -> None:
    app.says(
        "/voice",
        '<Start><Recording recordingStatusCallback="/recorded"/>'
        '<Transcription name="t" statusCallbackUrl="/text"/></Start>'
        '<Gather/><Stop><Transcription name="t"/></Stop>',
    )
    call = stage.dial()
    stage.reaches(call, "menu")
    stage.do(lambda: stage.exchange.hear(call, "Hello"))
    app.wait_for("/text", 2)
    stage.press(call, "#")
    stage.ended(call)

    events = {app.wait_for("/text", number).params["TranscriptionEvent"] for number in (1, 2, 3)}
    assert events == {"transcription-started", "transcription-content", "transcription-stopped"}
    (content,) = (each.params for each in app.to("/text") if "TranscriptionData" in each.params)
    assert '"transcript": "Hello"' in content["TranscriptionData"]
    assert app.wait_for("/recorded").params["RecordingStatus"] == "completed"


def test_what_is_over_cannot_be_recorded(stage: Stage, client: Any) -> None:
    sid = stage.live_through()["call_sid"]

    assert refusal(client.calls(sid).recordings.create) == (400, 21220)
