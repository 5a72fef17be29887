"""Callers who are called back instead of waiting."""

from __future__ import annotations

from datetime import datetime, time, timedelta

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from django_twilio_call.constants import AgentStatus, CallbackState, Onward, OutboxState, QueueEntryState
from django_twilio_call.exceptions import TelephonyError
from django_twilio_call.models import Agent, Calendar, Call, CallbackRequest, Outbox, Queue, QueueEntry, Reservation
from django_twilio_call.services import (
    AgentService,
    AnalyticsService,
    CallbackService,
    DialingService,
    OutboxService,
    RoutingService,
)
from tests.fakes import CALLER, NUMBER, FakeTelephony, Twilio, call_sid, verbs

from .test_overflow import call_in, refuse, visits
from .test_walk import AGENT_LEG, enqueue, state_of

pytestmark = pytest.mark.django_db

BACK = call_sid(5)


def ask(twilio: Twilio, entry: QueueEntry, digits: str = "1") -> HttpResponse:
    return twilio.post(f"/twilio/ask/?entry={entry.pk}&at=5", Digits=digits)


def join(twilio: Twilio, reservation: Reservation, sid: str = AGENT_LEG) -> list[str]:
    identity = f"client:{reservation.agent.identity}"
    return twilio.say("/twilio/agent/", sid=sid, From=identity, reservation=reservation.pk)


@pytest.fixture
def called(twilio: Twilio, lined_up: Reservation, telephony: FakeTelephony) -> tuple[Reservation, FakeTelephony]:
    """The agent has joined, and the caller is being called."""
    join(twilio, lined_up)
    telephony.sids = [BACK]
    OutboxService(telephony=telephony).deliver(now=timezone.now())
    return lined_up, telephony


def state(request: CallbackRequest) -> str:
    request.refresh_from_db()
    return request.state


def test_a_waiting_caller_is_told_what_they_may_do(twilio: Twilio, agent: Agent, offering: Queue) -> None:
    answer = twilio.post(f"/twilio/wait/?entry={enqueue(twilio).pk}", QueuePosition=2, QueueTime=5)

    assert verbs(answer) == ["Gather/Say/Pause"]
    assert "press 1. To leave a message, press 2." in answer.content.decode()


@pytest.mark.parametrize("number", ["anonymous", "+266696687", "client:agent_1", "12345", ""])
def test_no_callback_is_offered_to_a_number_nobody_can_call(twilio: Twilio, offering: Queue, number: str) -> None:
    entry = enqueue(twilio)
    Call.objects.update(from_number=number)

    assert "press 1" not in twilio.post(f"/twilio/wait/?entry={entry.pk}", QueuePosition=2).content.decode()
    assert verbs(ask(twilio, entry)) == ["Pause"]


def test_who_asks_for_a_callback_leaves_the_line_and_keeps_the_place(twilio: Twilio, offering: Queue) -> None:
    entry = enqueue(twilio)

    assert verbs(ask(twilio, entry)) == ["Leave"]
    assert twilio.say(f"/twilio/queue/?entry={entry.pk}&then=goodbye", QueueResult="leave") == ["Redirect"]
    assert "We will call you back" in twilio.post(f"/twilio/onward/?entry={entry.pk}").content.decode()

    assert visits() == [("support", "overflowed", "asked", "callback")]
    request = CallbackRequest.objects.get()
    assert (request.number, request.enqueued_at) == (CALLER, entry.enqueued_at)


def test_who_asks_and_hangs_up_is_called_all_the_same(twilio: Twilio, offering: Queue) -> None:
    entry = enqueue(twilio)
    ask(twilio, entry)

    twilio.post(f"/twilio/queue/?entry={entry.pk}&then=goodbye", QueueResult="hangup")

    assert visits() == [("support", "overflowed", "asked", "callback")]
    assert CallbackRequest.objects.count() == 1


def test_two_leaves_a_message(twilio: Twilio, offering: Queue) -> None:
    entry = enqueue(twilio)
    ask(twilio, entry, "2")
    twilio.post(f"/twilio/queue/?entry={entry.pk}&then=goodbye", QueueResult="leave")

    assert twilio.say(f"/twilio/onward/?entry={entry.pk}") == ["Say", "Record", "Say", "Hangup"]


def test_another_key_changes_nothing(twilio: Twilio, offering: Queue) -> None:
    assert verbs(ask(twilio, enqueue(twilio), "7")) == ["Pause"]
    assert QueueEntry.objects.get().state == QueueEntryState.WAITING


def test_a_caller_an_agent_is_on_the_way_to_stays(twilio: Twilio, agent: Agent, offering: Queue) -> None:
    entry = enqueue(twilio)
    RoutingService().route(now=timezone.now())

    assert verbs(ask(twilio, entry)) == ["Pause"]
    assert not CallbackRequest.objects.exists()


@pytest.mark.parametrize("reason", ["closed", "full", "nobody"])
def test_a_queue_that_takes_nobody_may_promise_a_callback(twilio: Twilio, queue: Queue, reason: str) -> None:
    refuse(queue, reason, when=Onward.CALLBACK)

    assert verbs(call_in(twilio)) == ["Say", "Redirect"]
    assert (
        "We will call you back" in twilio.post(f"/twilio/onward/?entry={QueueEntry.objects.get().pk}").content.decode()
    )
    assert CallbackRequest.objects.get().state == CallbackState.WAITING


WITHHELD = "+86282452253"


@pytest.mark.parametrize("reason", ["closed", "full", "nobody", "waited"])
@pytest.mark.parametrize("voicemail", [True, False])
def test_who_withholds_their_number_is_promised_no_callback_and_leaves_a_message_where_they_can(
    twilio: Twilio, queue: Queue, settings: Settings, reason: str, voicemail: bool
) -> None:
    settings.DJANGO_TWILIO_ENABLE_VOICEMAIL = voicemail
    refuse(queue, reason, when=Onward.CALLBACK)
    twilio.post("/twilio/voice/", From=WITHHELD)

    answer = twilio.post("/twilio/gather/?attempt=1", Digits="1").content.decode()

    if reason == "waited":
        assert "then=callback" not in answer
        assert ("then=voicemail#" in answer) == voicemail
    else:
        assert visits() == [("support", "overflowed", reason, "voicemail" if voicemail else "goodbye")]
        assert "<Redirect" in answer if voicemail else "<Hangup" in answer


@override_settings(DJANGO_TWILIO_ENABLE_QUEUE_CALLBACKS=False)
def test_where_callbacks_are_switched_off_none_is_promised(twilio: Twilio, queue: Queue) -> None:
    refuse(queue, "nobody", when=Onward.CALLBACK)

    assert verbs(call_in(twilio)) == ["Say", "Hangup"]


def test_one_number_asks_once(twilio: Twilio, request_: CallbackRequest, queue: Queue) -> None:
    refuse(queue, "nobody", when=Onward.CALLBACK)
    entry = enqueue(twilio, call_sid(8))
    CallbackRequest.objects.update(state=CallbackState.WAITING)

    twilio.post(f"/twilio/onward/?entry={entry.pk}", sid=call_sid(8))

    assert CallbackRequest.objects.count() == 1


def test_who_calls_in_again_is_not_called(twilio: Twilio, request_: CallbackRequest) -> None:
    DialingService().sweep(now=timezone.now())
    lined_up = QueueEntry.objects.latest("pk")

    twilio.post("/twilio/voice/", sid=call_sid(8))
    DialingService().sweep(now=timezone.now())

    assert state(request_) == CallbackState.WITHDRAWN
    lined_up.refresh_from_db()
    assert (lined_up.state, lined_up.overflow_reason) == ("overflowed", "withdrawn")
    assert lined_up.call.ended_at is not None


def test_a_callback_is_lined_up_in_its_old_place(
    twilio: Twilio, agent: Agent, request_: CallbackRequest, queue: Queue
) -> None:
    twilio.post("/twilio/voice/", sid=call_sid(8), From="+14155550199")
    twilio.post("/twilio/gather/?attempt=1", sid=call_sid(8), Digits="1")

    DialingService().sweep(now=timezone.now())
    RoutingService().route(now=timezone.now())

    offered = Reservation.objects.get().entry
    assert offered.enqueued_at == request_.enqueued_at
    assert offered.call.from_number == CALLER


def test_outside_of_the_hours_nobody_is_called(request_: CallbackRequest, queue: Queue) -> None:
    queue.calendar = Calendar.objects.create(key="office", name="Office", zone="UTC")
    queue.save()
    monday = request_.not_before.date() + timedelta(days=8 - request_.not_before.isoweekday())
    queue.calendar.opening_times.create(weekday=0, opens=time(9), closes=time(17))

    def at(hour: int) -> datetime:
        return datetime.combine(monday, time(hour), tzinfo=request_.not_before.tzinfo)

    DialingService().sweep(now=at(8))
    assert state(request_) == CallbackState.WAITING
    DialingService().sweep(now=at(9))
    assert state(request_) == CallbackState.LINED_UP
    for _ in range(2):  # first the visit ends, then what it means is seen
        DialingService().sweep(now=at(17))
    assert (state(request_), request_.attempts) == (CallbackState.WAITING, 0)
    assert RoutingService().route(now=at(17)) == 0
    DialingService().sweep(now=at(9) + timedelta(days=7))
    assert (state(request_), request_.attempts) == (CallbackState.LINED_UP, 1)


@pytest.fixture
def overnight(queue: Queue) -> list[CallbackRequest]:
    """Three who asked while the queue was closed."""
    refuse(queue, "closed", when=Onward.CALLBACK)
    now = timezone.now()
    for number in range(1, 4):
        sid = call_sid(number)
        call = Call.objects.create(sid=sid, from_number=f"+4930123456{number}", to_number=NUMBER, started_at=now)
        CallbackService().request(queue=queue, call=call, since=now, now=now)
    return list(CallbackRequest.objects.order_by("pk"))


@pytest.fixture
def opening(overnight: list[CallbackRequest], queue: Queue) -> Queue:
    """The morning after: all of them are in line."""
    ten_hours_ago = timezone.now() - timedelta(hours=10)
    CallbackRequest.objects.update(enqueued_at=ten_hours_ago)
    queue.calendar = None
    queue.save()
    DialingService().sweep(now=timezone.now())
    assert {state(each) for each in overnight} == {CallbackState.LINED_UP}
    return queue


def test_callbacks_in_line_take_no_callers_place(twilio: Twilio, opening: Queue) -> None:
    Queue.objects.update(max_size=2)

    twilio.post("/twilio/voice/", sid=call_sid(9))

    assert twilio.say("/twilio/gather/?attempt=1", sid=call_sid(9), Digits="1") == ["Enqueue"]


def test_callbacks_in_line_are_nobody_who_waits(twilio: Twilio, opening: Queue) -> None:
    now = timezone.now()
    assert AnalyticsService().wallboard(now=now).totals.waiting == 0

    enqueue(twilio, call_sid(9))

    totals = AnalyticsService().wallboard(now=now + timedelta(seconds=60)).totals
    assert (totals.waiting, round(totals.longest_wait_s or 0, -1)) == (1, 60)


@pytest.mark.parametrize(("priority", "place"), [(1, 4), (700, 1)])
def test_callbacks_before_a_caller_are_counted_in_their_position(
    twilio: Twilio, opening: Queue, priority: int, place: int
) -> None:
    Queue.objects.filter(pk=opening.pk).update(priority=priority)
    entry = enqueue(twilio, call_sid(9))

    said = twilio.post(f"/twilio/wait/?entry={entry.pk}", sid=call_sid(9), QueuePosition=1).content.decode()

    assert f"You are number {place} in line" in said


def test_a_callback_an_agent_was_found_for_is_before_nobody(twilio: Twilio, agent: Agent, opening: Queue) -> None:
    entry = enqueue(twilio, call_sid(9))
    RoutingService().route(now=timezone.now())

    said = twilio.post(f"/twilio/wait/?entry={entry.pk}", sid=call_sid(9), QueuePosition=1).content.decode()

    assert "You are number 3 in line" in said


def test_who_has_answered_a_callback_waits_from_then_on(twilio: Twilio, on_the_line: QueueEntry) -> None:
    QueueEntry.objects.filter(pk=on_the_line.pk).update(enqueued_at=timezone.now() - timedelta(hours=10))

    totals = AnalyticsService().wallboard(now=timezone.now() + timedelta(seconds=60)).totals

    assert (totals.waiting, round(totals.longest_wait_s or 0, -1)) == (1, 60)


def test_callbacks_of_a_closed_queue_hold_up_no_others(overnight: list[CallbackRequest]) -> None:
    later = overnight[-1]
    CallbackRequest.objects.filter(pk=later.pk).update(queue=Queue.objects.create(key="open", name="Open"))
    dialing = DialingService()
    dialing.batch_size = len(overnight) - 1

    dialing.sweep(now=timezone.now())

    assert [state(each) for each in overnight] == ["waiting", "waiting", "lined_up"]


def test_callbacks_of_a_closed_queue_cost_the_same_however_many_they_are(overnight: list[CallbackRequest]) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as sweep:
            DialingService().sweep(now=timezone.now())
        return len(sweep)

    queries()  # the calendar is kept from now on
    many = queries()
    CallbackRequest.objects.exclude(pk=overnight[0].pk).delete()

    assert queries() == many


def test_the_call_is_made_when_the_agent_has_joined(called: tuple[Reservation, FakeTelephony]) -> None:
    reservation, telephony = called

    ((kind, number, url, status_url),) = telephony.asked

    assert (kind, number) == ("create", CALLER)
    assert f"/twilio/connect/?reservation={reservation.pk}#" in url
    assert f"/twilio/status/?reservation={reservation.pk}#" in status_url


@pytest.mark.parametrize("first", ["status", "connect"])
def test_the_caller_who_answers_meets_the_agent(
    twilio: Twilio, called: tuple[Reservation, FakeTelephony], request_: CallbackRequest, first: str
) -> None:
    path = f"?reservation={called[0].pk}"
    if first == "status":
        twilio.post(f"/twilio/status/{path}", sid=BACK, CallStatus="in-progress", SequenceNumber=2)

    assert twilio.say(f"/twilio/connect/{path}", sid=BACK) == ["Dial/Conference"]
    twilio.post(f"/twilio/status/{path}", sid=BACK, CallStatus="completed", SequenceNumber=3, CallDuration=9)
    DialingService().sweep(now=timezone.now())

    call = Call.objects.get(sid=BACK)
    assert (call.status, call.direction, call.from_number, call.to_number) == (
        "completed",
        "outbound-api",
        CALLER,
        NUMBER,
    )
    assert call.entries.get().state == QueueEntryState.ANSWERED
    assert state(request_) == CallbackState.DONE
    assert not Call.objects.filter(sid__startswith="CB").exists()


@pytest.mark.parametrize("status", ["no-answer", "busy", "failed"])
def test_who_does_not_answer_is_called_again_later_and_not_for_ever(
    twilio: Twilio,
    called: tuple[Reservation, FakeTelephony],
    request_: CallbackRequest,
    agent: Agent,
    queue: Queue,
    status: str,
) -> None:
    reservation, now = called[0], timezone.now()
    twilio.post(f"/twilio/status/?reservation={reservation.pk}", sid=BACK, CallStatus=status, SequenceNumber=2)

    DialingService().sweep(now=now)

    assert visits()[-1] == ("support", "overflowed", "no_answer", "")
    assert Outbox.objects.get(kind="end_call").call_sid == AGENT_LEG
    assert state(request_) == CallbackState.WAITING
    assert request_.not_before == now + timedelta(seconds=queue.callback_pause)

    Queue.objects.update(callback_attempts=2)
    later = now + timedelta(seconds=queue.callback_pause)
    DialingService().sweep(now=later)
    assert state(request_) == CallbackState.LINED_UP
    Call.objects.filter(sid__startswith="CB").update(ended_at=later)
    DialingService().sweep(now=later)
    assert state(request_) == CallbackState.FAILED


def test_a_call_twilio_refuses_is_a_try_that_failed(
    twilio: Twilio, agent: Agent, lined_up: Reservation, request_: CallbackRequest, telephony: FakeTelephony
) -> None:
    join(twilio, lined_up)
    telephony.error = TelephonyError("no such number", code=21211, status=400)

    OutboxService(telephony=telephony).deliver(now=timezone.now())
    DialingService().sweep(now=timezone.now())

    assert Outbox.objects.get(kind="create_call").state == OutboxState.FAILED
    assert state(request_) == CallbackState.WAITING
    assert QueueEntry.objects.latest("pk").state == QueueEntryState.OVERFLOWED
    assert state_of(agent) == AgentStatus.BUSY  # until their leg has really ended
    assert Outbox.objects.filter(kind="end_call", call_sid=AGENT_LEG).exists()


def test_an_agent_who_gives_up_leaves_the_caller_to_the_next_without_a_second_call(
    twilio: Twilio, called: tuple[Reservation, FakeTelephony], queue: Queue
) -> None:
    reservation, _ = called
    twilio.post("/twilio/status/", sid=AGENT_LEG, CallStatus="completed", SequenceNumber=2)
    RoutingService().sweep(now=timezone.now())

    assert twilio.say(f"/twilio/connect/?reservation={reservation.pk}", sid=BACK) == ["Enqueue"]
    assert Outbox.objects.filter(kind="create_call").count() == 1


@pytest.fixture
def on_the_line(twilio: Twilio, called: tuple[Reservation, FakeTelephony]) -> QueueEntry:
    """The caller has answered, the agent has gone: they wait in Twilio's queue for the next."""
    path = f"?reservation={called[0].pk}"
    twilio.post("/twilio/status/", sid=AGENT_LEG, CallStatus="completed", SequenceNumber=2)
    RoutingService().sweep(now=timezone.now())
    twilio.post(f"/twilio/status/{path}", sid=BACK, CallStatus="in-progress", SequenceNumber=2)
    assert twilio.say(f"/twilio/connect/{path}", sid=BACK) == ["Enqueue"]
    return called[0].entry


def test_who_has_answered_keeps_their_place_when_the_queue_closes(
    twilio: Twilio, on_the_line: QueueEntry, queue: Queue
) -> None:
    queue.calendar = Calendar.objects.create(key="office", name="Never", zone="UTC")
    queue.save()

    DialingService().sweep(now=timezone.now())

    assert visits()[-1] == ("support", "waiting", "", "")
    assert twilio.say(f"/twilio/wait/?entry={on_the_line.pk}", sid=BACK, QueuePosition=1) != ["Leave"]


def test_who_has_answered_keeps_their_place_though_somebody_calls_in_from_that_number(
    twilio: Twilio, on_the_line: QueueEntry
) -> None:
    twilio.post("/twilio/voice/", sid=call_sid(8))

    DialingService().sweep(now=timezone.now())

    assert visits()[-1] == ("support", "waiting", "", "")


def test_a_call_that_is_not_answered_because_they_call_in_themselves_is_withdrawn(
    twilio: Twilio, called: tuple[Reservation, FakeTelephony]
) -> None:
    twilio.post("/twilio/voice/", sid=call_sid(8))
    twilio.post(f"/twilio/status/?reservation={called[0].pk}", sid=BACK, CallStatus="busy", SequenceNumber=2)

    DialingService().sweep(now=timezone.now())

    assert visits()[-1] == ("support", "overflowed", "withdrawn", "")


def test_before_the_call_is_made_a_second_agent_makes_none_either(
    twilio: Twilio, called: tuple[Reservation, FakeTelephony], agent: Agent
) -> None:
    twilio.post("/twilio/status/", sid=AGENT_LEG, CallStatus="completed", SequenceNumber=2)
    later = timezone.now() + timedelta(minutes=5)
    RoutingService().sweep(now=timezone.now())
    RoutingService().sweep(now=later)
    RoutingService().route(now=later)
    again = Reservation.objects.latest("pk")
    AgentService().accept(reservation_id=again.pk, agent_id=agent.pk, now=later)

    assert join(twilio, again, sid=call_sid(6)) == ["Dial/Conference"]
    assert Outbox.objects.filter(kind="create_call").count() == 1


def test_a_call_an_agent_gave_up_before_it_was_made_is_a_try_that_failed(
    twilio: Twilio, lined_up: Reservation, request_: CallbackRequest, telephony: FakeTelephony
) -> None:
    join(twilio, lined_up)
    twilio.post("/twilio/status/", sid=AGENT_LEG, CallStatus="completed", SequenceNumber=2)
    RoutingService().sweep(now=timezone.now())

    OutboxService(telephony=telephony).deliver(now=timezone.now())
    DialingService().sweep(now=timezone.now())

    assert telephony.asked == []
    assert state(request_) == CallbackState.WAITING
