"""Conversations are recorded where the caller knows, or agreed; and what Twilio then tells."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from django.http import HttpResponse
from django.utils import timezone
from pytest_django import Settings

from django_twilio_call.constants import AgentStatus, RecordingPolicy
from django_twilio_call.exceptions import BusinessLogicError
from django_twilio_call.models import (
    Agent,
    AgentStateSpan,
    AuditEntry,
    LegalHold,
    Outbox,
    Queue,
    QueueEntry,
    Recording,
    Reservation,
    WebhookEvent,
)
from django_twilio_call.services import (
    AgentService,
    OutboxService,
    RecordingService,
    RoutingService,
    TransferService,
)
from django_twilio_call.services.outbox import give_up
from tests.conftest import make_agent
from tests.fakes import FakeTelephony, Twilio, call_sid, verbs
from tests.media import Recordings

from .test_budget import Budget
from .test_walk import AGENT_LEG, connected, enqueue, joined

pytestmark = pytest.mark.django_db
SID = "RE" + "1" * 32
NOTICE = "This call is recorded."


def set_policy(queue: Queue, policy: str) -> None:
    queue.recording = policy
    queue.save()


def tell(twilio: Twilio, reservation: Reservation, status: str = "in-progress", sid: str = SID) -> HttpResponse:
    """As Twilio does of a conference's recording: without a CallSid."""
    path = f"/twilio/conversation/?reservation={reservation.pk}"
    told: dict[str, Any] = {"RecordingSid": sid, "RecordingStatus": status, "ConferenceSid": "CF1", "CallSid": ""}
    return twilio.post(path, **told | ({"RecordingDuration": 7} if status == "completed" else {}))


def wait_url(twilio: Twilio, answer: HttpResponse) -> str:
    """Where Twilio asks what a caller hears who is in line now."""
    enqueue = ET.fromstring(answer.content).find("Enqueue")
    assert enqueue is not None
    return enqueue.attrib["waitUrl"].partition("#")[0].removeprefix(twilio.base)


def heard_last(reservation: Reservation) -> str:
    """What the caller heard when they were to meet the agent."""
    return WebhookEvent.objects.get(key__startswith="connect:", key__endswith=f":{reservation.pk}").response


def conference_of(answer: HttpResponse) -> ET.Element:
    found = ET.fromstring(answer.content).find("Dial/Conference")
    assert found is not None
    return found


def meet(twilio: Twilio, agent: Agent, digits: str | None = None) -> ET.Element:
    """What the caller's leg says of the conference, after pressing `digits` where they were asked."""
    entry = enqueue(twilio)
    if digits is not None:
        assert twilio.say(f"/twilio/consent/?entry={entry.pk}", Digits=digits) == ["Enqueue"]
    now = timezone.now()
    RoutingService().route(now=now)
    reservation = Reservation.objects.get()
    AgentService().accept(reservation_id=reservation.pk, agent_id=agent.pk, now=now)
    client = f"client:{agent.identity}"
    theirs = twilio.post("/twilio/agent/", sid=AGENT_LEG, From=client, reservation=reservation.pk)
    ours = twilio.post(f"/twilio/connect/?reservation={reservation.pk}")
    assert conference_of(theirs).attrib == conference_of(ours).attrib  # the conference heeds whoever is first
    return conference_of(ours)


def test_by_default_nothing_is_recorded_and_nobody_is_told_so(twilio: Twilio, agent: Agent) -> None:
    twilio.post("/twilio/voice/")

    assert twilio.say("/twilio/gather/?attempt=1", Digits="1") == ["Enqueue"]
    assert meet(twilio, agent).get("record") is None


def test_callers_are_told_before_they_wait(twilio: Twilio, agent: Agent, queue: Queue) -> None:
    set_policy(queue, RecordingPolicy.ANNOUNCED)
    twilio.post("/twilio/voice/")

    answer = twilio.post("/twilio/gather/?attempt=1", Digits="1")

    assert verbs(answer) == ["Say", "Enqueue"]
    assert NOTICE in answer.content.decode()
    assert twilio.say(wait_url(twilio, answer), QueuePosition=1) == ["Say", "Pause"]
    assert QueueEntry.objects.get().consent is True
    assert meet(twilio, agent).get("record") == "record-from-start"


def test_who_is_fetched_while_the_notice_is_read_hears_it_before_they_meet_the_agent(
    twilio: Twilio, agent: Agent, queue: Queue
) -> None:
    set_policy(queue, RecordingPolicy.ANNOUNCED)
    queue.texts = {"recorded": "A long notice."}
    queue.save()
    reservation = joined(twilio)
    assert QueueEntry.objects.get().consent is None

    answer = twilio.post(f"/twilio/connect/?reservation={reservation.pk}")

    assert verbs(answer) == ["Say", "Dial/Conference"]
    assert "A long notice." in answer.content.decode()
    assert conference_of(answer).get("record") == "record-from-start"
    assert QueueEntry.objects.get().consent is True


def test_who_heard_the_notice_does_not_hear_it_again(twilio: Twilio, agent: Agent, queue: Queue) -> None:
    set_policy(queue, RecordingPolicy.ANNOUNCED)
    reservation = joined(twilio)
    twilio.post(f"/twilio/wait/?entry={reservation.entry_id}&told=1")

    assert twilio.say(f"/twilio/connect/?reservation={reservation.pk}") == ["Dial/Conference"]


def test_who_waits_where_nothing_was_announced_has_agreed_to_nothing(
    twilio: Twilio, agent: Agent, queue: Queue
) -> None:
    twilio.post("/twilio/voice/")
    answer = twilio.post("/twilio/gather/?attempt=1", Digits="1")
    set_policy(queue, RecordingPolicy.ANNOUNCED)

    twilio.post(wait_url(twilio, answer))

    assert QueueEntry.objects.get().consent is None


def test_who_was_told_and_said_no_before_has_still_said_no(twilio: Twilio, agent: Agent, queue: Queue) -> None:
    entry = enqueue(twilio)
    QueueEntry.objects.update(consent=False)

    twilio.post(f"/twilio/wait/?entry={entry.pk}&told=1")

    assert QueueEntry.objects.get().consent is False


@pytest.mark.parametrize(("digits", "recorded"), [("1", True), ("2", False), ("", False)])
def test_callers_who_are_asked_decide(twilio: Twilio, agent: Agent, queue: Queue, digits: str, recorded: bool) -> None:
    set_policy(queue, RecordingPolicy.ASKED)

    assert (meet(twilio, agent, digits).get("record") is not None) is recorded
    assert QueueEntry.objects.get().consent is recorded


def test_who_is_fetched_before_they_answered_is_not_recorded(twilio: Twilio, agent: Agent, queue: Queue) -> None:
    set_policy(queue, RecordingPolicy.ASKED)

    assert meet(twilio, agent).get("record") is None


def sent_to(twilio: Twilio, agent: Agent, policy: str) -> tuple[HttpResponse, Reservation]:
    """A caller is sent to a queue with that policy: what they hear, and the agent there who has accepted them."""
    other = Queue.objects.create(key="sales", name="Sales", recording=policy)
    grace = make_agent("grace", other)
    left = connected(twilio)
    TransferService().to_queue(agent_id=agent.pk, queue_key="sales", now=timezone.now())
    heard = twilio.post(f"/twilio/transfer/?reservation={left.pk}")
    RoutingService().route(now=timezone.now())
    offered = Reservation.objects.get(agent=grace)
    return heard, AgentService().accept(reservation_id=offered.pk, agent_id=grace.pk, now=timezone.now())


def both_meet(twilio: Twilio, reservation: Reservation, sid: str = call_sid(1)) -> set[str | None]:
    """What the two legs say of recording."""
    client = f"client:{reservation.agent.identity}"
    theirs = twilio.post("/twilio/agent/", sid=call_sid(3), From=client, reservation=reservation.pk)
    ours = twilio.post(f"/twilio/connect/?reservation={reservation.pk}", sid=sid)
    return {conference_of(theirs).get("record"), conference_of(ours).get("record")}


def test_who_is_sent_to_a_queue_that_records_is_told_there(twilio: Twilio, agent: Agent) -> None:
    heard, reservation = sent_to(twilio, agent, RecordingPolicy.ANNOUNCED)

    assert verbs(heard) == ["Say", "Enqueue"]
    assert NOTICE in heard.content.decode()
    twilio.post(wait_url(twilio, heard))
    assert both_meet(twilio, reservation) == {"record-from-start"}


@pytest.mark.parametrize(("digits", "record"), [("1", "record-from-start"), ("2", None)])
def test_who_is_sent_to_a_queue_that_asks_is_asked_there(
    twilio: Twilio, agent: Agent, digits: str, record: str | None
) -> None:
    heard, reservation = sent_to(twilio, agent, RecordingPolicy.ASKED)

    assert verbs(heard) == ["Gather/Say"]
    assert twilio.say(f"/twilio/consent/?entry={reservation.entry_id}", Digits=digits) == ["Enqueue"]
    assert both_meet(twilio, reservation) == {record}


def test_who_comes_back_from_outside_is_told(twilio: Twilio, agent: Agent, queue: Queue) -> None:
    left = connected(twilio)
    set_policy(queue, RecordingPolicy.ANNOUNCED)
    TransferService().to_outside(agent_id=agent.pk, number="+14155550199", now=timezone.now())
    path = f"/twilio/outside-ended/?reservation={left.pk}"

    answer = twilio.post(path, DialCallStatus="no-answer")
    twilio.post(wait_url(twilio, answer))

    assert verbs(answer) == ["Say", "Enqueue"]
    assert QueueEntry.objects.latest("pk").consent is True


def test_who_is_fetched_before_they_were_told_is_told_then(twilio: Twilio, agent: Agent, queue: Queue) -> None:
    """Twilio may ask where the caller meets the colleague before it asks where they wait."""
    connected(twilio)
    grace = make_agent("grace", queue)
    set_policy(queue, RecordingPolicy.ANNOUNCED)
    offered = TransferService().to_agent(agent_id=agent.pk, to_agent_id=grace.pk, now=timezone.now())
    reservation = AgentService().accept(reservation_id=offered.pk, agent_id=grace.pk, now=timezone.now())

    assert both_meet(twilio, reservation) == {"record-from-start"}
    assert NOTICE in heard_last(reservation)


def test_who_is_called_back_is_told_before_they_meet_the_agent(
    twilio: Twilio, lined_up: Reservation, queue: Queue
) -> None:
    set_policy(queue, RecordingPolicy.ANNOUNCED)

    assert both_meet(twilio, lined_up, sid=call_sid(5)) == {"record-from-start"}
    assert NOTICE in heard_last(lined_up)


def test_who_is_called_back_was_not_asked_and_is_not_recorded(
    twilio: Twilio, lined_up: Reservation, queue: Queue
) -> None:
    set_policy(queue, RecordingPolicy.ASKED)

    assert both_meet(twilio, lined_up, sid=call_sid(5)) == {None}


def test_who_came_before_a_queue_recorded_is_told_before_they_meet_the_agent(
    twilio: Twilio, agent: Agent, queue: Queue
) -> None:
    enqueue(twilio)
    set_policy(queue, RecordingPolicy.ANNOUNCED)

    assert meet(twilio, agent).get("record") == "record-from-start"
    assert NOTICE in heard_last(Reservation.objects.get())


def test_a_colleague_who_is_asked_in_does_not_bring_a_recording_nobody_was_told_of(
    twilio: Twilio, agent: Agent, queue: Queue
) -> None:
    """Who asks is in a conference that is not recorded, and the caller hears no notice in there."""
    mine = connected(twilio)
    set_policy(queue, RecordingPolicy.ANNOUNCED)
    now, grace = timezone.now(), make_agent("grace", queue)
    asked = Reservation.objects.create(
        entry=mine.entry, agent=grace, asked_by=mine, room=mine.conference, created_at=now, expires_at=now
    )
    AgentStateSpan.objects.move(agent_id=grace.pk, to=AgentStatus.RESERVED, now=now)
    AgentService().accept(reservation_id=asked.pk, agent_id=grace.pk, now=now)

    client = f"client:{grace.identity}"
    answer = twilio.post("/twilio/agent/", sid=call_sid(3), From=client, reservation=asked.pk)

    assert conference_of(answer).get("record") is None


def test_a_deploy_without_recordings_records_nothing(
    twilio: Twilio, agent: Agent, queue: Queue, settings: Settings
) -> None:
    settings.DJANGO_TWILIO_ENABLE_CALL_RECORDING = False
    set_policy(queue, RecordingPolicy.ANNOUNCED)

    assert meet(twilio, agent).get("record") is None


@pytest.mark.parametrize("order", [("in-progress", "completed"), ("completed", "in-progress"), ("completed",)])
def test_what_twilio_tells_comes_in_any_order_and_twice(twilio: Twilio, agent: Agent, order: tuple[str, ...]) -> None:
    reservation = connected(twilio)

    for status in (*order, *order):
        assert tell(twilio, reservation, status).status_code == 200

    recording = Recording.objects.get()
    assert (recording.state, recording.duration, recording.call) == ("completed", 7, reservation.entry.call)
    assert recording.is_there


def test_a_conversation_without_sound_has_nothing_to_hear(twilio: Twilio, agent: Agent) -> None:
    tell(twilio, connected(twilio), "absent")

    assert not Recording.objects.get().is_there


@pytest.mark.parametrize("status", ["in-progress", "completed"])
def test_a_recordings_callbacks_stay_in_the_budget(twilio: Twilio, agent: Agent, status: str) -> None:
    reservation = connected(twilio)

    with Budget():
        tell(twilio, reservation, status)


@pytest.mark.parametrize("digits", ["1", ""])
def test_consent_stays_in_the_budget(twilio: Twilio, agent: Agent, queue: Queue, digits: str) -> None:
    set_policy(queue, RecordingPolicy.ASKED)
    entry = enqueue(twilio)

    with Budget():
        twilio.post(f"/twilio/consent/?entry={entry.pk}", Digits=digits)


def test_meeting_stays_in_the_budget(twilio: Twilio, agent: Agent, queue: Queue) -> None:
    set_policy(queue, RecordingPolicy.ANNOUNCED)
    reservation = joined(twilio)

    with Budget():
        twilio.post(f"/twilio/connect/?reservation={reservation.pk}")


def test_waiting_after_the_notice_stays_in_the_budget(twilio: Twilio, agent: Agent, queue: Queue) -> None:
    queue.announce_every = 30
    set_policy(queue, RecordingPolicy.ANNOUNCED)
    entry = enqueue(twilio)

    with Budget():
        twilio.post(f"/twilio/wait/?entry={entry.pk}&told=1", QueueTime=5, QueuePosition=1)


def pause(agent: Agent, paused: bool) -> None:
    RecordingService().set_paused(agent_id=agent.pk, paused=paused, actor=agent.user, now=timezone.now())


def deliver() -> None:
    OutboxService(telephony=FakeTelephony()).deliver(now=timezone.now())


def test_an_agent_pauses_and_resumes(twilio: Twilio, agent: Agent, recordings: Recordings) -> None:
    recordings.kept[SID] = b""
    tell(twilio, connected(twilio))

    for paused in (True, False):
        pause(agent, paused)
        deliver()

    assert [form.partition("&")[0] for _, _, form in recordings.asked] == ["Status=paused", "Status=in-progress"]
    acts = AuditEntry.objects.order_by("pk").values_list("action", "actor_name")
    assert list(acts) == [("recording.pause", "ada"), ("recording.resume", "ada")]


@pytest.fixture
def talk(twilio: Twilio, agent: Agent, recordings: Recordings) -> Recording:
    """A conversation that is being recorded."""
    recordings.kept[SID] = b""
    tell(twilio, connected(twilio))
    return Recording.objects.get()


def acts() -> list[tuple[str, str]]:
    return list(AuditEntry.objects.order_by("pk").values_list("action", "actor_name"))


@pytest.mark.parametrize("status", [400, 403, 404])
def test_a_pause_twilio_refuses_is_none(talk: Recording, agent: Agent, recordings: Recordings, status: int) -> None:
    """An agent who believes in it takes a card number."""
    recordings.status = status
    pause(agent, True)
    deliver()

    talk.refresh_from_db()
    assert talk.state == "in-progress"
    assert acts() == [("recording.pause", "ada"), ("recording.pause-failed", "")]


def test_a_resume_twilio_refuses_is_none(talk: Recording, agent: Agent, recordings: Recordings) -> None:
    pause(agent, True)
    deliver()
    recordings.status = 403
    pause(agent, False)
    deliver()

    talk.refresh_from_db()
    assert talk.state == "paused"
    assert acts()[2:] == [("recording.resume-failed", "")]


def test_a_resume_that_fails_makes_no_pause_of_one_that_was_never_sent(
    talk: Recording, agent: Agent, recordings: Recordings
) -> None:
    recordings.status = 403
    pause(agent, True)
    pause(agent, False)
    deliver()

    talk.refresh_from_db()
    assert talk.state == "in-progress"


def test_a_pause_that_fails_does_not_undo_the_next(talk: Recording, agent: Agent, recordings: Recordings) -> None:
    pause(agent, True)
    first = Outbox.objects.get(recording=talk)
    pause(agent, False)
    pause(agent, True)

    give_up(first, timezone.now())
    deliver()

    talk.refresh_from_db()
    assert talk.state == "paused"
    assert [form.partition("&")[0] for _, _, form in recordings.asked] == ["Status=paused"]


def test_twilio_has_paused_once_it_has_said_so(talk: Recording, agent: Agent, recordings: Recordings) -> None:
    recordings.status = 503
    pause(agent, True)
    deliver()
    talk.refresh_from_db()
    assert RecordingService().is_pausing(talk)

    recordings.status = 0
    OutboxService(telephony=FakeTelephony()).deliver(now=timezone.now() + timedelta(minutes=1))
    assert not RecordingService().is_pausing(talk)


def test_a_recording_that_ended_a_moment_ago_stays_ended(twilio: Twilio, talk: Recording, agent: Agent) -> None:
    class Slow(RecordingService):
        """Twilio tells of the end after this has looked."""

        def of_agent(self, *, agent_id: int) -> Recording | None:
            found = super().of_agent(agent_id=agent_id)
            tell(twilio, talk.reservation, "completed")
            return found

    with pytest.raises(BusinessLogicError, match="has ended"):
        Slow().set_paused(agent_id=agent.pk, paused=True, actor=agent.user, now=timezone.now())

    talk.refresh_from_db()
    assert (talk.state, talk.duration) == ("completed", 7)
    assert not Outbox.objects.filter(recording=talk).exists()


@pytest.mark.parametrize("act", ["pause", "hold", "release"])
def test_what_cannot_be_written_down_is_not_done(talk: Recording, agent: Agent, act: str) -> None:
    def no_name() -> str:
        raise RuntimeError("nobody knows who it is")

    service, who = RecordingService(), agent.user
    sid, now = talk.call.sid, timezone.now()
    if act == "release":
        service.hold(call_sid=sid, reason="Case 7", actor=who, now=now)
    who.get_username = no_name  # type: ignore[method-assign]

    acts: dict[str, Callable[[], object]] = {
        "pause": lambda: service.set_paused(agent_id=agent.pk, paused=True, actor=who, now=now),
        "hold": lambda: service.hold(call_sid=sid, reason="Case 7", actor=who, now=now),
        "release": lambda: service.release(call_sid=sid, actor=who, now=now),
    }
    with pytest.raises(RuntimeError):
        acts[act]()

    talk.refresh_from_db()
    assert talk.state == "in-progress"
    assert not Outbox.objects.filter(recording=talk).exists()
    assert LegalHold.objects.exists() is (act == "release")


def test_a_command_that_came_too_late_is_not_sent(twilio: Twilio, agent: Agent, recordings: Recordings) -> None:
    """A resume that waited for its turn would record what the next pause is for."""
    recordings.kept[SID] = b""
    tell(twilio, connected(twilio))
    pause(agent, True)
    pause(agent, False)
    pause(agent, True)

    deliver()

    assert {form.partition("&")[0] for _, _, form in recordings.asked} == {"Status=paused"}
    assert not Outbox.objects.filter(state="pending").exists()
