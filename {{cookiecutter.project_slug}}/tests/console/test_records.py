"""The record: history, timelines, recordings heard, the inbox, flows as pictures, the audit log."""

from __future__ import annotations

import itertools
import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from django_twilio_call.console.flow_picture import draw
from django_twilio_call.constants import OutboxState
from django_twilio_call.models import (
    Agent,
    AuditEntry,
    Call,
    IVRFlow,
    LegalHold,
    May,
    Outbox,
    Queue,
    QueueEntry,
    Recording,
    Role,
    Voicemail,
)
from django_twilio_call.services.voicemail import SHOWN
from tests.conftest import make_agent
from tests.fakes import CALLER, Twilio, call_sid
from tests.media import Recordings, wav
from tests.services.test_flow_check import WHOLE
from tests.webhooks.test_recordings import SID, tell
from tests.webhooks.test_voicemail import recording as leave_message
from tests.webhooks.test_voicemail import written as write_down
from tests.webhooks.test_walk import conference_end, connected

from .conftest import browser_of

pytestmark = pytest.mark.django_db
SOUND = f"/recordings/{SID}/"


@pytest.fixture
def recorded(twilio: Twilio, agent: Agent, recordings: Recordings) -> Recording:
    """A whole call that was recorded."""
    recordings.kept[SID] = wav()
    reservation = connected(twilio)
    tell(twilio, reservation)
    conference_end(twilio, reservation)
    tell(twilio, reservation, "completed")
    return Recording.objects.get()


def text(client: Client, path: str, **query: Any) -> str:
    answer = client.get(path, query)
    assert answer.status_code == 200
    return answer.content.decode()


def calls(number: int, start: datetime | None = None, **fields: Any) -> list[Call]:
    """So many, a minute apart, the last one first; two of the same moment at the end."""
    start = start or timezone.now() - timedelta(hours=9)
    made = [
        Call(
            sid=call_sid(1000 + each),
            started_at=start + timedelta(minutes=max(1, each)),
            **{"from_number": f"+1415555{each:04}", "to_number": "+15550100000"} | fields,
        )
        for each in range(number)
    ]
    return list(reversed(Call.objects.bulk_create(made)))


def shown(page: str) -> list[str]:
    """Sids in the order of the page."""
    return re.findall(r'href="/calls/(CA[0-9a-f]{32})/"', page)


def test_the_history_shows_the_latest_calls_and_leads_to_the_older_ones(auditor: Client) -> None:
    made = [call.sid for call in calls(120)]
    found, query = [], ""
    for _ in range(3):
        answer = auditor.get(f"/calls/?{query}")
        found += shown(answer.content.decode())
        query = answer.context["older"]

    assert found == made
    assert query == ""


@pytest.mark.parametrize("typed", ["+14155550007", "+1 (415) 555-0007", "0014155550007"])
def test_a_number_is_found_however_it_is_written(auditor: Client, typed: str) -> None:
    calls(20)

    assert shown(text(auditor, "/calls/", number=typed)) == [call_sid(1007)]


def test_the_beginning_of_a_number_finds_all_that_begin_so(auditor: Client) -> None:
    calls(20)

    assert len(shown(text(auditor, "/calls/", number="+141555500"))) == 20
    assert shown(text(auditor, "/calls/", number="+1415556")) == []


def test_what_is_no_number_is_said(auditor: Client) -> None:
    assert "is no number" in text(auditor, "/calls/", number="Ada")
    assert "Enter a valid date" in text(auditor, "/calls/", since="yesterday")


@pytest.mark.parametrize("before", ["x", "2026-01-01_1", "2026-13-01T00:00:00+00:00_1", "2026-01-01T00:00:00+00:00_x"])
def test_a_page_that_begins_nowhere_is_the_first(auditor: Client, before: str) -> None:
    calls(2)

    assert len(shown(text(auditor, "/calls/", before=before))) == 2


def test_a_period_bounds_the_search(auditor: Client) -> None:
    calls(1, timezone.now() - timedelta(days=40))

    assert shown(text(auditor, "/calls/")) == []
    since = timezone.now() - timedelta(days=50)
    assert len(shown(text(auditor, "/calls/", since=f"{since:%Y-%m-%dT%H:%M}"))) == 1


def test_a_search_says_of_which_period_it_is_and_leads_to_the_one_before(auditor: Client) -> None:
    (call,) = calls(1, timezone.now() - timedelta(days=40))
    page = auditor.get("/calls/", {"number": "+14155550000", "until": ""})
    assert shown(page.content.decode()) == []
    assert f"to {timezone.localtime():%-d %b %Y}" in page.content.decode()

    earlier = auditor.get(f"/calls/?{page.context['earlier']}")

    assert shown(earlier.content.decode()) == [call.sid]
    assert "number=%2B14155550000&until=" in page.context["earlier"]
    assert earlier.context["page"].until >= page.context["page"].since


def test_a_period_of_which_the_end_alone_is_given_is_as_long_as_any(auditor: Client) -> None:
    (call,) = calls(1, timezone.now() - timedelta(days=70))
    until = timezone.localtime() - timedelta(days=60)

    assert shown(text(auditor, "/calls/", until=f"{until:%Y-%m-%dT%H:%M}")) == [call.sid]


@pytest.mark.parametrize(
    ("typed", "is_told"), [("4155550007", True), ("(415) 555", True), ("+14155550007", False), ("0014155550007", False)]
)
def test_a_number_without_its_country_is_told_how_numbers_are_found(auditor: Client, typed: str, is_told: bool) -> None:
    assert ("by its international form" in text(auditor, "/calls/", number=typed)) is is_told


@pytest.mark.parametrize("asked", [{"number": "Ada"}, {"since": "yesterday"}])
def test_nothing_is_said_of_calls_that_were_not_looked_for(auditor: Client, asked: dict[str, str]) -> None:
    assert "No calls were found" not in text(auditor, "/calls/", **asked)


def test_calls_are_found_by_queue_and_agent(auditor: Client, recorded: Recording, queue: Queue) -> None:
    calls(3)
    other, nobody = Queue.objects.create(key="x", name="X"), make_agent("grace")
    agent = recorded.reservation.agent

    assert shown(text(auditor, "/calls/", queue=queue.pk)) == [recorded.call.sid]
    assert shown(text(auditor, "/calls/", agent=agent.pk)) == [recorded.call.sid]
    assert shown(text(auditor, "/calls/", queue=queue.pk, agent=agent.pk, number=CALLER)) == [recorded.call.sid]
    assert not shown(text(auditor, "/calls/", queue=other.pk))
    assert not shown(text(auditor, "/calls/", agent=nobody.pk))


def test_a_number_with_many_calls_is_found_as_one_with_few_is(
    auditor: Client, queue: Queue, settings: Settings
) -> None:
    made = calls(20)
    for call in made[::2]:
        QueueEntry.objects.create(call=call, queue=queue, priority=0, enqueued_at=call.started_at)

    def found(**query: Any) -> list[str]:
        return shown(text(auditor, "/calls/", **query))

    asked: list[dict[str, Any]] = [
        {"number": "+141555500"},
        {"number": "+15550100000"},
        {"number": "+141555500", "queue": queue.pk},
    ]
    settings.DJANGO_TWILIO_BATCH_SIZE_SEARCH = 100
    few = [found(**query) for query in asked]
    settings.DJANGO_TWILIO_BATCH_SIZE_SEARCH = 3

    assert [found(**query) for query in asked] == few
    assert [len(sids) for sids in few] == [20, 20, 10]


@pytest.mark.parametrize(
    ("asked", "queries"),
    [
        ({}, 11),
        ({"number": "+1415555"}, 12),
        ({"queue": True}, 12),
        ({"number": "+1415555", "queue": True}, 13),
    ],
)
def test_a_page_costs_the_same_however_many_calls_it_shows(
    auditor: Client, queue: Queue, asked: dict[str, Any], queries: int
) -> None:
    wanted = {name: queue.pk if name == "queue" else value for name, value in asked.items()}

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            text(auditor, "/calls/", **wanted)
        return len(queries)

    for call in calls(2):
        QueueEntry.objects.create(call=call, queue=queue, priority=0, enqueued_at=call.started_at)
    few = cost()
    later = {"from_number": "+14155559999", "to_number": "", "started_at": timezone.now()}
    made = Call.objects.bulk_create(Call(sid=call_sid(5000 + each), **later) for each in range(40))
    for call in made:
        QueueEntry.objects.create(call=call, queue=queue, priority=0, enqueued_at=call.started_at)

    assert cost() == few == queries


def test_a_timeline_has_every_webhook_with_its_twiml_every_command_and_state(
    auditor: Client, recorded: Recording
) -> None:
    page = text(auditor, f"/calls/{recorded.call.sid}/")

    for kind in ("voice", "gather", "agent", "connect", "conference", "conversation"):
        assert f"<strong>{kind}</strong>" in page, kind
    for said in ("redirect call", "waits in Support", "offered to Ada", "accepted by Ada", "left Support: answered"):
        assert said in page, said
    for state in ("Ada: reserved", "Ada: busy", "Ada: wrap up", "recording began", "recording completed"):
        assert state in page, state
    assert "&lt;Conference" in page
    assert "pressed 1" in page


def test_the_agents_leg_leads_to_the_callers_timeline(auditor: Client, recorded: Recording) -> None:
    assert auditor.get(f"/calls/{call_sid(2)}/").context["timeline"].call == recorded.call
    assert auditor.get(f"/calls/{call_sid(77)}/").status_code == 404


def test_what_callers_and_agents_wrote_is_escaped(auditor: Client, twilio: Twilio, agent: Agent) -> None:
    twilio.post("/twilio/voice/", From="<script>alert(1)</script>")

    assert "<script>alert" not in text(auditor, f"/calls/{call_sid(1)}/")


def test_a_timeline_costs_the_same_for_a_long_call(auditor: Client, recorded: Recording, twilio: Twilio) -> None:
    path = f"/calls/{recorded.call.sid}/"

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            text(auditor, path)
        return len(queries)

    short = cost()
    for number in range(30):
        twilio.post("/twilio/status/", CallStatus="in-progress", SequenceNumber=number)

    assert cost() == short <= 25


def body(answer: Any) -> bytes:
    return b"".join(answer.streaming_content)


def test_a_recording_is_heard_whole_and_in_parts(auditor: Client, recorded: Recording) -> None:
    whole = auditor.get(SOUND)
    part = auditor.get(SOUND, headers={"Range": "bytes=100-199"})

    assert (whole.status_code, body(whole)) == (200, wav())
    assert whole.headers["Accept-Ranges"] == "bytes"
    assert (part.status_code, body(part)) == (206, wav()[100:200])
    assert part.headers["Content-Range"] == f"bytes 100-199/{len(wav())}"
    assert "no-store" in part.headers["Cache-Control"]
    assert auditor.get(SOUND, headers={"Range": f"bytes={len(wav())}-"}).status_code == 416


def test_hearing_and_downloading_are_written_down_once_each(auditor: Client, recorded: Recording) -> None:
    for wanted in ("bytes=0-", "bytes=100-"):
        body(auditor.get(SOUND, headers={"Range": wanted}))
    answer = auditor.get(f"{SOUND}?download")
    body(answer)

    acts = AuditEntry.objects.order_by("pk").values_list("action", "target", "actor_name", "address")
    who = (f"recording {SID}", "auditor", "127.0.0.1")
    assert list(acts) == [("recording.play", *who), ("recording.download", *who)]
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{SID}.wav"'
    assert "recording.play" in text(auditor, f"/calls/{recorded.call.sid}/")


@pytest.mark.parametrize(("status", "told"), [(503, 502), (404, 404)])
def test_a_recording_twilio_does_not_give_is_no_hearing(
    auditor: Client, recorded: Recording, recordings: Recordings, status: int, told: int
) -> None:
    recordings.status = status

    assert auditor.get(SOUND).status_code == told
    assert not AuditEntry.objects.exists()


def test_nothing_else_at_twilio_can_be_reached(auditor: Client, recorded: Recording, recordings: Recordings) -> None:
    recordings.kept["RE" + "9" * 32] = b"somebody else's"

    assert auditor.get(f"/recordings/RE{'9' * 32}/").status_code == 404
    assert auditor.get("/recordings/..%2fCalls/").status_code == 404
    assert not recordings.asked


def test_an_agent_hears_messages_of_their_queues_and_no_conversations(
    twilio: Twilio, at_desk: Client, queue: Queue, recordings: Recordings
) -> None:
    recordings.kept[SID] = wav()
    twilio.post("/twilio/voice/")
    leave_message(twilio, queue)
    assert f'src="{SOUND}"' in text(at_desk, "/voicemail/")
    assert body(at_desk.get(SOUND)) == wav()

    Voicemail.objects.update(queue=Queue.objects.create(key="other", name="Other"))

    assert "No messages wait." in text(at_desk, "/voicemail/")
    assert at_desk.get(SOUND).status_code == 404
    assert at_desk.post(f"/voicemail/{Voicemail.objects.get().pk}/handled/", follow=True).status_code == 200
    assert Voicemail.objects.get().heard_at is None


def test_what_twilio_wrote_down_is_read_by_who_may_hear_it(
    twilio: Twilio, at_desk: Client, auditor: Client, queue: Queue
) -> None:
    leave_message(twilio, queue)
    write_down(twilio, queue)
    page = f"/calls/{Voicemail.objects.get().call.sid}/"
    reader = get_user_model().objects.create(username="reader")
    reader.user_permissions.add(Permission.objects.get(codename=May.SEE_RECORDS.value))
    deaf = Client()
    deaf.force_login(reader)

    assert "Please call me back" in text(at_desk, "/voicemail/")
    assert "Please call me back" in text(auditor, page)
    assert "Please call me back" not in text(deaf, page)


def test_an_agent_does_not_hear_their_own_recorded_call(at_desk: Client, recorded: Recording) -> None:
    assert at_desk.get(SOUND).status_code == 404


@pytest.fixture
def full(twilio: Twilio, queue: Queue, now: datetime) -> list[int]:
    """Messages of one moment and the next, for two pages and three more; their keys, the oldest first."""
    twilio.post("/twilio/voice/")
    call = Call.objects.get()
    made = [
        Voicemail(
            queue=queue,
            call=call,
            recording_sid=f"RE{each:032}",
            url="",
            duration=1,
            recorded_at=now + timedelta(seconds=each // (SHOWN + 1)),  # a page ends within a moment
        )
        for each in range(2 * SHOWN + 3)
    ]
    return [message.pk for message in Voicemail.objects.bulk_create(made)]


def to_handle(page: str) -> list[int]:
    """Keys of the messages on a page of the inbox."""
    return [int(key) for key in re.findall(r'action="/voicemail/([0-9]+)/handled/', page)]


def test_the_inbox_leads_from_the_oldest_messages_to_the_latest(at_desk: Client, full: list[int]) -> None:
    found, query = [], ""
    for _ in range(3):
        answer = at_desk.get(f"/voicemail/?{query}")
        found += to_handle(answer.content.decode())
        query = answer.context["later"]
        assert f"{len(full)} to handle" in answer.content.decode()

    assert found == full
    assert query == ""


def test_who_handles_a_message_of_a_later_page_stays_there(at_desk: Client, full: list[int]) -> None:
    query = at_desk.get("/voicemail/").context["later"]
    page = text(at_desk, f"/voicemail/?{query}")
    action = re.findall(r'action="(/voicemail/[0-9]+/handled/[^"]*)"', page)[0]

    answer = at_desk.post(action.replace("&amp;", "&"), follow=True)

    assert to_handle(answer.content.decode())[:2] == full[SHOWN + 1 : SHOWN + 3]
    assert "To the first messages" in answer.content.decode()


def test_a_page_of_the_inbox_that_others_have_emptied_leads_back(at_desk: Client, full: list[int]) -> None:
    query = at_desk.get("/voicemail/").context["later"]
    Voicemail.objects.filter(pk__in=full[SHOWN:]).update(heard_at=timezone.now())

    page = text(at_desk, f"/voicemail/?{query}")

    assert "No later messages wait." in page
    assert 'href="/voicemail/">To the first messages' in page


@pytest.mark.parametrize("after", ["x", "2026-01-01_1", "2026-01-01T00:00:00+00:00_x"])
def test_a_page_of_the_inbox_that_begins_nowhere_is_the_first(at_desk: Client, full: list[int], after: str) -> None:
    assert to_handle(text(at_desk, "/voicemail/", after=after)) == full[:SHOWN]


def test_a_message_is_handled_once(twilio: Twilio, at_desk: Client, agent: Agent, queue: Queue) -> None:
    twilio.post("/twilio/voice/")
    leave_message(twilio, queue)
    path = f"/voicemail/{Voicemail.objects.get().pk}/handled/"

    assert "Handled lately" in at_desk.post(path, follow=True).content.decode()
    assert "Somebody else has handled" in browser_of(Role.SUPERVISOR).post(path, follow=True).content.decode()
    assert Voicemail.objects.get().heard_by == agent.user


def test_a_hold_wants_a_reason_and_is_written_down(auditor: Client, recorded: Recording) -> None:
    path = f"/calls/{recorded.call.sid}/hold/"

    assert "say why" in auditor.post(path, {"reason": " "}, follow=True).content.decode()
    assert "Case 7" in auditor.post(path, {"reason": "Case 7"}, follow=True).content.decode()
    auditor.post(path, {"release": "1"})

    assert not LegalHold.objects.exists()
    acts = AuditEntry.objects.order_by("pk").values_list("action", "detail")
    assert list(acts) == [("hold.place", {"reason": "Case 7"}), ("hold.release", {"reason": "Case 7"})]


def test_the_desk_shows_that_it_is_recorded_and_pauses(twilio: Twilio, at_desk: Client, agent: Agent) -> None:
    assert "<form" not in text(at_desk, "/desk/recording/")
    tell(twilio, connected(twilio))
    assert "Pause recording" in text(at_desk, "/desk/recording/")

    pausing = at_desk.post("/desk/recording/pause/").content.decode()
    assert "Pausing…" in pausing
    assert "Recording is paused" not in pausing
    Outbox.objects.update(state=OutboxState.DONE)
    assert "Recording is paused" in text(at_desk, "/desk/recording/")

    assert "Pause recording" in at_desk.post("/desk/recording/pause/", {"resume": "1"}).content.decode()


def test_a_recording_that_goes_on_as_before_is_left_alone(twilio: Twilio, at_desk: Client, agent: Agent) -> None:
    path = "/desk/recording/"
    none = at_desk.get(path).context["version"]
    assert at_desk.get(path, {"v": none}).status_code == 204

    tell(twilio, connected(twilio))
    going = at_desk.get(path, {"v": none}).context["version"]
    assert at_desk.get(path, {"v": going}).status_code == 204

    paused = at_desk.post("/desk/recording/pause/").context["version"]
    assert at_desk.get(path, {"v": going}).context["version"] == paused


def test_a_flow_is_shown_as_published_with_its_draft_beside_it(auditor: Client, queue: Queue, now: datetime) -> None:
    flow = IVRFlow.objects.create(key="front", name="Front door", draft=WHOLE)
    assert "Nothing is published yet." in text(auditor, "/flows/")

    flow.release = flow.versions.create(number=1, definition=WHOLE, sha256="x", created_at=now)
    flow.save()
    page = text(auditor, "/flows/")
    assert "The draft is what is published." in page
    assert page.count("<svg width") == 1

    flow.draft = {"start": "end", "nodes": {"end": {"type": "hangup", "text": "<b>Bye</b>"}}}
    flow.save()
    page = text(auditor, "/flows/")
    assert page.count("<svg width") == 2
    assert "hangup · new" in page
    assert "Not in the draft any more" in page
    assert "<b>Bye" not in page


def test_a_picture_has_every_node_once_and_every_way() -> None:
    picture = draw(WHOLE)

    assert sorted(box.name for box in picture.boxes) == sorted(WHOLE["nodes"])
    assert len({(box.x, box.y) for box in picture.boxes}) == len(picture.boxes)
    assert all(0 < box.x < picture.width and 0 < box.y < picture.height for box in picture.boxes)


def test_the_words_of_ways_lie_apart() -> None:
    keys = {str(key): f"queue {key}" for key in range(10)}
    queues: dict[str, Any] = {name: {"type": "queue", "queue": name} for name in keys.values()}
    menu = {"start": "m", "nodes": {"m": {"type": "menu", "keys": keys, "default": "queue 1"}, **queues}}
    for flow in (WHOLE, menu):
        words = [(way.x, way.x + 6 * len(way.label), way.y) for way in draw(flow).ways if way.label]
        apart = [
            abs(one[2] - other[2]) >= 10 or one[1] <= other[0] or other[1] <= one[0]
            for one, other in itertools.combinations(words, 2)
        ]
        assert all(apart), words


def test_keys_that_lead_to_the_same_share_a_way() -> None:
    ways = [way.words for way in draw(WHOLE).ways if way.words.startswith("main to support")]

    assert ways == ["main to support: key 1, nothing pressed"]


@pytest.mark.parametrize(
    "flow",
    [{}, None, [], {"nodes": []}, {"nodes": {"a": None}}, {"start": [], "nodes": {"a": {"keys": [1], "next": {}}}}],
)
def test_a_draft_full_of_mistakes_is_drawn_all_the_same(flow: Any) -> None:
    assert draw(flow, before=WHOLE).width > 0


def test_the_audit_log_is_searched_and_paged(auditor: Client, now: datetime) -> None:
    names = ["bob", *["ada"] * 119]
    AuditEntry.objects.bulk_create(
        AuditEntry(at=now, actor_name=name, action="login", target=f"t{each}") for each, name in enumerate(names)
    )
    first = auditor.get("/audit/")
    second = text(auditor, f"/audit/?{first.context['older']}")

    assert (first.content.decode().count("<tr role"), second.count("<tr role")) == (101, 21)
    assert text(auditor, "/audit/", actor="bob").count("<tr role") == 2
    assert text(auditor, "/audit/", target="t7").count("<tr role") == 2


def test_the_audit_log_says_why_and_how_much(auditor: Client, now: datetime) -> None:
    AuditEntry.objects.create(at=now, action="hold.place", detail={"reason": "Case <7>"})
    AuditEntry.objects.create(at=now, action="retention", detail={"calls": 3, "recordings": 2})

    page = text(auditor, "/audit/")

    for told in ("reason: <bdi>Case &lt;7&gt;</bdi>", "calls: <bdi>3</bdi>", "recordings: <bdi>2</bdi>"):
        assert told in page
