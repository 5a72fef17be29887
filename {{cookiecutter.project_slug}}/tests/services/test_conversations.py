"""Conversations of more than two: hold, asking in, handing over, taking back, and whoever hangs up in between."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from django_twilio_call.constants import AgentStatus, QueueEntryState, ReservationState
from django_twilio_call.exceptions import BusinessLogicError, NotFound, TelephonyError, ValidationError
from django_twilio_call.models import (
    Agent,
    AgentStateSpan,
    Call,
    Outbox,
    OutsideLeg,
    Participant,
    Queue,
    QueueEntry,
    Reservation,
)
from django_twilio_call.services import (
    AgentService,
    ConferenceService,
    OutboxService,
    RoutingService,
    TransferService,
)
from tests.conftest import make_agent
from tests.fakes import FakeTelephony, Twilio, call_sid
from tests.switch import CALLER, Switch
from tests.webhooks.test_overflow import refuse

pytestmark = pytest.mark.django_db

OUTSIDE = "+14155550199"


@pytest.fixture
def switch(twilio: Twilio) -> Switch:
    return Switch(twilio)


@pytest.fixture
def ada(switch: Switch, agent: Agent) -> Agent:
    """Talks to a caller."""
    switch.ring()
    switch.work()
    switch.take(Reservation.objects.get())
    switch.work()
    assert sorted(room.name for room in switch.rooms.values()) == [f"reservation-{Reservation.objects.get().pk}"]
    return agent


@pytest.fixture
def grace(queue: Queue, ada: Agent) -> Agent:
    """A colleague who is free."""
    return make_agent("grace", queue)


def state_of(agent: Agent) -> str:
    return AgentStateSpan.objects.current().get(agent=agent).state


def reservation_of(agent: Agent) -> Reservation:
    return Reservation.objects.filter(agent=agent).latest("pk")


def leg_of(agent: Agent) -> str:
    call = reservation_of(agent).agent_call
    assert call is not None
    return call.sid


def test_nobody_is_asked_in_where_that_is_switched_off(ada: Agent, grace: Agent, settings: Settings) -> None:
    settings.DJANGO_TWILIO_ENABLE_CONFERENCE = False

    with pytest.raises(BusinessLogicError, match="DJANGO_TWILIO_ENABLE_CONFERENCE"):
        ConferenceService().ask_agent(agent_id=ada.pk, other_id=grace.pk, now=timezone.now())
    with pytest.raises(BusinessLogicError, match="DJANGO_TWILIO_ENABLE_CONFERENCE"):
        ConferenceService().ask_outside(agent_id=ada.pk, number=OUTSIDE, now=timezone.now())


@pytest.mark.django_db(transaction=True)
def test_queues_to_send_a_caller_to_are_kept_until_one_changes(
    queue: Queue, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    first = TransferService().queues()
    with django_assert_num_queries(0):
        assert TransferService().queues() == first

    Queue.objects.create(key="new", name="New")

    assert [each.key for each in TransferService().queues()] == ["new", "support"]


def people(switch: Switch) -> list[set[str]]:
    """Who is together."""
    return [set(room.legs) for room in switch.rooms.values()]


def ask(switch: Switch, ada: Agent, grace: Agent) -> str:
    """The colleague is asked, and comes in."""
    asked = ConferenceService().ask_agent(agent_id=ada.pk, other_id=grace.pk, now=timezone.now())
    switch.work()
    sid = switch.take(asked)
    switch.work()
    return sid


def call_in(switch: Switch, ada: Agent) -> str:
    """Somebody outside is asked, and comes in."""
    leg = ConferenceService().ask_outside(agent_id=ada.pk, number=OUTSIDE, now=timezone.now())
    switch.work()
    sid = switch.answer(leg.label, leg.room)
    switch.work()
    return sid


def conversation(agent: Agent) -> object:
    return ConferenceService().of(reservation_id=reservation_of(agent).pk)


def test_a_caller_is_put_on_hold_and_taken_back(switch: Switch, ada: Agent) -> None:
    ConferenceService().hold(agent_id=ada.pk, on=True, now=timezone.now())
    ConferenceService().hold(agent_id=ada.pk, on=True, now=timezone.now())
    assert ConferenceService().of(reservation_id=reservation_of(ada).pk).on_hold  # type: ignore[union-attr]
    ConferenceService().hold(agent_id=ada.pk, on=False, now=timezone.now())
    switch.work()

    assert switch.asked == ["1 hold=True", "1 hold=False"]


def test_hold_has_the_music_of_the_deploy(switch: Switch, ada: Agent, settings: object) -> None:
    settings.DJANGO_TWILIO_HOLD_MUSIC_URL = "https://music.example/a.mp3"  # type: ignore[attr-defined]

    ConferenceService().hold(agent_id=ada.pk, on=True, now=timezone.now())

    assert Outbox.objects.latest("pk").changes == {"hold": True, "hold_url": "https://music.example/a.mp3"}


def test_an_agent_mutes_themselves(switch: Switch, ada: Agent) -> None:
    ConferenceService().mute(agent_id=ada.pk, on=True, now=timezone.now())
    switch.work()

    assert switch.rooms[reservation_of(ada).conference].legs[leg_of(ada)]["Muted"] == "true"


def test_nothing_can_be_done_without_a_conversation(agent: Agent, now: datetime) -> None:
    with pytest.raises(BusinessLogicError, match="is in no conversation"):
        ConferenceService().hold(agent_id=agent.pk, on=True, now=now)


def test_events_in_any_order_come_to_the_same(db: None, now: datetime) -> None:
    def event(sequence: int, *, hold: bool = False, left: bool = False) -> Participant:
        part = Participant(sid="CF1", call_sid="CA1", room="r", sequence=sequence, hold=hold, joined_at=now)
        part.left_at = now if left else None
        return part

    for sequence in (4, 1, 3, 4, 2):
        ConferenceService().told(event(sequence, hold=sequence == 3, left=sequence == 4))

    row = Participant.objects.get()
    assert (row.sequence, row.hold, row.left_at) == (4, False, now)


def test_a_caller_goes_to_another_queue_and_their_agent_wraps_up(switch: Switch, ada: Agent) -> None:
    Queue.objects.create(key="sales", name="Sales")

    TransferService().to_queue(agent_id=ada.pk, queue_key="sales", now=timezone.now())
    switch.work()

    first, second = QueueEntry.objects.order_by("pk")
    assert (first.state, second.state, second.queue.key) == ("answered", "waiting", "sales")
    assert switch.where == {CALLER: "queue"}
    assert state_of(ada) == AgentStatus.WRAP_UP


def test_a_transferred_caller_waits_as_long_as_it_takes(switch: Switch, ada: Agent) -> None:
    """Nobody takes them for a leg that was left alone."""
    Queue.objects.create(key="sales", name="Sales")
    TransferService().to_queue(agent_id=ada.pk, queue_key="sales", now=timezone.now())
    switch.work()

    switch.work(timezone.now() + timedelta(minutes=5))

    assert switch.where == {CALLER: "queue"}


def test_a_caller_goes_to_a_colleague(switch: Switch, ada: Agent, grace: Agent) -> None:
    reservation = TransferService().to_agent(agent_id=ada.pk, to_agent_id=grace.pk, now=timezone.now())
    switch.work()
    assert (switch.where, state_of(grace)) == ({CALLER: "queue"}, AgentStatus.RESERVED)

    leg = switch.take(reservation)

    assert people(switch) == [{CALLER, leg}]
    assert state_of(ada) == AgentStatus.WRAP_UP


def test_a_colleague_who_declines_leaves_the_caller_in_line(switch: Switch, ada: Agent, grace: Agent) -> None:
    reservation = TransferService().to_agent(agent_id=ada.pk, to_agent_id=grace.pk, now=timezone.now())
    AgentService().decline(reservation_id=reservation.pk, agent_id=grace.pk, now=timezone.now())
    switch.work()

    assert QueueEntry.objects.latest("pk").state == QueueEntryState.WAITING
    assert switch.where == {CALLER: "queue"}


def test_a_colleague_who_is_busy_cannot_be_given_a_caller(switch: Switch, ada: Agent, grace: Agent) -> None:
    AgentService().set_state(agent_id=grace.pk, state=AgentStatus.LUNCH, now=timezone.now())

    with pytest.raises(BusinessLogicError, match="Grace is not available"):
        TransferService().to_agent(agent_id=ada.pk, to_agent_id=grace.pk, now=timezone.now())
    assert QueueEntry.objects.count() == 1


def test_a_caller_is_transferred_once(switch: Switch, ada: Agent) -> None:
    TransferService().to_queue(agent_id=ada.pk, queue_key="support", now=timezone.now())

    with pytest.raises(BusinessLogicError, match="being transferred already"):
        TransferService().to_queue(agent_id=ada.pk, queue_key="support", now=timezone.now())


@pytest.mark.parametrize(
    ("reason", "told"), [("closed", "is closed"), ("full", "is full"), ("nobody", "has nobody logged in")]
)
def test_a_caller_is_not_sent_to_a_queue_that_takes_nobody(switch: Switch, ada: Agent, reason: str, told: str) -> None:
    refuse(Queue.objects.create(key="sales", name="Sales"), reason)

    with pytest.raises(BusinessLogicError, match=f"Sales {told}"):
        TransferService().to_queue(agent_id=ada.pk, queue_key="sales", now=timezone.now())
    switch.work()

    assert people(switch) == [{CALLER, leg_of(ada)}]
    assert QueueEntry.objects.get().state == QueueEntryState.ANSWERED


def test_a_queue_nobody_knows_is_refused(switch: Switch, ada: Agent) -> None:
    with pytest.raises(NotFound, match="queue 'nowhere'"):
        TransferService().to_queue(agent_id=ada.pk, queue_key="nowhere", now=timezone.now())


@pytest.mark.parametrize("number", ["", "4155550199", "+1", "+1415555019a", "+49301234567"])
def test_numbers_agents_may_not_call_are_refused(switch: Switch, ada: Agent, number: str) -> None:
    with pytest.raises(ValidationError, match="must be"):
        TransferService().to_outside(agent_id=ada.pk, number=number, now=timezone.now())


@pytest.mark.parametrize(("status", "then"), [("completed", ""), ("no-answer", "queue"), ("busy", "queue")])
def test_a_caller_goes_outside_and_comes_back_if_nobody_is_there(
    switch: Switch, ada: Agent, status: str, then: str
) -> None:
    TransferService().to_outside(agent_id=ada.pk, number=OUTSIDE, now=timezone.now())
    switch.work()
    assert switch.where == {CALLER: "outside"}
    switch.work(timezone.now() + timedelta(minutes=5))
    assert switch.where == {CALLER: "outside"}

    path = f"/twilio/outside-ended/?reservation={reservation_of(ada).pk}"
    switch.fetch(CALLER, path, DialCallStatus=status)

    assert switch.where.get(CALLER, "") == then
    visits = list(QueueEntry.objects.order_by("pk"))
    assert len(visits) == (2 if then else 1)
    assert {visit.enqueued_at for visit in visits} == {visits[0].enqueued_at}


def test_after_a_long_talk_nobody_is_sent_away_who_has_just_come_back_in_line(switch: Switch, ada: Agent) -> None:
    before = timezone.now() - timedelta(hours=1)
    Call.objects.update(started_at=before)
    QueueEntry.objects.update(enqueued_at=before, answered_at=before, ended_at=before)
    TransferService().to_outside(agent_id=ada.pk, number=OUTSIDE, now=timezone.now())
    switch.work()
    switch.fetch(CALLER, f"/twilio/outside-ended/?reservation={reservation_of(ada).pk}", DialCallStatus="busy")

    entry = QueueEntry.objects.latest("pk")
    assert entry.enqueued_at == before
    assert switch.twilio.say(f"/twilio/wait/?entry={entry.pk}", QueueTime=3) != ["Leave"]


def test_who_comes_back_when_their_agent_has_sent_them_elsewhere_meanwhile_waits_there_once(
    switch: Switch, ada: Agent
) -> None:
    TransferService().to_outside(agent_id=ada.pk, number=OUTSIDE, now=timezone.now())
    late = Outbox.objects.get(kind="transfer_call").url
    twilio_refuses()
    TransferService().to_queue(agent_id=ada.pk, queue_key="support", now=timezone.now())

    switch.redirect_call(sid=CALLER, url=late)
    switch.work()

    assert switch.where == {CALLER: "queue"}
    assert QueueEntry.objects.filter(state=QueueEntryState.WAITING).count() == 1


def test_a_transfer_an_earlier_release_wrote_is_given_up_as_well(switch: Switch, ada: Agent) -> None:
    TransferService().to_queue(agent_id=ada.pk, queue_key="support", now=timezone.now())
    Outbox.objects.filter(kind="transfer_call").update(changes=None)
    twilio_refuses()

    assert QueueEntry.objects.latest("pk").state == QueueEntryState.OVERFLOWED


def twilio_refuses() -> None:
    """The next command, for good."""
    refusing = FakeTelephony(error=TelephonyError("forbidden", status=403))
    OutboxService(telephony=refusing).deliver(now=timezone.now())


def test_a_transfer_twilio_refuses_leaves_the_caller_where_they_are(switch: Switch, ada: Agent, grace: Agent) -> None:
    TransferService().to_agent(agent_id=ada.pk, to_agent_id=grace.pk, now=timezone.now())
    twilio_refuses()

    assert QueueEntry.objects.latest("pk").state == QueueEntryState.OVERFLOWED
    assert (state_of(ada), state_of(grace)) == (AgentStatus.BUSY, AgentStatus.AVAILABLE)
    assert people(switch) == [{CALLER, leg_of(ada)}]


def test_a_way_outside_that_twilio_refuses_leaves_the_agent_free_to_choose_another(switch: Switch, ada: Agent) -> None:
    TransferService().to_outside(agent_id=ada.pk, number=OUTSIDE, now=timezone.now())
    twilio_refuses()

    TransferService().to_queue(agent_id=ada.pk, queue_key="support", now=timezone.now())
    switch.work()
    assert switch.where == {CALLER: "queue"}


@pytest.mark.parametrize("late", [False, True], ids=["before it is given up", "after it was given up"])
@pytest.mark.parametrize("outside", [False, True])
def test_a_transfer_twilio_refused_and_did_all_the_same_loses_nobody(
    switch: Switch, ada: Agent, outside: bool, late: bool
) -> None:
    if outside:
        TransferService().to_outside(agent_id=ada.pk, number=OUTSIDE, now=timezone.now())
    else:
        TransferService().to_queue(agent_id=ada.pk, queue_key="support", now=timezone.now())
    url = Outbox.objects.get(kind="transfer_call").url
    acts = [lambda: switch.redirect_call(sid=CALLER, url=url), twilio_refuses]
    for act in reversed(acts) if late else acts:
        act()
    switch.work()

    assert switch.where == {CALLER: "outside" if outside and not late else "queue"}
    waiting = QueueEntry.objects.filter(state=QueueEntryState.WAITING)
    assert waiting.count() == (0 if outside and not late else 1)
    assert state_of(ada) == AgentStatus.WRAP_UP


def test_a_colleague_is_asked_while_the_caller_hears_music(switch: Switch, ada: Agent, grace: Agent) -> None:
    leg = ask(switch, ada, grace)

    assert people(switch) == [{CALLER, leg_of(ada), leg}]
    assert switch.rooms[reservation_of(ada).conference].legs[CALLER]["Hold"] == "true"
    shown = ConferenceService().of(reservation_id=reservation_of(ada).pk)
    assert shown is not None
    assert shown.second is not None
    assert (shown.second.name, shown.second.joined) == ("Grace", True)


def test_a_transfer_is_completed(switch: Switch, ada: Agent, grace: Agent) -> None:
    leg = ask(switch, ada, grace)

    ConferenceService().complete(agent_id=ada.pk, now=timezone.now())
    switch.work()

    assert people(switch) == [{CALLER, leg}]
    assert switch.rooms[reservation_of(grace).conference].legs[CALLER]["Hold"] == "false"
    assert (state_of(ada), state_of(grace)) == (AgentStatus.WRAP_UP, AgentStatus.BUSY)
    switch.hang_up(leg)
    switch.work()
    assert switch.where == {}
    assert state_of(grace) == AgentStatus.WRAP_UP


def test_whoever_took_a_caller_over_may_ask_the_next(switch: Switch, queue: Queue, ada: Agent, grace: Agent) -> None:
    ask(switch, ada, grace)
    ConferenceService().complete(agent_id=ada.pk, now=timezone.now())
    switch.work()
    hedy = make_agent("hedy", queue)

    leg = ask(switch, grace, hedy)
    ConferenceService().complete(agent_id=grace.pk, now=timezone.now())
    switch.work()

    assert people(switch) == [{CALLER, leg}]
    assert state_of(hedy) == AgentStatus.BUSY


def test_a_caller_is_taken_back(switch: Switch, ada: Agent, grace: Agent) -> None:
    ask(switch, ada, grace)

    ConferenceService().take_back(agent_id=ada.pk, now=timezone.now())
    switch.work()

    room = switch.rooms[reservation_of(ada).conference]
    assert set(room.legs) == {CALLER, leg_of(ada)}
    assert (room.legs[CALLER]["Hold"], room.legs[leg_of(ada)]["EndConferenceOnExit"]) == ("false", "true")
    assert state_of(grace) == AgentStatus.WRAP_UP


def test_a_caller_is_taken_back_while_the_colleagues_phone_still_rings(
    switch: Switch, ada: Agent, grace: Agent
) -> None:
    ConferenceService().ask_agent(agent_id=ada.pk, other_id=grace.pk, now=timezone.now())
    switch.work()

    ConferenceService().take_back(agent_id=ada.pk, now=timezone.now())
    switch.work()

    assert (state_of(ada), state_of(grace)) == (AgentStatus.BUSY, AgentStatus.AVAILABLE)
    assert people(switch) == [{CALLER, leg_of(ada)}]


@pytest.mark.parametrize("act", ["decline", "expire", "leave"])
def test_a_colleague_who_does_not_help_leaves_the_two_to_themselves(
    switch: Switch, ada: Agent, grace: Agent, act: str
) -> None:
    asked = ConferenceService().ask_agent(agent_id=ada.pk, other_id=grace.pk, now=timezone.now())
    switch.work()
    if act == "decline":
        AgentService().decline(reservation_id=asked.pk, agent_id=grace.pk, now=timezone.now())
    elif act == "expire":
        RoutingService().sweep(now=asked.expires_at)
    else:
        switch.hang_up(switch.take(asked))
    switch.work()

    room = switch.rooms[reservation_of(ada).conference]
    assert set(room.legs) == {CALLER, leg_of(ada)}
    assert room.legs[leg_of(ada)]["EndConferenceOnExit"] == "true"
    assert state_of(ada) == AgentStatus.BUSY


def test_two_colleagues_are_not_asked_at_once(switch: Switch, queue: Queue, ada: Agent, grace: Agent) -> None:
    ask(switch, ada, grace)

    with pytest.raises(BusinessLogicError, match="asked into this call already"):
        ConferenceService().ask_agent(agent_id=ada.pk, other_id=make_agent("hedy", queue).pk, now=timezone.now())
    with pytest.raises(BusinessLogicError, match="complete that transfer"):
        TransferService().to_queue(agent_id=ada.pk, queue_key="support", now=timezone.now())


def test_an_agent_who_was_asked_cannot_give_the_caller_away(switch: Switch, ada: Agent, grace: Agent) -> None:
    ask(switch, ada, grace)

    with pytest.raises(BusinessLogicError, match="somebody else's"):
        ConferenceService().hold(agent_id=grace.pk, on=True, now=timezone.now())


def test_an_agent_who_hangs_up_leaves_the_caller_to_whoever_is_there(switch: Switch, ada: Agent, grace: Agent) -> None:
    leg = ask(switch, ada, grace)

    switch.hang_up(leg_of(ada))
    switch.work()

    room = switch.rooms[reservation_of(grace).conference]
    assert set(room.legs) == {CALLER, leg}
    assert (room.legs[CALLER]["Hold"], room.legs[leg]["EndConferenceOnExit"]) == ("false", "true")
    assert state_of(ada) == AgentStatus.WRAP_UP


def test_an_agent_who_hangs_up_before_anybody_came_leaves_the_caller_in_line(
    switch: Switch, ada: Agent, grace: Agent
) -> None:
    ConferenceService().ask_agent(agent_id=ada.pk, other_id=grace.pk, now=timezone.now())
    switch.work()

    switch.hang_up(leg_of(ada))
    switch.work()

    first, second = QueueEntry.objects.order_by("pk")
    assert second.enqueued_at == first.enqueued_at
    assert switch.where == {CALLER: "queue"}
    assert reservation_of(grace).entry == second  # the colleague is free again, and so the next to be asked


@pytest.mark.parametrize("joined", [True, False])
def test_a_caller_who_hangs_up_lets_everybody_go(switch: Switch, ada: Agent, grace: Agent, joined: bool) -> None:
    if joined:
        ask(switch, ada, grace)
    else:
        ConferenceService().ask_agent(agent_id=ada.pk, other_id=grace.pk, now=timezone.now())
        switch.work()

    switch.hang_up(CALLER)
    switch.work()

    assert switch.where == {}
    assert state_of(ada) == AgentStatus.WRAP_UP
    assert state_of(grace) == (AgentStatus.WRAP_UP if joined else AgentStatus.AVAILABLE)


def test_somebody_outside_is_called_in_once_and_takes_the_caller_over(switch: Switch, ada: Agent) -> None:
    leg = call_in(switch, ada)
    assert people(switch) == [{CALLER, leg_of(ada), leg}]

    ConferenceService().complete(agent_id=ada.pk, now=timezone.now())
    switch.work()
    switch.work(timezone.now() + timedelta(minutes=5))
    assert people(switch) == [{CALLER, leg}]

    switch.hang_up(leg)
    switch.work()
    assert switch.where == {}
    assert OutsideLeg.objects.get().ended_at is not None


def test_somebody_outside_may_talk_with_both(switch: Switch, ada: Agent) -> None:
    ConferenceService().ask_outside(agent_id=ada.pk, number=OUTSIDE, hold=False, now=timezone.now())
    switch.work()

    assert switch.rooms[reservation_of(ada).conference].legs[CALLER]["Hold"] == "false"


def test_somebody_outside_who_does_not_answer_is_told_to_the_agent(switch: Switch, ada: Agent) -> None:
    leg = ConferenceService().ask_outside(agent_id=ada.pk, number=OUTSIDE, now=timezone.now())
    switch.work()
    url = switch.calling[leg.label].partition("#")[0].removeprefix(switch.twilio.base)
    switch.twilio.post(url, sid=call_sid(77), CallStatus="no-answer")
    switch.work()

    shown = ConferenceService().of(reservation_id=reservation_of(ada).pk)
    assert shown is not None
    assert shown.second is None
    assert switch.rooms[reservation_of(ada).conference].legs[leg_of(ada)]["EndConferenceOnExit"] == "true"


def test_somebody_outside_who_comes_too_late_is_sent_away(switch: Switch, ada: Agent) -> None:
    leg = ConferenceService().ask_outside(agent_id=ada.pk, number=OUTSIDE, now=timezone.now())
    switch.work()
    ConferenceService().take_back(agent_id=ada.pk, now=timezone.now())
    switch.work()

    late = switch.answer(leg.label, leg.room)
    switch.work()

    assert late not in switch.where
    assert people(switch) == [{CALLER, leg_of(ada)}]


def test_somebody_outside_who_does_not_go_is_told_again(switch: Switch, ada: Agent) -> None:
    leg = call_in(switch, ada)
    switch.deaf.add(leg)
    ConferenceService().take_back(agent_id=ada.pk, now=timezone.now())
    switch.work()
    assert leg in switch.where

    switch.deaf.clear()
    switch.work(timezone.now() + timedelta(minutes=1))

    assert people(switch) == [{CALLER, leg_of(ada)}]


def silent(switch: Switch, sid: str) -> None:
    """A leg ends, and Twilio's word of its leaving is lost."""
    for room in switch.rooms.values():
        room.legs.pop(sid, None)
    switch.where.pop(sid)


def test_somebody_outside_whose_leaving_nobody_told_is_told_to_go_once(switch: Switch, ada: Agent) -> None:
    leg = call_in(switch, ada)
    silent(switch, leg)
    ConferenceService().take_back(agent_id=ada.pk, now=timezone.now())

    for minute in range(10):
        switch.work(timezone.now() + timedelta(minutes=minute))

    assert Outbox.objects.filter(kind="end_call", call_sid=leg).count() == 1
    assert not Participant.objects.filter(call_sid=leg, left_at=None).exists()


def test_nobody_is_inside_a_conference_that_ended(switch: Switch, ada: Agent, twilio: Twilio) -> None:
    leg = call_in(switch, ada)
    elsewhere = Participant.objects.create(
        sid="CF" + "9" * 32, call_sid=call_sid(9), room="r", sequence=1, joined_at=timezone.now()
    )
    told = {"ConferenceSid": Participant.objects.get(call_sid=leg).sid, "StatusCallbackEvent": "conference-end"}

    twilio.post(f"/twilio/conference/?reservation={reservation_of(ada).pk}", **told, SequenceNumber=99)

    assert list(Participant.objects.filter(left_at=None)) == [elsewhere]


def test_a_call_outside_that_nobody_wants_any_more_is_not_made(switch: Switch, ada: Agent) -> None:
    ConferenceService().ask_outside(agent_id=ada.pk, number=OUTSIDE, now=timezone.now())
    ConferenceService().take_back(agent_id=ada.pk, now=timezone.now())
    switch.work()

    assert switch.calling == {}


def test_an_agent_is_in_one_call(switch: Switch, ada: Agent, grace: Agent) -> None:
    ask(switch, ada, grace)
    switch.ring(call_sid(3))
    switch.work()

    active = Reservation.objects.filter(state__in=ReservationState.ACTIVE_STATES)
    assert sorted(active.values_list("agent__name", flat=True)) == ["Ada", "Grace"]
