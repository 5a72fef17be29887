"""One call's timeline: supervisors and people outside who were in it, and what others did with it, by role."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_twilio_call.models import Agent, AuditEntry, OutsideLeg, Queue, Reservation, Role
from django_twilio_call.services import (
    ConferenceService,
    RecordingService,
    RetentionService,
    SupervisionService,
    TransferService,
)
from tests.fakes import Twilio, call_sid
from tests.switch import CALLER, Switch
from tests.webhooks.test_recordings import SID, tell
from tests.webhooks.test_walk import enqueue

from .conftest import browser_of
from .test_records import text

pytestmark = pytest.mark.django_db

OUTSIDE, SHOWN = "+14155550199", "+1 415 555 0199"
PAGE = f"/calls/{CALLER}/"
SUPERVISORS_LEG = call_sid(500)


@pytest.fixture
def switch(twilio: Twilio) -> Switch:
    return Switch(twilio)


@pytest.fixture
def talk(switch: Switch, agent: Agent, settings: Any) -> Reservation:
    settings.DJANGO_TWILIO_TRANSFER_PREFIXES, settings.DJANGO_TWILIO_CALLS_PER_SECOND = "+1", 100
    switch.ring()
    switch.work()
    switch.take(Reservation.objects.get())
    switch.work()
    return Reservation.objects.get()


def supervise(switch: Switch, talk: Reservation, name: str = "boss", sid: str = SUPERVISORS_LEG) -> None:
    """Somebody listens, whispers, talks to both, and leaves."""
    boss, service = get_user_model().objects.create(username=name), SupervisionService()
    mine = service.listen(user=boss, agent_id=talk.agent_id, now=timezone.now())
    switch.fetch(sid, "/twilio/agent/", From=f"client:supervisor_{boss.pk}", supervision=mine.pk)
    switch.work()
    for mode in ("whisper", "barge", "listen"):
        service.change(user=boss, mode=mode, now=timezone.now())
        switch.work()
    service.leave(user=boss, now=timezone.now())
    switch.work()


def ask_outside(switch: Switch, talk: Reservation, *, answers: bool = True) -> None:
    """Somebody outside is called in, and sent home."""
    leg = ConferenceService().ask_outside(agent_id=talk.agent_id, number=OUTSIDE, now=timezone.now())
    switch.work()
    if answers:
        switch.answer(leg.label, leg.room)
        switch.work()
        ConferenceService().take_back(agent_id=talk.agent_id, now=timezone.now())
    else:
        switch.twilio.post(f"/twilio/outside-status/?leg={leg.pk}", sid=call_sid(700 + leg.pk), CallStatus="no-answer")
    switch.work()


def told(client: Client) -> list[tuple[str, str]]:
    """Kind and words of each moment, in the order of the page."""
    moments = client.get(PAGE).context["moments"]
    return [(each.kind, " ".join(filter(None, (each.title, outside)))) for each, outside, _twiml in moments]


def states(client: Client) -> list[str]:
    return [said for kind, said in told(client) if kind == "state"]


def test_who_listened_whispered_and_talked_is_told_in_that_order(
    switch: Switch, talk: Reservation, auditor: Client
) -> None:
    supervise(switch, talk)

    of_boss = [said for said in states(auditor) if said.startswith("boss")]
    assert of_boss == [
        "boss listens to Ada",
        "boss whispers to Ada",
        "boss talks to Ada and the caller",
        "boss listens to Ada",
        "boss has left the call of Ada",
    ]
    assert {"supervisor leg began", "supervisor leg ended"} <= set(states(auditor))


def test_a_supervisor_who_never_came_in_is_told_so(talk: Reservation, auditor: Client) -> None:
    boss = get_user_model().objects.create(username="boss")
    SupervisionService().listen(user=boss, agent_id=talk.agent_id, now=timezone.now())
    SupervisionService().leave(user=boss, now=timezone.now())

    assert "their phone never came in" in text(auditor, PAGE)


def test_the_webhooks_of_a_supervisors_leg_are_there_with_their_twiml(
    switch: Switch, talk: Reservation, auditor: Client
) -> None:
    supervise(switch, talk)

    moments = [each for each, *_ in auditor.get(PAGE).context["moments"] if each.fields.get("supervision")]
    assert [each.kind for each in moments] == ["webhook"]
    assert "coach=" in moments[0].twiml
    assert auditor.get(f"/calls/{SUPERVISORS_LEG}/").context["timeline"].call.sid == CALLER


def test_who_was_called_in_is_told_with_their_number(switch: Switch, talk: Reservation, auditor: Client) -> None:
    ask_outside(switch, talk)

    assert [said for said in states(auditor) if SHOWN in said] == [
        f"Ada has called in {SHOWN}",
        f"outside leg came in {SHOWN}",
        f"outside leg ended {SHOWN}",
    ]
    assert {("command", "add participant"), ("command", "end call")} <= set(told(auditor))


def test_somebody_who_did_not_answer_has_left_their_webhook(switch: Switch, talk: Reservation, auditor: Client) -> None:
    ask_outside(switch, talk, answers=False)

    assert ("webhook", "outside-status") in told(auditor)
    assert f"outside leg came in {SHOWN}" not in states(auditor)


def test_whom_a_caller_was_connected_with_is_told(switch: Switch, talk: Reservation, auditor: Client) -> None:
    TransferService().to_outside(agent_id=talk.agent_id, number=OUTSIDE, now=timezone.now())
    switch.work()

    assert f"Ada sends the caller to {SHOWN}" in states(auditor)
    assert "&lt;Number" in text(auditor, PAGE)


def test_what_is_another_calls_is_not_told(switch: Switch, talk: Reservation, auditor: Client) -> None:
    ask_outside(switch, talk, answers=False)
    other = OutsideLeg.objects.create(
        reservation=talk, room="elsewhere", number="+14155550111", created_at=timezone.now(), ended_at=timezone.now()
    )
    switch.twilio.post(f"/twilio/outside-status/?leg={other.pk}", sid=call_sid(800), CallStatus="busy")
    OutsideLeg.objects.filter(pk=other.pk).delete()

    assert [said for kind, said in told(auditor) if kind == "webhook"].count("outside-status") == 1


def test_an_erased_number_is_not_shown(switch: Switch, talk: Reservation, auditor: Client) -> None:
    ask_outside(switch, talk)
    switch.hang_up(CALLER)
    switch.work()
    RetentionService().erase(number=OUTSIDE, actor=None, now=timezone.now())

    page = text(auditor, PAGE)
    assert "Ada has called in Erased" in states(auditor)
    assert OUTSIDE not in page
    assert SHOWN not in page


def test_the_audit_logs_acts_are_for_those_who_may_read_it(
    switch: Switch, talk: Reservation, agent: Agent, auditor: Client
) -> None:
    supervise(switch, talk)
    tell(switch.twilio, talk)
    RecordingService().set_paused(agent_id=agent.pk, paused=True, actor=agent.user, now=timezone.now())
    RecordingService().hold(call_sid=CALLER, reason="Case 7", actor=agent.user, now=timezone.now())
    RecordingService().release(call_sid=CALLER, actor=agent.user, now=timezone.now())
    for action in ("recording.play", "recording.download"):
        AuditEntry.objects.create(at=timezone.now(), actor_name="mallory", action=action, target=f"recording {SID}")

    acts = [said for kind, said in told(auditor) if kind == "act"]
    assert acts == ["recording.pause", "hold.place", "hold.release", "recording.play", "recording.download"]
    assert "ada, Case 7" in text(auditor, PAGE)

    supervisor = browser_of(Role.SUPERVISOR)
    assert [said for kind, said in told(supervisor) if kind == "act"] == []
    assert "mallory" not in text(supervisor, PAGE)
    assert "boss whispers to Ada" in states(supervisor)


def test_an_agent_sees_no_timeline_not_even_of_their_own_call(
    switch: Switch, talk: Reservation, at_desk: Client
) -> None:
    supervise(switch, talk)

    assert at_desk.get(PAGE).status_code == 403
    assert "boss" not in text(at_desk, "/desk/")


def test_a_timeline_costs_the_same_with_many_in_the_call(switch: Switch, talk: Reservation, auditor: Client) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            text(auditor, PAGE)
        return len(queries)

    def join(number: int) -> None:
        supervise(switch, talk, f"boss {number}", call_sid(500 + number))
        ask_outside(switch, talk, answers=True)
        ask_outside(switch, talk, answers=False)

    join(0)
    one = cost()
    for number in range(1, 4):
        join(number)

    assert cost() == one <= 27


def test_a_recording_is_not_to_be_had_past_the_audit_log(twilio: Twilio, auditor: Client, queue: Queue) -> None:
    enqueue(twilio)
    twilio.post(
        f"/twilio/recording/?queue={queue.pk}",
        RecordingSid=SID,
        RecordingStatus="completed",
        RecordingDuration=9,
        RecordingUrl="https://api.twilio.com/sound",
        TranscriptionUrl="https://api.twilio.com/words",
    )

    page = text(auditor, PAGE)

    assert f"<dt>RecordingSid</dt><dd><bdi>{SID}</bdi>" in page
    assert "api.twilio.com" not in page
