"""Every webhook may come twice, at once, late, or in the wrong order."""

from __future__ import annotations

import itertools

import pytest
from django.http import HttpResponse

from django_twilio_call.models import Agent, Call, Queue, QueueEntry, Voicemail, WebhookEvent
from tests.fakes import Twilio, call_sid

from .test_voicemail import written
from .test_walk import AGENT_LEG, accepted, enqueue, joined

pytestmark = pytest.mark.django_db


def test_a_second_call_of_the_voice_url_gets_the_same_twiml(twilio: Twilio, agent: Agent) -> None:
    first, second = (twilio.post("/twilio/voice/") for _ in range(2))

    assert first.content == second.content
    assert Call.objects.count() == WebhookEvent.objects.count() == 1


def test_a_key_pressed_once_queues_once(twilio: Twilio, agent: Agent) -> None:
    twilio.post("/twilio/voice/")

    first, second = (twilio.post("/twilio/gather/?attempt=1", Digits="1") for _ in range(2))

    assert first.content == second.content
    assert QueueEntry.objects.count() == 1


def test_an_agent_who_joins_twice_meets_one_caller(twilio: Twilio, agent: Agent) -> None:
    reservation = accepted(twilio)

    def join() -> HttpResponse:
        return twilio.post("/twilio/agent/", sid=AGENT_LEG, From=f"client:{agent.identity}", reservation=reservation.pk)

    assert join().content == join().content
    assert QueueEntry.objects.get().commands.count() == 1


def test_a_second_leg_of_the_agent_is_turned_away(twilio: Twilio, agent: Agent) -> None:
    reservation = joined(twilio)

    verbs = twilio.say("/twilio/agent/", sid=call_sid(7), From=f"client:{agent.identity}", reservation=reservation.pk)

    assert verbs == []


def test_another_agent_cannot_join_for_a_reservation(twilio: Twilio, agent: Agent) -> None:
    reservation = accepted(twilio)

    assert twilio.say("/twilio/agent/", sid=AGENT_LEG, From="client:agent_999", reservation=reservation.pk) == []


STATUSES = ("ringing", "in-progress", "completed")


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_status_callbacks_in_any_order_leave_the_same_row(twilio: Twilio, agent: Agent, order: tuple[int, ...]) -> None:
    for number in order:
        twilio.post("/twilio/status/", CallStatus=STATUSES[number], SequenceNumber=number + 1, CallDuration=9)

    call = Call.objects.get()
    assert (call.status, call.sequence, call.duration) == ("completed", 3, 9)
    assert call.ended_at is not None


def test_the_first_terminal_status_stays(twilio: Twilio, agent: Agent) -> None:
    twilio.post("/twilio/status/", CallStatus="no-answer", SequenceNumber=2)
    twilio.post("/twilio/status/", CallStatus="completed", SequenceNumber=3, CallDuration=5)

    assert Call.objects.get().status == "no-answer"


def test_a_text_told_of_twice_is_answered_twice_and_kept_once(twilio: Twilio, queue: Queue) -> None:
    first, second = (written(twilio, queue) for _ in range(2))

    assert first.content == second.content
    assert Voicemail.objects.count() == 1


def test_a_caller_may_visit_the_queue_twice(twilio: Twilio, agent: Agent) -> None:
    first = enqueue(twilio)
    twilio.post(f"/twilio/queue/?entry={first.pk}", QueueResult="leave")

    twilio.post("/twilio/gather/?attempt=2", Digits="1")

    assert QueueEntry.objects.count() == 2
