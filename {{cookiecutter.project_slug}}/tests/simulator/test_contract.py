"""Every endpoint of the simulator, driven by twilio-python and held against Twilio's published description."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from twilio.rest import Client

from twilio_simulator.rest import Rest

from .client import Rehosted, refusal
from .contract import NAME, description, objections
from .stage import CALLER, SID, TOKEN, App, Stage

Answered = tuple[str, str, int, Any]
NUMBER = "+15550100000"

pytestmark = pytest.mark.skipif(
    description() is None,
    reason=f"Twilio's OpenAPI file is not here: {NAME} may say where twilio_api_v2010.json (twilio/twilio-oai) lies",
)


class Witness(Rehosted):
    """Remembers every answer."""

    def __init__(self, base: str) -> None:
        super().__init__(base)
        self.answers: list[Answered] = []

    def request(self, method: str, url: str, *args: Any, **options: Any) -> Any:
        """Ask, and remember."""
        answer = super().request(method, url, *args, **options)
        body = json.loads(answer.text) if answer.text else None
        self.answers.append((method, urlsplit(url).path, answer.status_code, body))
        return answer


@pytest.fixture
def witness(stage: Stage) -> Iterator[Witness]:
    """A client that remembers, and at the end the verdict on all that it got."""
    witness = Witness(stage.url)
    yield witness
    witness.session.close()
    assert [line for answer in witness.answers if answer[2] < 300 for line in objections(*answer)] == []


@pytest.fixture
def client(witness: Witness) -> Any:
    """Twilio's client."""
    return Client(SID, TOKEN, http_client=witness)


def calls(app: App, stage: Stage, client: Any) -> None:
    """Made, listed, changed, recorded, listened to, ended, forgotten."""
    hour = timedelta(hours=1)
    made = client.calls.create(to=CALLER, from_=NUMBER, twiml='<Response><Gather timeout="9999"/></Response>')
    call = stage.exchange.calls[made.sid]
    stage.reaches(call, "menu")
    client.calls.list(
        to=CALLER,
        from_=NUMBER,
        status="in-progress",
        start_time_after=datetime.now(UTC) - hour,
        start_time_before=datetime.now(UTC) + hour,
    )
    client.calls(made.sid).fetch()
    client.calls(made.sid).update(time_limit=600)
    recordings(stage, client, client.calls(made.sid))
    transcriptions = client.calls(made.sid).transcriptions
    transcriptions.create(name="captions", status_callback_url=f"{app.url}/text", language_code="de-DE")
    transcriptions("captions").update(status="stopped")
    client.calls(made.sid).update(url=app.says("/next", '<Record maxLength="9" transcribe="true"/>'))
    stage.reaches(call, "record")
    app.says("/next", "<Hangup/>")  # first, since the key has Twilio ask there at once
    stage.press(call, "1")
    stage.ended(call)
    written(client)
    client.calls(made.sid).delete()


def recordings(stage: Stage, client: Any, of: Any) -> None:
    """Of a call or a conference: begun where that can be, listed, paused, stopped, deleted."""
    made = of.recordings.create() if hasattr(of.recordings, "create") else of.recordings.list()[0]
    of.recordings.list(date_created=datetime.now(UTC).date())
    of.recordings(made.sid).fetch()
    of.recordings("Twilio.CURRENT").update(status="paused", pause_behavior="silence")
    of.recordings(made.sid).update(status="stopped")
    client.recordings(made.sid).fetch()
    of.recordings(made.sid).delete()


def written(client: Any) -> None:
    """A recording that was transcribed."""
    (recording,) = client.recordings.list()
    (transcription,) = client.transcriptions.list()
    client.transcriptions(transcription.sid).fetch()
    client.recordings(recording.sid).transcriptions(transcription.sid).fetch()
    (same,) = client.recordings(recording.sid).transcriptions.list()
    client.recordings(recording.sid).transcriptions(same.sid).delete()
    assert refusal(client.transcriptions(same.sid).delete) == (404, 20404)
    client.recordings(recording.sid).delete()


def queues(app: App, stage: Stage, client: Any) -> None:
    """Opened, sized, waited in, closed."""
    queue = client.queues.create("support", max_size=3)
    client.queues(queue.sid).update(max_size=5, friendly_name="sales")
    client.queues.list()
    app.says("/voice", "<Enqueue>sales</Enqueue>")
    call = stage.dial()
    stage.reaches(call, "queue")
    queue.members.list()
    queue.members(call.sid).fetch()
    queue.members("Front").update(url=app.says("/next", "<Hangup/>"))
    stage.ended(call)
    client.queues(queue.sid).fetch()
    client.queues(queue.sid).delete()


def conferences(app: App, stage: Stage, client: Any) -> None:
    """Somebody called in, muted, held, coached, taken out; announced to; ended."""
    app.says("/voice", '<Dial><Conference record="record-from-start">room</Conference></Dial>')
    caller = stage.dial()
    stage.reaches(caller, "conference")
    (conference,) = client.conferences.list(friendly_name="room", status="init")
    made = conference.participants.create(from_=NUMBER, to="client:ada", label="agent", call_sid_to_coach=caller.sid)
    stage.reaches(stage.exchange.calls[made.call_sid], "conference")
    conference.participants.list(muted=False)
    conference.participants("agent").fetch()
    music = app.says("/music", "<Pause/>")
    conference.participants("agent").update(muted=True, hold=True, hold_url=music, coaching=False)
    recordings(stage, client, client.conferences(conference.sid))
    client.conferences(conference.sid).update(announce_url=music)
    conference.participants("agent").delete()
    conference.update(status="completed")
    client.conferences(conference.sid).fetch()
    client.conferences.list()


def account(app: App, client: Any) -> None:
    """What its owner sets up."""
    (number,) = client.incoming_phone_numbers.list()
    client.incoming_phone_numbers(number.sid).fetch()
    client.incoming_phone_numbers(number.sid).update(voice_fallback_url=f"{app.url}/fallback")
    made = client.applications.create(friendly_name="phones", voice_url=f"{app.url}/agent")
    client.applications.list()
    client.applications(made.sid).fetch()
    client.applications(made.sid).update(friendly_name="agents")
    client.applications(made.sid).delete()
    key = client.new_keys.create(friendly_name="web")
    client.keys.list()
    client.keys(key.sid).fetch()
    client.keys(key.sid).delete()
    client.api.v2010.accounts(SID).fetch()
    (shown,) = client.outgoing_caller_ids.list(phone_number=NUMBER)
    client.outgoing_caller_ids(shown.sid).fetch()
    client.tokens.create(ttl=60)


def test_every_endpoint_answers_as_twilio_describes_it(app: App, stage: Stage, client: Any, witness: Witness) -> None:
    calls(app, stage, client)
    queues(app, stage, client)
    conferences(app, stage, client)
    account(app, client)

    start = f"/2010-04-01/Accounts/{SID}/"
    asked = {(method, path.removeprefix(start).removesuffix(".json")) for method, path, *_ in witness.answers}
    routes = [(method, pattern) for method, pattern, _ in Rest(stage.exchange).routes if not pattern.startswith("/")]
    missed = [
        f"{method} {pattern}"
        for method, pattern in routes
        if not any(method == how and re.fullmatch(pattern, path) for how, path in asked)
    ]
    assert [line for line in missed if "wav|mp3" not in line] == []


def test_a_long_list_comes_in_pages(app: App, stage: Stage, client: Any, witness: Witness) -> None:
    for number in range(5):
        client.queues.create(f"queue {number}")
    witness.answers.clear()

    names = [queue.friendly_name for queue in client.queues.list(page_size=2)]

    assert names == [f"queue {number}" for number in range(5)]
    assert [len(body["queues"]) for *_, body in witness.answers] == [2, 2, 1]


def test_the_description_has_teeth() -> None:
    path = f"/2010-04-01/Accounts/{SID}/Queues/QU{'0' * 32}.json"
    queue: dict[str, Any] = {"sid": "QU" + "0" * 32, "max_size": 5, "date_created": "Sun, 29 Nov 2026 09:00:00 +0000"}

    assert objections("GET", path, 200, queue) == []
    for wrong in ({"sid": "CA" + "0" * 32}, {"max_size": "5"}, {"date_created": "yesterday"}, {"colour": "red"}):
        assert len(objections("GET", path, 200, {**queue, **wrong})) == 1
    assert objections("GET", path.replace("Queues", "Lines"), 200, queue) != []
