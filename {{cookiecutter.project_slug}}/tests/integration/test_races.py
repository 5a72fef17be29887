"""Several workers at once, on whichever database these tests run: PostgreSQL when `SERVICES=1`, else SQLite."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, TypeVar

import pytest
from django.db import connection
from django.utils import timezone

from django_twilio_call.constants import OutboxKind, OutboxState, QueueEntryState, ReservationState
from django_twilio_call.exceptions import BusinessLogicError
from django_twilio_call.models import Agent, Call, Outbox, OutsideLeg, Queue, QueueEntry, Reservation, WebhookEvent
from django_twilio_call.services import (
    AgentService,
    LostRecordingService,
    OutboxService,
    ReapingService,
    RoutingService,
    TransferService,
)
from django_twilio_call.services.outbox import give_up
from tests.conftest import make_agent
from tests.fakes import FakeTelephony, Twilio, call_sid
from tests.services.test_routing import waiting
from tests.webhooks.test_walk import AGENT_LEG, accepted, conference_end, connected, enqueue, joined, offer

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.integration]

T = TypeVar("T")


def at_once(*acts: Callable[[], T]) -> list[T]:
    """Run the acts in threads that start together, each with a database connection of its own."""
    barrier = threading.Barrier(len(acts))

    def run(act: Callable[[], T]) -> T:
        barrier.wait(10)
        try:
            return act()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def test_a_hundred_reservations_by_eight_workers_book_nobody_twice(queue: Queue, now: datetime) -> None:
    for number in range(25):
        make_agent(f"agent{number}", queue)
    for number in range(100):
        waiting(queue, number, now)

    at_once(*(lambda: RoutingService().route(now=now) for _ in range(8)))

    active = Reservation.objects.filter(state__in=ReservationState.ACTIVE_STATES)
    assert (
        active.values("agent").distinct().count() == active.values("entry").distinct().count() == active.count() == 25
    )
    assert QueueEntry.objects.filter(state=QueueEntryState.RESERVED).count() == 25


def enqueue_with_offers(twilio: Twilio) -> None:
    Queue.objects.update(offer_callback=True)
    enqueue(twilio)


def left_for_goodbye(twilio: Twilio) -> None:
    entry = enqueue(twilio)
    twilio.post(f"/twilio/queue/?entry={entry.pk}&then=goodbye", QueueResult="leave")


STEPS: list[tuple[str, Callable[[Twilio], object], str, dict[str, Any]]] = [
    ("voice", lambda twilio: None, "/twilio/voice/", {}),
    ("gather", lambda twilio: twilio.post("/twilio/voice/"), "/twilio/gather/?attempt=1", {"Digits": "1"}),
    ("wait", enqueue, "/twilio/wait/?entry={entry}", {"QueuePosition": 1, "QueueTime": 3}),
    ("hangup", offer, "/twilio/queue/?entry={entry}", {"QueueResult": "hangup"}),
    ("hangup after join", joined, "/twilio/queue/?entry={entry}", {"QueueResult": "hangup"}),
    ("leave", enqueue, "/twilio/queue/?entry={entry}", {"QueueResult": "leave"}),
    ("ask", enqueue_with_offers, "/twilio/ask/?entry={entry}&at=5", {"Digits": "1"}),
    ("onward", left_for_goodbye, "/twilio/onward/?entry={entry}", {}),
    ("agent", accepted, "/twilio/agent/", {"sid": AGENT_LEG, "From": "client:{agent}", "reservation": "{reservation}"}),
    ("connect", joined, "/twilio/connect/?reservation={reservation}", {}),
    (
        "conference",
        connected,
        "/twilio/conference/?reservation={reservation}",
        {"ConferenceSid": "CF1", "SequenceNumber": 4, "StatusCallbackEvent": "conference-end"},
    ),
    ("status", enqueue, "/twilio/status/", {"CallStatus": "completed", "SequenceNumber": 2, "CallDuration": 5}),
]


@pytest.mark.parametrize(("before", "path", "params"), [step[1:] for step in STEPS], ids=[step[0] for step in STEPS])
def test_a_webhook_delivered_twice_at_once_says_and_does_it_once(
    twilio: Twilio,
    agent: Agent,
    before: Callable[[Twilio], object],
    path: str,
    params: dict[str, Any],
) -> None:
    before(twilio)
    entry, reservation = QueueEntry.objects.first(), Reservation.objects.first()
    known = {
        "entry": entry.pk if entry else "",
        "reservation": reservation.pk if reservation else "",
        "agent": agent.identity,
    }
    params = {name: str(value).format(**known) for name, value in params.items()}
    path = path.format(**known)
    events = WebhookEvent.objects.count()

    answers = at_once(*(lambda: twilio.post(path, **params) for _ in range(2)))

    assert [answer.status_code for answer in answers] == [200, 200]
    assert len({answer.content for answer in answers}) == 1
    assert WebhookEvent.objects.count() - events == (0 if "wait" in path else 1)
    assert Call.objects.filter(sid=call_sid(1)).count() == 1
    assert QueueEntry.objects.count() <= 1
    assert entry is None or entry.commands.count() <= 1


@pytest.mark.parametrize("_round", range(5))
def test_an_accept_that_races_a_hang_up_leaves_one_truth(twilio: Twilio, agent: Agent, _round: int) -> None:
    reservation = offer(twilio)
    entry_id = reservation.entry_id

    def accept() -> None:
        with suppress(BusinessLogicError):  # the hang-up was first
            AgentService().accept(reservation_id=reservation.pk, agent_id=agent.pk, now=reservation.created_at)

    at_once(accept, lambda: twilio.post(f"/twilio/queue/?entry={entry_id}", QueueResult="hangup"))

    reservation.refresh_from_db()
    assert QueueEntry.objects.get().state == QueueEntryState.ABANDONED
    assert reservation.state == ReservationState.CANCELLED
    assert agent.spans.current().get().state == "available"


@pytest.mark.parametrize("_round", range(5))
def test_an_answer_that_races_a_hang_up_has_one_outcome(twilio: Twilio, agent: Agent, _round: int) -> None:
    reservation = joined(twilio)

    at_once(
        lambda: twilio.post(f"/twilio/connect/?reservation={reservation.pk}"),
        lambda: twilio.post(f"/twilio/queue/?entry={reservation.entry_id}", QueueResult="hangup"),
    )
    conference_end(twilio, reservation)

    entry = QueueEntry.objects.get()
    assert entry.state in (QueueEntryState.ANSWERED, QueueEntryState.ABANDONED)
    assert agent.spans.current().get().state == "wrap_up"


def test_many_workers_make_one_call_in_its_turn(db: None, now: datetime) -> None:
    for number in range(20):
        Outbox.objects.create(
            kind=OutboxKind.CREATE_CALL, call_sid=f"CB{number}", to_number="+1", not_before=now, created_at=now
        )
    telephony = FakeTelephony()

    def deliver(at: datetime) -> int:
        return OutboxService(telephony=telephony, clock=lambda: 0).deliver(now=at)

    for second in range(3):
        at = now + timedelta(seconds=second)
        sent = at_once(*(lambda: deliver(at) for _ in range(8)))  # noqa: B023  # run before the next turn
        assert sum(sent) == 1
    assert len(telephony.asked) == 3
    assert Outbox.objects.filter(state=OutboxState.DONE).count() == 3


def test_the_last_places_of_a_queue_are_taken_once(twilio: Twilio, agent: Agent, queue: Queue) -> None:
    queue.max_size = 3
    queue.save()
    sids = [call_sid(number) for number in range(1, 9)]
    for sid in sids:
        twilio.post("/twilio/voice/", sid=sid)

    at_once(*(lambda sid=sid: twilio.post("/twilio/gather/?attempt=1", sid=sid, Digits="1") for sid in sids))

    visits = QueueEntry.objects.values_list("state", "overflow_reason")
    assert Counter(visits) == {("waiting", ""): 3, ("overflowed", "full"): 5}


@pytest.mark.parametrize("outside", [False, True] * 4)  # without a lock one in three is lost
def test_a_caller_who_arrives_as_the_way_there_is_given_up_is_lost_by_neither(
    twilio: Twilio, agent: Agent, outside: bool
) -> None:
    reservation = connected(twilio)
    if outside:
        TransferService().to_outside(agent_id=agent.pk, number="+14155550199", now=timezone.now())
    else:
        TransferService().to_queue(agent_id=agent.pk, queue_key="support", now=timezone.now())
    command = Outbox.objects.get(kind=OutboxKind.TRANSFER_CALL)
    path = f"/twilio/{'outside' if outside else 'transfer'}/?reservation={reservation.pk}"

    says, _ = at_once(lambda: twilio.say(path), lambda: give_up(command, timezone.now()))

    waiting_now = QueueEntry.objects.filter(state=QueueEntryState.WAITING).count()
    connected_with = OutsideLeg.objects.filter(ended_at=None).count()
    assert (says, waiting_now, connected_with) in ((["Enqueue"], 1, 0), (["Dial/Number"], 0, 1))


def test_many_workers_look_for_recordings_once(db: None, now: datetime) -> None:
    telephony = FakeTelephony()

    at_once(*(lambda: LostRecordingService(telephony=telephony).look(now=now) for _ in range(8)))

    assert [what for what, *_ in telephony.asked] == ["recordings"]


def test_many_workers_compare_once(db: None, now: datetime) -> None:
    telephony = FakeTelephony()

    at_once(*(lambda: ReapingService(telephony=telephony).compare(now=now) for _ in range(8)))

    assert telephony.asked == [("live",)]
