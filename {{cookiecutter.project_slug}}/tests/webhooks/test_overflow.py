"""Where callers go whom a queue does not serve."""

from __future__ import annotations

import html
import re
from datetime import datetime, time, timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from django_twilio_call.conf import get_config
from django_twilio_call.constants import Onward, QueueEntryState
from django_twilio_call.models import Agent, AgentStateSpan, Calendar, Call, CallbackRequest, Queue, QueueEntry
from django_twilio_call.services import CallService, QueueService
from django_twilio_call.webhooks import twiml
from tests.conftest import make_agent
from tests.fakes import Twilio, call_sid, verbs

from .test_walk import enqueue

pytestmark = pytest.mark.django_db


def refuse(queue: Queue, reason: str, when: str = Onward.GOODBYE) -> None:
    """Have a queue take nobody for that reason ("": none), and send callers there."""
    if when == Onward.QUEUE:
        queue.overflow_queue = Queue.objects.create(key="other", name="Other")
    if reason == "closed":
        queue.calendar = Calendar.objects.create(key=queue.key, name="Never", zone="Europe/Berlin")
    if reason == "full":
        queue.max_size = 0
    if reason:
        setattr(queue, f"when_{reason}", when)
    queue.save()


def visits() -> list[tuple[str, str, str, str]]:
    rows = QueueEntry.objects.order_by("pk")
    return list(rows.values_list("queue__key", "state", "overflow_reason", "overflow_to"))


def call_in(twilio: Twilio) -> Any:
    twilio.post("/twilio/voice/")
    return twilio.post("/twilio/gather/?attempt=1", Digits="1")


@pytest.mark.parametrize(
    ("reason", "text"),
    [("closed", "We are closed"), ("full", "All our agents are busy"), ("nobody", "Nobody is here")],
)
def test_a_queue_that_takes_nobody_says_why_and_ends_the_call(
    twilio: Twilio, queue: Queue, reason: str, text: str
) -> None:
    refuse(queue, reason)

    answer = call_in(twilio)

    assert verbs(answer) == ["Say", "Hangup"]
    assert text in answer.content.decode()
    assert visits() == [("support", "overflowed", reason, "goodbye")]


@pytest.mark.parametrize("reason", ["closed", "full", "nobody"])
def test_it_may_send_them_to_another_queue_where_they_keep_their_time(
    twilio: Twilio, queue: Queue, reason: str
) -> None:
    refuse(queue, reason, when=Onward.QUEUE)

    assert verbs(call_in(twilio)) == ["Say", "Redirect"]
    first = QueueEntry.objects.get()
    assert twilio.say(f"/twilio/onward/?entry={first.pk}") == ["Enqueue"]

    assert visits() == [("support", "overflowed", reason, "queue"), ("other", "waiting", "", "")]
    assert QueueEntry.objects.get(queue__key="other").enqueued_at == first.enqueued_at


def test_after_the_longest_wait_too(twilio: Twilio, agent: Agent, queue: Queue) -> None:
    refuse(queue, "waited", when=Onward.QUEUE)
    entry = enqueue(twilio)

    assert twilio.say(f"/twilio/wait/?entry={entry.pk}", QueueTime=600) == ["Leave"]
    assert twilio.say(f"/twilio/queue/?entry={entry.pk}&then=queue", QueueResult="leave") == ["Redirect"]
    assert twilio.say(f"/twilio/onward/?entry={entry.pk}") == ["Enqueue"]
    assert visits() == [("support", "overflowed", "waited", "queue"), ("other", "waiting", "", "")]


@pytest.mark.parametrize("reason", ["closed", "full", "nobody", "waited"])
@pytest.mark.parametrize(
    ("way", "hears"), [(Onward.VOICEMAIL, ["Say", "Record", "Say", "Hangup"]), (Onward.CALLBACK, ["Say", "Hangup"])]
)
def test_or_to_the_mailbox_or_a_callback_for_every_reason(
    twilio: Twilio, agent: Agent, queue: Queue, reason: str, way: str, hears: list[str]
) -> None:
    AgentStateSpan.objects.update(state="offline" if reason == "nobody" else "busy")
    refuse(queue, reason, when=way)
    answer = call_in(twilio)
    entry = QueueEntry.objects.get()
    if reason == "waited":
        assert verbs(answer) == ["Enqueue"]
        twilio.post(f"/twilio/queue/?entry={entry.pk}&then={way}", QueueResult="leave")

    assert twilio.say(f"/twilio/onward/?entry={entry.pk}") == hears

    assert visits() == [("support", "overflowed", reason, way)]
    assert CallbackRequest.objects.count() == (1 if way == Onward.CALLBACK else 0)


@pytest.mark.parametrize(
    ("result", "reason", "text"),
    [
        ("queue-full", "full", "All our agents are busy"),
        ("error", "trouble", "we cannot take your call at the moment"),
        ("system-error", "trouble", "we cannot take your call at the moment"),
    ],
)
@pytest.mark.parametrize("then", ["", Onward.VOICEMAIL])
def test_a_caller_whom_twilios_queue_does_not_take_hears_something(
    twilio: Twilio, queue: Queue, result: str, reason: str, text: str, then: str
) -> None:
    entry = enqueue(twilio)

    answer = twilio.post(f"/twilio/queue/?entry={entry.pk}&then={then}&full={then}", QueueResult=result)

    assert verbs(answer) == (["Redirect"] if then else ["Say", "Hangup"])
    assert then or text in answer.content.decode()
    assert visits() == [("support", "overflowed", reason, then or "goodbye")]


def test_what_the_queue_does_after_the_wait_is_in_the_address_twilio_is_given(twilio: Twilio, queue: Queue) -> None:
    refuse(queue, "waited", when=Onward.QUEUE)

    assert "&amp;then=queue#" in call_in(twilio).content.decode()


@pytest.mark.parametrize(
    ("full", "waited"), [("voicemail", "goodbye"), ("goodbye", "voicemail"), ("voicemail", "callback")]
)
def test_a_queue_that_is_full_at_twilio_does_what_it_does_when_it_is_full_here(
    twilio: Twilio, queue: Queue, full: str, waited: str
) -> None:
    Queue.objects.update(when_full=full, when_waited=waited)
    action = re.search(r'action="[^"]*(/twilio/queue/[^"#]+)', call_in(twilio).content.decode())
    assert action is not None

    answer = twilio.post(html.unescape(action[1]), QueueResult="queue-full")

    assert verbs(answer) == (["Redirect"] if full == "voicemail" else ["Say", "Hangup"])
    assert visits() == [("support", "overflowed", "full", full)]


def test_the_next_queue_may_send_them_on_as_well(twilio: Twilio, queue: Queue) -> None:
    refuse(queue, "full", when=Onward.QUEUE)
    Queue.objects.filter(key="other").update(max_size=0)
    call_in(twilio)

    assert twilio.say(f"/twilio/onward/?entry={QueueEntry.objects.get().pk}") == ["Say", "Hangup"]
    assert visits() == [("support", "overflowed", "full", "queue"), ("other", "overflowed", "full", "goodbye")]


def test_a_caller_an_agent_is_being_called_for_is_not_sent_away(twilio: Twilio, agent: Agent) -> None:
    entry = enqueue(twilio)
    QueueEntry.objects.update(state=QueueEntryState.RESERVED)

    assert twilio.say(f"/twilio/wait/?entry={entry.pk}", QueueTime=6000) == ["Pause"]


def test_who_waits_though_their_visit_has_ended_is_not_left_to_the_music(twilio: Twilio, agent: Agent) -> None:
    entry = enqueue(twilio)
    QueueEntry.objects.update(state=QueueEntryState.OVERFLOWED, ended_at=timezone.now())

    assert twilio.say(f"/twilio/wait/?entry={entry.pk}", QueuePosition=1) == ["Leave"]


def test_a_visit_of_another_call_leads_nowhere(twilio: Twilio, queue: Queue) -> None:
    refuse(queue, "full", when=Onward.QUEUE)
    call_in(twilio)

    assert twilio.say(f"/twilio/onward/?entry={QueueEntry.objects.get().pk}", sid=call_sid(9)) == ["Say", "Hangup"]


@pytest.mark.parametrize("state", ["available", "busy", "wrap_up", "lunch"])
def test_somebody_who_is_logged_in_is_somebody(twilio: Twilio, queue: Queue, state: str) -> None:
    make_agent("ada", queue, state=state)
    refuse(queue, "nobody")

    assert verbs(call_in(twilio)) == ["Enqueue"]


@pytest.mark.parametrize("state", ["on_break", "lunch", "training"])
@pytest.mark.parametrize(("silent_for", "hears"), [(60, "Enqueue"), (120, "Hangup")])
def test_somebody_on_a_break_is_somebody_as_long_as_their_desk_is_open(
    twilio: Twilio, queue: Queue, state: str, silent_for: int, hears: str
) -> None:
    ada = make_agent("ada", queue, state=state)
    Agent.objects.heard(agent_id=ada.pk, now=timezone.now() - timedelta(seconds=silent_for))
    refuse(queue, "nobody")

    assert verbs(call_in(twilio))[-1] == hears


@pytest.mark.parametrize("state", ["reserved", "busy", "wrap_up"])
def test_somebody_with_a_call_is_somebody_though_their_desk_is_silent(twilio: Twilio, queue: Queue, state: str) -> None:
    ada = make_agent("ada", queue, state=state)
    Agent.objects.heard(agent_id=ada.pk, now=timezone.now() - timedelta(hours=1))
    refuse(queue, "nobody")

    assert verbs(call_in(twilio)) == ["Enqueue"]


def test_somebody_of_another_queue_is_nobody(twilio: Twilio, queue: Queue) -> None:
    make_agent("ada", Queue.objects.create(key="sales", name="Sales"))
    make_agent("bob", queue, state="offline")
    refuse(queue, "nobody")

    assert verbs(call_in(twilio)) == ["Say", "Hangup"]


def test_without_a_rule_callers_wait_though_nobody_is_logged_in(twilio: Twilio, queue: Queue) -> None:
    assert verbs(call_in(twilio)) == ["Enqueue"]


def test_a_queue_that_never_opens_says_no_time(twilio: Twilio, queue: Queue) -> None:
    refuse(queue, "closed")

    assert "closed at the moment. Please call again later.<" in call_in(twilio).content.decode()


def test_a_closed_queue_says_when_it_opens(queue: Queue, now: datetime) -> None:
    refuse(queue, "closed")
    Calendar.objects.get().opening_times.create(weekday=1, opens=time(9), closes=time(17))
    Call.objects.create(sid=call_sid(1), from_number="+1", to_number="+2", started_at=now)

    decision = QueueService().enter(call_sid=call_sid(1), queue_key="support", now=now)

    assert "We are closed at the moment. We open again on Tuesday at 9 AM.<" in twiml.render(decision, get_config())


@pytest.mark.parametrize("length", [1, 2, 3])
def test_queues_that_send_callers_round_and_round_are_refused(db: None, length: int) -> None:
    queues = [Queue.objects.create(key=f"q{number}", name="Q") for number in range(length)]
    for one, following in pairwise(queues):
        one.overflow_queue = following
        one.save()
    last = queues[-1]
    last.overflow_queue = queues[0]

    with pytest.raises(ValidationError, match="round and round"):
        last.save()


def test_another_queue_must_be_named(queue: Queue) -> None:
    queue.when_full = Onward.QUEUE

    with pytest.raises(ValidationError, match="say to which"):
        queue.save()


def test_the_visits_of_a_call_are_told_in_the_order_they_were_made(twilio: Twilio, queue: Queue, now: datetime) -> None:
    refuse(queue, "full", when=Onward.QUEUE)
    call_in(twilio)
    twilio.post(f"/twilio/onward/?entry={QueueEntry.objects.get().pk}")

    (record,) = CallService().records(since=now)

    assert [(visit["queue"], visit["overflow_to"]) for visit in record["entries"]] == [
        ("support", "queue"),
        ("other", ""),
    ]
