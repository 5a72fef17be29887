"""Twilio's REST API behind its seam, against a real server on loopback."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from django_twilio_call.exceptions import CallNotInProgress, NotSent, TelephonyError
from django_twilio_call.telephony import TwilioRecording, TwilioTelephony, connect
from tests.fakes import call_sid
from tests.servers import free_port

ACCOUNT = "AC" + "0" * 32


@dataclass
class Api:
    """Answers every request with `status` and `body`, and remembers what was asked."""

    url: str
    status: int = 200
    body: dict[str, object] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def api() -> Iterator[Api]:
    """A server in Twilio's place."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.do_POST()

        def do_POST(self) -> None:
            form = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            answers.asked.append(f"{self.path} {form}")
            body = json.dumps(answers.body).encode()
            self.send_response(answers.status)
            for name, value in {**answers.headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    answers = Api(f"http://127.0.0.1:{server.server_port}", body={"sid": call_sid(1)})
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield answers
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_participant_is_changed_and_one_who_left_is_no_error(api: Api) -> None:
    client = telephony(api.url)
    client.update_participant(conference="CF" + "1" * 32, sid=call_sid(1), changes={"hold": True, "muted": False})

    path, form = api.asked[0].split()
    assert path.endswith(f"/Conferences/CF{'1' * 32}/Participants/{call_sid(1)}.json")
    assert sorted(form.split("&")) == ["Hold=true", "Muted=false"]
    api.status, api.body = 404, {"code": 20404, "message": "not found"}
    with pytest.raises(CallNotInProgress):
        client.update_participant(conference="CF" + "1" * 32, sid=call_sid(1), changes={"hold": True})


def test_somebody_is_called_into_a_conference_once(api: Api) -> None:
    client = telephony(api.url)
    wanted = {
        "conference": "CF" + "1" * 32,
        "to": "+14155550199",
        "label": "outside-1",
        "status_url": "https://a.test/",
    }
    client.add_participant(**wanted)

    assert "Label=outside-1" in api.asked[0]
    assert "EndConferenceOnExit=false" in api.asked[0]
    api.status, api.body = 400, {"code": 16025, "message": "duplicate label"}
    client.add_participant(**wanted)  # the first one had arrived
    api.body = {"code": 21211, "message": "invalid number"}
    with pytest.raises(TelephonyError):
        client.add_participant(**wanted)


def telephony(url: str) -> TwilioTelephony:
    return connect(account_sid=ACCOUNT, username=ACCOUNT, password="token", api_base_url=url, timeout=1, pool_size=2)


def test_a_call_is_redirected(api: Api) -> None:
    telephony(api.url).redirect_call(sid=call_sid(1), url="https://example.com/x")

    assert api.asked == [
        f"/2010-04-01/Accounts/{ACCOUNT}/Calls/{call_sid(1)}.json Url=https%3A%2F%2Fexample.com%2Fx&Method=POST"
    ]


def test_a_call_is_ended(api: Api) -> None:
    telephony(api.url).end_call(sid=call_sid(1))

    assert api.asked[0].endswith("Status=completed")


@pytest.mark.parametrize(("status", "code"), [(400, 21220), (404, 20404)], ids=["ended", "unknown"])
def test_a_call_that_is_over_says_so(api: Api, status: int, code: int) -> None:
    api.status, api.body = status, {"code": code, "message": "Call is not in-progress", "status": status}

    with pytest.raises(CallNotInProgress):
        telephony(api.url).end_call(sid=call_sid(1))


def test_too_many_requests_say_when_to_come_back(api: Api) -> None:
    api.status, api.headers = 429, {"Retry-After": "7"}

    with pytest.raises(TelephonyError) as error:
        telephony(api.url).end_call(sid=call_sid(1))

    assert (error.value.retryable, error.value.retry_after) == (True, 7)


@pytest.mark.parametrize(("status", "retryable"), [(401, False), (404, False), (500, True), (503, True)])
def test_an_error_says_whether_to_try_again(api: Api, status: int, retryable: bool) -> None:
    api.status, api.body = status, {"code": 20001, "message": "no", "status": status}

    with pytest.raises(TelephonyError) as error:
        telephony(api.url).end_call(sid=call_sid(1))

    assert error.value.retryable is retryable
    assert len(api.asked) == 1


def test_no_answer_may_be_tried_again_and_names_no_secret() -> None:
    with pytest.raises(TelephonyError) as error:
        telephony(f"http://127.0.0.1:{free_port()}").end_call(sid=call_sid(1))

    assert error.value.retryable
    assert "token" not in str(error.value)


def test_a_call_that_was_never_asked_for_is_told_from_one_that_may_have_been() -> None:
    """Only the first is made anew without asking: a second call to the same person is the worst there is."""
    call = {"to": "+1", "url": "https://e.com/x", "status_url": "https://e.com/s"}
    with pytest.raises(NotSent):
        telephony(f"http://127.0.0.1:{free_port()}").create_call(**call)
    with socket.create_server(("127.0.0.1", 0)) as hung, pytest.raises(TelephonyError) as error:
        telephony(f"http://127.0.0.1:{hung.getsockname()[1]}").create_call(**call)

    assert not isinstance(error.value, NotSent)


SHOWN = {
    "sid": call_sid(1),
    "status": "in-progress",
    "from": "+1",
    "to": "+2",
    "direction": "outbound-api",
    "date_created": "Mon, 02 Mar 2026 09:30:00 +0000",
    "duration": "7",
}
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_a_call_that_is_made_gives_its_sid(api: Api) -> None:
    assert telephony(api.url).create_call(to="+1", url="https://e.com/x", status_url="https://e.com/s") == call_sid(1)


def test_a_call_is_read_as_twilio_shows_it(api: Api) -> None:
    api.body = dict(SHOWN)

    found = telephony(api.url).call(sid=call_sid(1))

    assert found is not None
    assert (found.sid, found.status, found.from_number, found.to_number) == (call_sid(1), "in-progress", "+1", "+2")
    assert (found.is_live, found.duration, found.created_at) == (True, 7, datetime(2026, 3, 2, 9, 30, tzinfo=UTC))


def test_a_call_nobody_knows_is_none(api: Api) -> None:
    api.status, api.body = 404, {"code": 20404, "message": "not found", "status": 404}

    assert telephony(api.url).call(sid=call_sid(1)) is None


def test_calls_made_are_ours_and_as_young_as_asked_for(api: Api) -> None:
    api.body = {"calls": [SHOWN, {**SHOWN, "direction": "inbound"}], "page_size": 50}

    assert len(telephony(api.url).calls_made(to="+2", since=NOON - timedelta(hours=3))) == 1
    assert telephony(api.url).calls_made(to="+2", since=NOON) == []
    assert "To=%2B2" in api.asked[0]
    assert "StartTime" not in api.asked[0]


def test_a_call_that_has_no_date_yet_was_made_just_now(api: Api) -> None:
    api.body = {"calls": [{**SHOWN, "date_created": None}], "page_size": 50}

    assert [call.created_at for call in telephony(api.url).calls_made(to="+2", since=NOON)] == [None]


def test_live_calls_are_read_up_to_a_limit(api: Api) -> None:
    api.body = {"calls": [SHOWN, SHOWN], "page_size": 50}

    assert len(telephony(api.url).live_calls(most=3)) == 3
    assert ["Status=in-progress" in api.asked[0], "Status=ringing" in api.asked[1]] == [True, True]


RECORDED = {
    "sid": f"RE{1:032x}",
    "status": "completed",
    "source": "RecordVerb",
    "call_sid": call_sid(1),
    "conference_sid": None,
    "date_created": "Mon, 02 Mar 2026 12:00:00 +0000",
    "duration": "7",
    "media_url": "https://api.example.com/sound",
}


def test_a_recording_is_read_as_twilio_shows_it_and_one_nobody_knows_is_none(api: Api) -> None:
    api.body = dict(RECORDED)
    found = telephony(api.url).recording(sid=RECORDED["sid"] or "")

    assert found == TwilioRecording(
        sid=f"RE{1:032x}",
        status="completed",
        source="RecordVerb",
        call_sid=call_sid(1),
        conference_sid="",
        created_at=NOON,
        duration=7,
        url="https://api.example.com/sound",
    )
    api.status, api.body = 404, {"code": 20404, "message": "not found", "status": 404}
    assert telephony(api.url).recording(sid="RE1") is None


def test_recordings_are_those_of_the_time_even_if_twilio_gives_the_whole_day(api: Api) -> None:
    days = [{**RECORDED, "date_created": f"Mon, 02 Mar 2026 {hour}:00:00 +0000"} for hour in (14, 12, 10)]
    api.body = {"recordings": days, "page_size": 1000}

    found = list(telephony(api.url).recordings(since=NOON - timedelta(hours=1), until=NOON + timedelta(hours=1)))

    assert [each.created_at for each in found] == [NOON]
    assert "PageSize=1000" in api.asked[0]


def test_a_recording_that_has_no_date_yet_is_for_the_next_time(api: Api) -> None:
    api.body = {"recordings": [{**RECORDED, "date_created": None}, RECORDED], "page_size": 1000}

    found = list(telephony(api.url).recordings(since=NOON - timedelta(hours=1), until=NOON + timedelta(hours=1)))

    assert [each.created_at for each in found] == [NOON]


@pytest.mark.parametrize("status", [404, 500])
def test_a_list_of_recordings_that_cannot_be_had_is_an_error_of_ours(api: Api, status: int) -> None:
    api.status, api.body = status, {}

    with pytest.raises(TelephonyError):
        list(telephony(api.url).recordings(since=NOON, until=NOON))


@pytest.mark.parametrize("status", [404, 500])
def test_a_list_that_cannot_be_had_is_an_error_of_ours(api: Api, status: int) -> None:
    api.status, api.body = status, {}

    with pytest.raises(TelephonyError):
        telephony(api.url).live_calls(most=3)
