"""The REST API, asked by Twilio's own client."""

from __future__ import annotations

from typing import Any

import pytest
import urllib3
from twilio.rest import Client

from twilio_simulator.calls import Call, HungUp, Interrupted, Redirected, Target
from twilio_simulator.http import Request
from twilio_simulator.rest import Rest

from .client import Rehosted, refusal
from .stage import CALLER, SID, TOKEN, App, Stage

NOBODY = "CA" + "0" * 32


@pytest.fixture
def waiting(app: App, stage: Stage) -> Call:
    """Somebody in a queue."""
    app.says("/voice", '<Enqueue action="/left">support</Enqueue>')
    call = stage.dial()
    stage.reaches(call, "queue")
    return call


@pytest.fixture
def talking(app: App, stage: Stage) -> Call:
    """Somebody in a conference."""
    app.says("/voice", '<Dial action="/after"><Conference>room</Conference></Dial>')
    call = stage.dial()
    stage.reaches(call, "conference")
    return call


def test_a_call_is_shown_as_twilio_shows_it(stage: Stage, client: Any, waiting: Call) -> None:
    shown = client.calls(waiting.sid).fetch()

    assert (shown.sid, shown.status, shown.direction) == (waiting.sid, "in-progress", "inbound")
    assert (shown._from, shown.to, shown.duration, shown.end_time) == (CALLER, "+15550100000", None, None)
    assert shown.start_time.tzinfo is not None


def test_calls_are_found_by_number_and_status(stage: Stage, client: Any, waiting: Call) -> None:
    assert [call.sid for call in client.calls.list(from_=CALLER, status="in-progress")] == [waiting.sid]
    assert client.calls.list(to="+14155550199") == []


def test_a_call_is_fetched_elsewhere(app: App, client: Any, waiting: Call) -> None:
    client.calls(waiting.sid).update(url=f"{app.url}/connect", method="POST")

    assert app.wait_for("/connect").params["CallSid"] == waiting.sid


def test_a_call_is_ended(app: App, stage: Stage, client: Any, waiting: Call) -> None:
    client.calls(waiting.sid).update(status="completed")

    assert stage.ended(waiting)["ended_by"] == "app"
    assert client.calls(waiting.sid).fetch().status == "completed"


def test_a_call_that_is_over_cannot_be_moved(app: App, stage: Stage, client: Any) -> None:
    sid = stage.live_through()["call_sid"]

    assert refusal(client.calls(sid).update, url=f"{app.url}/connect") == (400, 21220)


def at_once(stage: Stage, call: Call, why: Interrupted, path: str) -> int:
    """The status of a request that comes before an interrupt has taken effect."""

    def act() -> int:
        call.interrupt(why)
        auth = {"authorization": urllib3.make_headers(basic_auth=f"{SID}:{TOKEN}")["authorization"]}
        url = ("Url", stage.account.voice_url)
        return Rest(stage.exchange).handle(Request("POST", f"/2010-04-01/Accounts/{SID}/{path}", (url,), auth)).status

    return stage.do(act)


def test_a_call_that_is_being_ended_cannot_be_moved(stage: Stage, waiting: Call) -> None:
    assert at_once(stage, waiting, HungUp("caller"), f"Calls/{waiting.sid}.json") == 400


def test_a_call_that_is_being_moved_can_be_moved_again(stage: Stage, waiting: Call) -> None:
    elsewhere = Redirected(Target(stage.account.voice_url, "POST"))

    assert at_once(stage, waiting, elsewhere, f"Calls/{waiting.sid}.json") == 200


def test_somebody_who_is_being_fetched_is_in_no_queue(stage: Stage, waiting: Call) -> None:
    path = f"Queues/{stage.exchange.queues['support'].sid}/Members/{waiting.sid}.json"

    assert at_once(stage, waiting, Redirected(Target(stage.account.voice_url, "POST")), path) == 404


@pytest.mark.parametrize("change", [{"url": ""}, {"url": "/connect"}])
def test_a_call_goes_on_at_an_absolute_url_only(client: Any, waiting: Call, change: dict[str, str]) -> None:
    assert refusal(client.calls(waiting.sid).update, **change) == (400, 21205)


def test_a_call_is_made(app: App, stage: Stage, client: Any) -> None:
    made = client.calls.create(
        to=CALLER,
        from_="+15550100000",
        url=f"{app.url}/out",
        status_callback=f"{app.url}/placed",
        status_callback_event=["answered", "completed"],
    )

    stage.ended(stage.exchange.calls[made.sid])
    stage.drained()
    assert sorted(each.params["CallStatus"] for each in app.to("/placed")) == ["completed", "in-progress"]
    assert (made.direction, app.to("/out")[0].params["To"]) == ("outbound-api", CALLER)


def test_queues_and_who_is_in_them_are_shown(client: Any, waiting: Call) -> None:
    (queue,) = client.queues.list()
    (member,) = queue.members.list()

    assert (queue.friendly_name, queue.current_size, queue.max_size) == ("support", 1, 1000)
    assert (member.call_sid, member.position, member.wait_time) == (waiting.sid, 1, 0)
    assert client.queues(queue.sid).fetch().average_wait_time == 0
    assert queue.members("Front").fetch().call_sid == waiting.sid


def test_a_queue_is_made_for_so_many(client: Any) -> None:
    queue = client.queues.create("sales", max_size=3)

    assert client.queues(queue.sid).fetch().max_size == 3
    assert client.queues(queue.sid).update(max_size=5).max_size == 5


@pytest.mark.parametrize("front", [True, False])
def test_somebody_is_fetched_out_of_a_queue_once(app: App, client: Any, waiting: Call, front: bool) -> None:
    members = client.queues.list()[0].members
    who = "Front" if front else waiting.sid
    members(who).update(url=f"{app.url}/connect")

    assert refusal(members(who).update, url=f"{app.url}/connect") == (404, 20404)
    assert app.wait_for("/connect").params["CallSid"] == waiting.sid


def test_conferences_and_who_is_in_them_are_shown(client: Any, talking: Call) -> None:
    (conference,) = client.conferences.list(friendly_name="room")
    (participant,) = conference.participants.list()

    assert (conference.status, client.conferences(conference.sid).fetch().friendly_name) == ("init", "room")
    assert (participant.call_sid, participant.end_conference_on_exit) == (talking.sid, False)
    assert conference.participants(talking.sid).fetch().status == "connected"
    assert client.conferences.list(status="in-progress") == []


def test_a_conference_is_ended(app: App, stage: Stage, client: Any, talking: Call) -> None:
    (conference,) = client.conferences.list()

    assert conference.update(status="completed").status == "completed"
    assert app.wait_for("/after").params["CallSid"] == talking.sid
    ended = client.conferences(conference.sid).fetch()
    assert (ended.status, ended.reason_conference_ended) == ("completed", "conference-ended-via-api")
    assert conference.participants.list() == []


def test_somebody_taken_out_of_a_conference_goes_on(app: App, client: Any, talking: Call) -> None:
    client.conferences.list()[0].participants(talking.sid).delete()

    assert app.wait_for("/after").params["DialCallStatus"] == "answered"


def test_who_does_not_know_the_token_is_refused(stage: Stage) -> None:
    http = Rehosted(stage.url)

    assert refusal(Client(SID, "guess", http_client=http).calls(NOBODY).fetch) == (401, 20003)
    http.session.close()


def test_what_there_is_not_is_not_found(client: Any, talking: Call) -> None:
    queue, conference = "QU" + "0" * 32, client.conferences.list()[0]

    assert refusal(client.calls(NOBODY).fetch) == (404, 20404)
    assert refusal(client.queues(queue).fetch) == (404, 20404)
    assert refusal(client.queues(queue).members(NOBODY).fetch) == (404, 20404)
    assert refusal(conference.participants(NOBODY).delete) == (404, 20404)
    assert refusal(client.incoming_phone_numbers("PN" + "0" * 32).fetch) == (404, 20404)


def test_what_cannot_be_done_says_so(client: Any, talking: Call) -> None:
    assert refusal(client.calls(talking.sid).delete) == (409, 20009)
    assert refusal(client.conferences(NOBODY.replace("CA", "CF")).fetch) == (404, 20404)
