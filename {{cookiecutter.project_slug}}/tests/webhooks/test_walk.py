"""One whole call, as Twilio tells it webhook by webhook."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from django_twilio_call.constants import AgentStatus, QueueEntryState, ReservationState
from django_twilio_call.exceptions import CallNotInProgress, TelephonyError
from django_twilio_call.models import Agent, AgentStateSpan, Call, Outbox, QueueEntry, Reservation
from django_twilio_call.services import AgentService, OutboxService, RoutingService
from django_twilio_call.services.outbox import give_up
from tests.fakes import FakeTelephony, Twilio, call_sid

pytestmark = pytest.mark.django_db

CALLER, AGENT_LEG = call_sid(1), call_sid(2)


def state_of(agent: Agent) -> str:
    return AgentStateSpan.objects.current().get(agent=agent).state


def enqueue(twilio: Twilio, sid: str = CALLER) -> QueueEntry:
    twilio.post("/twilio/voice/", sid=sid)
    twilio.post("/twilio/gather/?attempt=1", sid=sid, Digits="1")
    return QueueEntry.objects.get(call__sid=sid)


def offer(twilio: Twilio, sid: str = CALLER) -> Reservation:
    entry = enqueue(twilio, sid)
    RoutingService().route(now=timezone.now())
    return Reservation.objects.get(entry=entry)


def accepted(twilio: Twilio) -> Reservation:
    reservation = offer(twilio)
    return AgentService().accept(reservation_id=reservation.pk, agent_id=reservation.agent_id, now=timezone.now())


def joined(twilio: Twilio) -> Reservation:
    reservation = accepted(twilio)
    twilio.post(
        "/twilio/agent/", sid=AGENT_LEG, From=f"client:{reservation.agent.identity}", reservation=reservation.pk
    )
    return reservation


def connected(twilio: Twilio) -> Reservation:
    reservation = joined(twilio)
    twilio.post(f"/twilio/connect/?reservation={reservation.pk}")
    return reservation


def conference_end(twilio: Twilio, reservation: Reservation) -> None:
    twilio.post(
        f"/twilio/conference/?reservation={reservation.pk}",
        ConferenceSid="CF1",
        SequenceNumber=9,
        StatusCallbackEvent="conference-end",
    )


def test_a_caller_hears_the_menu(twilio: Twilio, agent: Agent) -> None:
    assert twilio.say("/twilio/voice/") == ["Gather/Say"]


def test_a_caller_who_presses_a_key_waits_in_the_queue(twilio: Twilio, agent: Agent) -> None:
    twilio.post("/twilio/voice/")

    assert twilio.say("/twilio/gather/?attempt=1", Digits="1") == ["Enqueue"]
    assert QueueEntry.objects.get().state == QueueEntryState.WAITING


def test_a_wrong_key_reads_the_menu_again_and_the_third_time_queues(twilio: Twilio, agent: Agent) -> None:
    twilio.post("/twilio/voice/")

    assert twilio.say("/twilio/gather/?attempt=1", Digits="7") == ["Gather/Say"]
    assert twilio.say("/twilio/gather/?attempt=2", Digits="") == ["Gather/Say"]
    assert twilio.say("/twilio/gather/?attempt=3", Digits="") == ["Enqueue"]


def test_a_waiting_caller_hears_position_and_music(twilio: Twilio, agent: Agent) -> None:
    entry = enqueue(twilio)

    assert twilio.say(f"/twilio/wait/?entry={entry.pk}", QueuePosition=2, QueueTime=5) == ["Say", "Pause"]


def test_a_caller_who_waited_long_enough_is_taken_out(twilio: Twilio, agent: Agent) -> None:
    entry = enqueue(twilio)

    assert twilio.say(f"/twilio/wait/?entry={entry.pk}", QueueTime=600) == ["Leave"]
    assert twilio.say(f"/twilio/queue/?entry={entry.pk}", QueueResult="leave") == ["Say", "Hangup"]
    entry.refresh_from_db()
    assert entry.state == QueueEntryState.OVERFLOWED


def test_an_accepted_caller_meets_the_agent_in_one_conference(
    twilio: Twilio, agent: Agent, telephony: FakeTelephony
) -> None:
    reservation = accepted(twilio)

    agent_hears = twilio.say(
        "/twilio/agent/", sid=AGENT_LEG, From=f"client:{agent.identity}", reservation=reservation.pk
    )
    OutboxService(telephony=telephony).deliver(now=timezone.now())
    caller_hears = twilio.say(f"/twilio/connect/?reservation={reservation.pk}")

    assert agent_hears == caller_hears == ["Dial/Conference"]
    (command,) = telephony.asked
    assert command[:2] == ("redirect", CALLER)
    assert f"/twilio/connect/?reservation={reservation.pk}#" in command[2]
    assert QueueEntry.objects.get().state == QueueEntryState.ANSWERED
    assert state_of(agent) == AgentStatus.BUSY


def test_with_a_namespace_queue_and_conference_have_names_no_other_deploy_gives(
    twilio: Twilio, agent: Agent, settings: Settings
) -> None:
    settings.DJANGO_TWILIO_NAMESPACE = "staging"
    reservation = accepted(twilio)
    room = twilio.post(
        "/twilio/agent/", sid=AGENT_LEG, From=f"client:{reservation.agent.identity}", reservation=reservation.pk
    ).content.decode()
    twilio.post("/twilio/voice/", sid=call_sid(8))
    line = twilio.post("/twilio/gather/?attempt=1", sid=call_sid(8), Digits="1").content.decode()

    assert reservation.agent.identity == f"staging_agent_{agent.pk}"
    assert f">staging_{reservation.entry.queue.key}</Enqueue>" in line
    assert f">staging_reservation-{reservation.pk}</Conference>" in room
    stranger = twilio.say(
        "/twilio/agent/", sid=call_sid(9), From=f"client:agent_{agent.pk}", reservation=reservation.pk
    )
    assert "Dial/Conference" not in stranger


def test_hanging_up_brings_wrap_up_which_the_server_ends(twilio: Twilio, agent: Agent) -> None:
    conference_end(twilio, connected(twilio))
    twilio.post("/twilio/status/", sid=AGENT_LEG, CallStatus="completed", SequenceNumber=1)

    span = AgentStateSpan.objects.current().get(agent=agent)
    assert span.state == AgentStatus.WRAP_UP
    assert span.expires_at == span.started_at + timedelta(seconds=10)
    RoutingService().sweep(now=span.expires_at)
    assert state_of(agent) == AgentStatus.AVAILABLE


def test_an_agent_whose_leg_lives_on_is_not_available_before_it_has_ended(
    twilio: Twilio, agent: Agent, telephony: FakeTelephony
) -> None:
    conference_end(twilio, connected(twilio))
    after = timezone.now() + timedelta(minutes=1)
    RoutingService().sweep(now=after)
    assert state_of(agent) == AgentStatus.WRAP_UP

    telephony.error = CallNotInProgress("it had ended", code=21220, status=400)
    OutboxService(telephony=telephony).deliver(now=after)
    RoutingService().sweep(now=after)

    assert telephony.asked[0] == ("end", AGENT_LEG)
    assert state_of(agent) == AgentStatus.AVAILABLE


def test_a_caller_who_hangs_up_is_abandoned_and_the_agent_is_free_again(twilio: Twilio, agent: Agent) -> None:
    reservation = offer(twilio)

    twilio.post(f"/twilio/queue/?entry={reservation.entry_id}", QueueResult="hangup")

    reservation.refresh_from_db()
    assert reservation.entry.state == QueueEntryState.ABANDONED
    assert reservation.state == ReservationState.CANCELLED
    assert state_of(agent) == AgentStatus.AVAILABLE


def test_an_agent_who_joined_for_a_caller_who_hung_up_is_let_go(
    twilio: Twilio, agent: Agent, telephony: FakeTelephony
) -> None:
    reservation = joined(twilio)

    twilio.post(f"/twilio/queue/?entry={reservation.entry_id}", QueueResult="hangup")
    OutboxService(telephony=telephony).deliver(now=timezone.now())

    assert telephony.asked == [("end", AGENT_LEG)]
    assert state_of(agent) == AgentStatus.BUSY
    conference_end(twilio, reservation)
    assert state_of(agent) == AgentStatus.WRAP_UP


def test_a_caller_whose_agent_vanished_goes_back_to_the_same_place(twilio: Twilio, agent: Agent) -> None:
    reservation = joined(twilio)
    enqueued_at = reservation.entry.enqueued_at

    conference_end(twilio, reservation)

    assert twilio.say(f"/twilio/connect/?reservation={reservation.pk}") == ["Enqueue"]
    entry = QueueEntry.objects.get()
    assert (entry.state, entry.enqueued_at) == (QueueEntryState.WAITING, enqueued_at)


def test_a_caller_who_is_fetched_although_twilio_said_it_could_not_is_back_in_line_and_not_alone(
    twilio: Twilio, agent: Agent
) -> None:
    reservation = joined(twilio)
    refusing = FakeTelephony(error=TelephonyError("forbidden", status=403))
    OutboxService(telephony=refusing).deliver(now=timezone.now())

    assert twilio.say(f"/twilio/connect/?reservation={reservation.pk}") == ["Enqueue"]
    assert QueueEntry.objects.get().state == QueueEntryState.WAITING
    assert state_of(agent) == AgentStatus.WRAP_UP


def test_a_caller_who_came_before_twilio_said_it_could_not_fetch_them_talks_on(twilio: Twilio, agent: Agent) -> None:
    reservation = joined(twilio)
    twilio.post(f"/twilio/connect/?reservation={reservation.pk}")

    give_up(Outbox.objects.get(kind="redirect_call"), timezone.now())

    assert (QueueEntry.objects.get().state, state_of(agent)) == (QueueEntryState.ANSWERED, AgentStatus.BUSY)
    assert not Outbox.objects.filter(kind="end_call").exists()


def test_a_late_answer_does_not_undo_a_hang_up(twilio: Twilio, agent: Agent) -> None:
    reservation = joined(twilio)
    twilio.post(f"/twilio/queue/?entry={reservation.entry_id}", QueueResult="hangup")

    assert twilio.say(f"/twilio/connect/?reservation={reservation.pk}") == []
    assert QueueEntry.objects.get().state == QueueEntryState.ABANDONED


def test_a_call_that_ended_without_word_from_the_queue_is_abandoned_by_the_sweep(
    twilio: Twilio, agent: Agent, now: datetime
) -> None:
    enqueue(twilio)
    twilio.post("/twilio/status/", CallStatus="completed", SequenceNumber=3, CallDuration=12)

    RoutingService().sweep(now=now)

    assert QueueEntry.objects.get().state == QueueEntryState.ABANDONED


def test_the_duration_is_twilios_seconds_and_not_its_minutes(twilio: Twilio, agent: Agent) -> None:
    twilio.post("/twilio/voice/")

    twilio.post("/twilio/status/", CallStatus="completed", SequenceNumber=3, CallDuration=42, Duration=1)

    assert Call.objects.get().duration == 42
