"""Commands to Twilio: sent after the commit, again when that is safe, and never to a caller who is already talking."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from itertools import count, pairwise

import pytest
from pytest_django import Settings

from django_twilio_call.constants import OutboxKind, OutboxState, QueueEntryState, ReservationState
from django_twilio_call.exceptions import CallNotInProgress, NotSent, TelephonyError
from django_twilio_call.models import Agent, Call, Outbox, OutsideLeg, Queue, QueueEntry, Reservation
from django_twilio_call.services import OutboxService, RoutingService
from django_twilio_call.services.reservations import end_call
from django_twilio_call.services.rooms import call_in
from tests.conftest import make_agent
from tests.fakes import FakeTelephony, call_sid

from .test_routing import waiting

pytestmark = pytest.mark.django_db


def outbox(telephony: FakeTelephony) -> OutboxService:
    """With a clock that stands still, and waits that are as long as they may be."""
    return OutboxService(telephony=telephony, clock=lambda: 0, jitter=lambda: 1)


@pytest.fixture
def command(queue: Queue, agent: Agent, now: datetime) -> Outbox:
    """The caller of an agent who has joined is to be fetched."""
    entry = waiting(queue, 1, now)
    RoutingService().route(now=now)
    leg = Call.objects.create(sid=call_sid(2), from_number="client:agent", to_number="", started_at=now)
    Reservation.objects.update(state=ReservationState.ACCEPTED, agent_call=leg)
    entry.refresh_from_db()
    return Outbox.objects.create(
        kind=OutboxKind.REDIRECT_CALL, call_sid=call_sid(1), url="u", entry=entry, not_before=now, created_at=now
    )


def test_a_command_is_sent_once(command: Outbox, telephony: FakeTelephony, now: datetime) -> None:
    for _ in range(2):
        outbox(telephony).deliver(now=now)

    assert telephony.asked == [("redirect", call_sid(1), "u")]


def test_a_caller_who_is_already_talking_is_not_fetched_again(
    command: Outbox, telephony: FakeTelephony, now: datetime
) -> None:
    QueueEntry.objects.update(state=QueueEntryState.ANSWERED)

    outbox(telephony).deliver(now=now)

    assert telephony.asked == []
    command.refresh_from_db()
    assert command.state == OutboxState.DONE


def test_a_caller_who_hung_up_first_is_no_error(command: Outbox, telephony: FakeTelephony, now: datetime) -> None:
    telephony.error = CallNotInProgress("call is not in progress", code=21220, status=400)

    outbox(telephony).deliver(now=now)

    command.refresh_from_db()
    assert command.state == OutboxState.DONE


def test_too_many_requests_are_repeated_when_twilio_says(
    command: Outbox, telephony: FakeTelephony, now: datetime
) -> None:
    telephony.error = TelephonyError("too many requests", status=429, retryable=True, retry_after=7)
    service = outbox(telephony)

    service.deliver(now=now)
    service.deliver(now=now + timedelta(seconds=6))
    assert len(telephony.asked) == 1
    service.deliver(now=now + timedelta(seconds=7))
    assert len(telephony.asked) == 2


def test_a_worker_that_died_loses_the_lease_and_not_the_command(
    command: Outbox, telephony: FakeTelephony, now: datetime
) -> None:
    outbox(telephony)._lease(now)

    outbox(telephony).deliver(now=now + timedelta(seconds=29))
    assert telephony.asked == []
    outbox(telephony).deliver(now=now + timedelta(seconds=30))
    assert len(telephony.asked) == 1


def test_when_the_caller_cannot_be_fetched_the_agents_leg_is_ended(
    command: Outbox, telephony: FakeTelephony, now: datetime
) -> None:
    telephony.error = TelephonyError("forbidden", status=403, retryable=False)

    outbox(telephony).deliver(now=now)

    command.refresh_from_db()
    assert command.state == OutboxState.FAILED
    assert telephony.asked[-1] == ("end", call_sid(2))


def test_a_command_that_fails_again_and_again_is_given_up_and_lets_the_agent_go(
    command: Outbox, telephony: FakeTelephony, now: datetime
) -> None:
    service = outbox(telephony)
    tries = 1 + service.retry_config["max_retries"]

    for hour in range(tries + 3):
        telephony.error = TelephonyError("trouble", status=503, retryable=True)
        service.deliver(now=now + timedelta(hours=hour))

    command.refresh_from_db()
    assert (command.state, command.attempts) == (OutboxState.FAILED, tries)
    assert telephony.asked.count(("redirect", call_sid(1), "u")) == tries
    assert ("end", call_sid(2)) in telephony.asked


def test_a_command_that_fails_as_nobody_expected_holds_up_no_other_and_is_not_tried_for_ever(
    command: Outbox, telephony: FakeTelephony, now: datetime
) -> None:
    service = outbox(telephony)
    tries = 1 + service.retry_config["max_retries"]
    end_call(sid=call_sid(7), now=now + timedelta(seconds=1))

    for hour in range(1, tries + 1):
        telephony.error = TypeError("None is no URL")
        with pytest.raises(TypeError, match="no URL"):
            service.deliver(now=now + timedelta(hours=hour))
    service.deliver(now=now + timedelta(days=1))

    command.refresh_from_db()
    assert (command.state, command.attempts) == (OutboxState.FAILED, tries)
    assert command.last_error == "TypeError: None is no URL"
    assert [asked for asked in telephony.asked if asked[0] == "end"] == [("end", call_sid(7)), ("end", call_sid(2))]


def test_a_call_whose_making_failed_as_nobody_expected_may_have_been_made(
    db: None, telephony: FakeTelephony, now: datetime
) -> None:
    to_be_made(now)
    telephony.error = TypeError("no answer I can read")

    with pytest.raises(TypeError):
        outbox(telephony).deliver(now=now)

    assert Outbox.objects.get().state == OutboxState.SUBMISSION_UNKNOWN


def test_a_command_that_cannot_even_be_given_up_is_not_tried_for_ever(
    command: Outbox, telephony: FakeTelephony, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no(*_: object) -> None:
        raise KeyError("its agent")

    monkeypatch.setattr("django_twilio_call.services.outbox.give_up", no)
    service = outbox(telephony)
    for hour in range(20):
        telephony.error = TelephonyError("trouble", status=503, retryable=True)
        with suppress(KeyError):
            service.deliver(now=now + timedelta(hours=hour))

    command.refresh_from_db()
    assert command.state == OutboxState.FAILED


def test_how_often_and_how_soon_depends_on_what_went_wrong(
    command: Outbox, telephony: FakeTelephony, now: datetime, settings: Settings
) -> None:
    settings.DJANGO_TWILIO_RETRY_OUTBOX_MAX_RETRIES = 1
    settings.DJANGO_TWILIO_RETRY_CONNECTION_MAX_RETRIES = 3
    settings.DJANGO_TWILIO_RETRY_CONNECTION_MULTIPLIER = 1.5

    waits = []
    for _ in range(4):
        telephony.error = NotSent("no connection", retryable=True)
        outbox(telephony).deliver(now=now)
        command.refresh_from_db()
        waits.append((command.not_before - now).total_seconds())
        now = command.not_before

    assert waits[:3] == [1, 1.5, 2.25]
    assert (command.state, command.attempts) == (OutboxState.FAILED, 4)


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (TelephonyError("too many", status=429, retryable=True, retry_after=3), OutboxState.PENDING),
        (NotSent("no connection", retryable=True), OutboxState.PENDING),
        (TelephonyError("trouble", status=503, retryable=True), OutboxState.SUBMISSION_UNKNOWN),
        (TelephonyError("no answer", retryable=True), OutboxState.SUBMISSION_UNKNOWN),
        (TelephonyError("no such number", code=21211, status=400), OutboxState.FAILED),
    ],
    ids=["429", "not sent", "503", "no answer", "refused"],
)
def test_a_call_that_may_have_been_made_is_in_doubt_and_not_made_again(
    db: None, telephony: FakeTelephony, now: datetime, error: TelephonyError, state: str
) -> None:
    to_be_made(now)
    telephony.error = error

    outbox(telephony).deliver(now=now)

    assert Outbox.objects.get().state == state
    outbox(telephony).deliver(now=now + timedelta(hours=1))
    assert len(telephony.asked) == (2 if state == OutboxState.PENDING else 1)


def test_a_worker_that_dies_while_it_sends_leaves_the_call_in_doubt(telephony: FakeTelephony, now: datetime) -> None:
    to_be_made(now)

    outbox(telephony)._lease_call(now)
    outbox(telephony).deliver(now=now + timedelta(hours=1))

    assert Outbox.objects.get().state == OutboxState.SUBMISSION_UNKNOWN
    assert telephony.asked == []


def to_be_made(now: datetime, *numbers: str) -> None:
    for number in numbers or ("+14155550101",):
        Outbox.objects.create(
            kind=OutboxKind.CREATE_CALL, call_sid=f"CB{number}", to_number=number, not_before=now, created_at=now
        )


def test_all_workers_together_make_one_call_a_second(telephony: FakeTelephony, now: datetime) -> None:
    to_be_made(now, "+1", "+2", "+3")

    for _ in range(3):
        outbox(telephony).deliver(now=now)
    assert len(telephony.asked) == 1
    outbox(telephony).deliver(now=now + timedelta(milliseconds=999))
    assert len(telephony.asked) == 1
    for _ in range(3):
        outbox(telephony).deliver(now=now + timedelta(seconds=1))

    assert [to for _, to, *_ in telephony.asked] == ["+1", "+2"]


def test_one_delivery_that_lasts_makes_further_calls_in_their_turn(telephony: FakeTelephony, now: datetime) -> None:
    to_be_made(now, "+1", "+2", "+3")
    seconds = count(step=0.3)

    OutboxService(telephony=telephony, clock=lambda: next(seconds)).deliver(now=now)

    sent = sorted(row.sent_at for row in Outbox.objects.exclude(sent_at=None) if row.sent_at)
    assert all(later - earlier >= timedelta(seconds=1) for earlier, later in pairwise(sent))


def to_be_called_in(now: datetime) -> None:
    """Somebody outside, into an agent's conversation."""
    entry = waiting(Queue.objects.create(key="any", name="Any"), 1, now)
    talk = Reservation.objects.create(entry=entry, agent=make_agent("ada", entry.queue), created_at=now, expires_at=now)
    leg = OutsideLeg.objects.create(reservation=talk, room="room", number="+3", created_at=now)
    call_in(leg, conference="CF1", now=now)


def test_whoever_is_called_into_a_conference_takes_their_turn(telephony: FakeTelephony, now: datetime) -> None:
    to_be_made(now, "+1", "+2")
    to_be_called_in(now)

    for seconds in range(3):
        outbox(telephony).deliver(now=now + timedelta(seconds=seconds))
        assert len(telephony.asked) == seconds + 1

    assert [kind for kind, *_ in telephony.asked] == ["create", "create", "add"]


def test_a_worker_that_dies_while_it_calls_into_a_conference_is_followed_by_another(
    telephony: FakeTelephony, now: datetime
) -> None:
    to_be_called_in(now)

    outbox(telephony)._lease_call(now)
    outbox(telephony).deliver(now=now + timedelta(hours=1))

    assert Outbox.objects.get().state == OutboxState.DONE
    assert len(telephony.asked) == 1


def test_calls_to_be_made_hold_up_no_other_command(command: Outbox, telephony: FakeTelephony, now: datetime) -> None:
    to_be_made(now - timedelta(minutes=1), "+1", "+2")

    outbox(telephony).deliver(now=now)

    assert [kind for kind, *_ in telephony.asked] == ["redirect", "create"]


def test_a_leg_that_was_to_end_and_had_ended_is_over_whether_its_callback_comes_or_not(
    agent: Agent, telephony: FakeTelephony, now: datetime
) -> None:
    Call.objects.create(sid=call_sid(2), from_number="client:agent", to_number="", started_at=now)
    end_call(sid=call_sid(2), now=now)
    telephony.error = CallNotInProgress("it had ended", code=21220, status=400)

    outbox(telephony).deliver(now=now)

    assert Call.objects.get().status == "completed"
