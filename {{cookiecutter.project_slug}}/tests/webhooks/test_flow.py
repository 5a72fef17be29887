"""Callers go through the published flow."""

from __future__ import annotations

import pytest
from django.test import override_settings
from django.utils import timezone

from django_twilio_call.constants import Onward, QueueEntryState
from django_twilio_call.models import Agent, Calendar, Call, CallbackRequest, IVRVersion, Queue, QueueEntry, Skill
from django_twilio_call.services import RoutingService
from tests.fakes import Twilio, call_sid

from .conftest import Publish, open_all_week

pytestmark = pytest.mark.django_db


def press(twilio: Twilio, digits: str, node: str = "main", attempt: int = 1, step: int = 1) -> str:
    path = f"/twilio/ivr/?node={node}&attempt={attempt}&step={step}"
    return twilio.post(path, Digits=digits).content.decode()


def test_a_caller_is_greeted_and_asked(twilio: Twilio, publish: Publish) -> None:
    publish()
    open_all_week()

    assert twilio.say("/twilio/voice/") == ["Say", "Gather/Say"]


def test_outside_of_the_hours_the_flow_goes_another_way(twilio: Twilio, publish: Publish) -> None:
    publish()

    assert twilio.say("/twilio/voice/") == ["Say", "Redirect"]
    assert twilio.say("/twilio/ivr/?node=night&attempt=0&step=1") == ["Say", "Record", "Say", "Hangup"]


def test_where_a_calendar_is_gone_callers_go_as_in_its_hours(twilio: Twilio, publish: Publish) -> None:
    publish()
    Calendar.objects.update(key="renamed")

    assert twilio.say("/twilio/voice/") == ["Say", "Gather/Say"]


def test_a_key_leads_to_its_node(twilio: Twilio, asked: IVRVersion) -> None:
    assert "<Enqueue" in press(twilio, "1")
    assert QueueEntry.objects.get().state == QueueEntryState.WAITING


def test_a_menu_says_what_a_caller_needs_who_goes_that_way_and_goes_on_elsewhere(
    twilio: Twilio, publish: Publish, agent: Agent
) -> None:
    Skill.objects.create(key="german", name="German")
    publish(support={"skills": {"german": 2}})
    open_all_week()
    twilio.post("/twilio/voice/")
    press(twilio, "1")
    entry = QueueEntry.objects.get()

    assert entry.requires == "german:2"
    assert RoutingService().route(now=timezone.now()) == 0  # the agent knows none
    entry.queue.overflow_queue = Queue.objects.get(key="sales")
    entry.queue.save()
    QueueEntry.objects.update(state=QueueEntryState.OVERFLOWED, overflow_to=Onward.QUEUE, ended_at=timezone.now())
    twilio.post(f"/twilio/onward/?entry={entry.pk}")
    assert QueueEntry.objects.latest("pk").requires == "german:2"


def test_what_opening_times_lead_to_is_done_in_a_webhook_of_its_own(twilio: Twilio, publish: Publish) -> None:
    publish(main={"keys": {"1": "open?", "2": "more", "3": "support", "*": "again"}})
    twilio.post("/twilio/voice/")

    assert "<Redirect" in press(twilio, "1")
    assert "node=night&amp;attempt=0&amp;step=2" in press(twilio, "1")


def test_a_menu_below_has_its_own_attempts(twilio: Twilio, asked: IVRVersion) -> None:
    assert "node=more&amp;attempt=1&amp;step=2" in press(twilio, "2")
    assert "node=more&amp;attempt=2&amp;step=3" in press(twilio, "5", node="more", step=2)
    assert "node=main&amp;attempt=1&amp;step=4" in press(twilio, "9", node="more", attempt=2, step=3)


def test_silence_and_wrong_keys_come_to_the_default_in_the_end(twilio: Twilio, asked: IVRVersion) -> None:
    assert "Wie bitte? Support" in press(twilio, "")
    assert "<Enqueue" in press(twilio, "7", attempt=2, step=2)


def test_repeating_counts_as_an_attempt(twilio: Twilio, asked: IVRVersion) -> None:
    assert "attempt=2&amp;step=2" in press(twilio, "*")
    assert "<Enqueue" in press(twilio, "*", attempt=2, step=2)


def test_a_flow_may_say_goodbye(twilio: Twilio, asked: IVRVersion) -> None:
    answer = press(twilio, "", node="more", attempt=3, step=4)

    assert '<Say language="de-DE">Goodbye.</Say><Hangup />' in answer


def test_a_flow_may_promise_a_callback(twilio: Twilio, publish: Publish) -> None:
    publish(night={"type": "callback"})

    assert twilio.say("/twilio/ivr/?node=night&attempt=0&step=1", sid=call_sid(9)) == ["Say", "Hangup"]
    assert not CallbackRequest.objects.exists()  # nobody knows that call
    twilio.post("/twilio/voice/")
    assert "We will call you back" in press(twilio, "", node="night", attempt=0)
    assert CallbackRequest.objects.get().queue.key == "support"


@override_settings(DJANGO_TWILIO_ENABLE_VOICEMAIL=False)
def test_where_voicemail_is_switched_off_a_flow_takes_no_message(twilio: Twilio, publish: Publish) -> None:
    publish()
    twilio.post("/twilio/voice/")

    assert twilio.say("/twilio/ivr/?node=night&attempt=0&step=1") == ["Say", "Hangup"]


@override_settings(DJANGO_TWILIO_ENABLE_IVR=False)
def test_where_flows_are_switched_off_there_is_the_one_menu(twilio: Twilio, publish: Publish) -> None:
    publish()

    assert "For Support, press 1." in twilio.post("/twilio/voice/").content.decode()


def test_a_call_keeps_the_version_it_began_with(twilio: Twilio, asked: IVRVersion, publish: Publish) -> None:
    publish(main={"keys": {"1": "sales", "2": "more", "3": "support", "*": "again"}})

    press(twilio, "1")

    assert QueueEntry.objects.get().queue.key == "support"
    assert Call.objects.get().ivr_version == asked


def test_it_keeps_it_even_where_a_status_callback_was_faster(twilio: Twilio, publish: Publish) -> None:
    version = publish()
    twilio.post("/twilio/status/", CallStatus="ringing", SequenceNumber=0)

    twilio.post("/twilio/voice/")

    assert Call.objects.get().ivr_version == version


def test_a_key_pressed_once_counts_once(twilio: Twilio, asked: IVRVersion) -> None:
    assert press(twilio, "1") == press(twilio, "1")
    assert QueueEntry.objects.count() == 1


@pytest.mark.parametrize(("node", "sid"), [("nowhere", call_sid(1)), ("main", call_sid(9))])
def test_a_node_or_call_nobody_knows_is_answered_with_an_apology(
    twilio: Twilio, asked: IVRVersion, node: str, sid: str
) -> None:
    assert twilio.say(f"/twilio/ivr/?node={node}&attempt=1&step=1", sid=sid) == ["Say", "Hangup"]
