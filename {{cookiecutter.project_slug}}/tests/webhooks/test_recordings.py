"""Conversations are recorded where the caller knows, or agreed; and what Twilio then tells."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

import pytest
from django.http import HttpResponse
from django.utils import timezone
from pytest_django import Settings

from django_twilio_call.constants import RecordingPolicy
from django_twilio_call.models import Agent, AuditEntry, Outbox, Queue, QueueEntry, Recording, Reservation
from django_twilio_call.services import AgentService, OutboxService, RecordingService, RoutingService
from tests.fakes import FakeTelephony, Twilio, verbs
from tests.media import Recordings

from .test_budget import Budget
from .test_walk import AGENT_LEG, connected, enqueue, joined

pytestmark = pytest.mark.django_db
SID = "RE" + "1" * 32


def set_policy(queue: Queue, policy: str) -> None:
    queue.recording = policy
    queue.save()


def tell(twilio: Twilio, reservation: Reservation, status: str = "in-progress", sid: str = SID) -> HttpResponse:
    """As Twilio does of a conference's recording: without a CallSid."""
    path = f"/twilio/conversation/?reservation={reservation.pk}"
    told: dict[str, Any] = {"RecordingSid": sid, "RecordingStatus": status, "ConferenceSid": "CF1", "CallSid": ""}
    return twilio.post(path, **told | ({"RecordingDuration": 7} if status == "completed" else {}))


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
    assert "This call is recorded." in answer.content.decode()
    assert meet(twilio, agent).get("record") == "record-from-start"


@pytest.mark.parametrize(("digits", "recorded"), [("1", True), ("2", False), ("", False)])
def test_callers_who_are_asked_decide(twilio: Twilio, agent: Agent, queue: Queue, digits: str, recorded: bool) -> None:
    set_policy(queue, RecordingPolicy.ASKED)

    assert (meet(twilio, agent, digits).get("record") is not None) is recorded
    assert QueueEntry.objects.get().consent is recorded


def test_who_is_fetched_before_they_answered_is_not_recorded(twilio: Twilio, agent: Agent, queue: Queue) -> None:
    set_policy(queue, RecordingPolicy.ASKED)

    assert meet(twilio, agent).get("record") is None


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
