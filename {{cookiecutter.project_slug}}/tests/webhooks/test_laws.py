"""Whatever callers do, in whatever order it is told, and told twice: every visit ends once, and nobody is forgotten."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from random import Random

import pytest
from django.utils import timezone

from django_twilio_call.constants import CallbackState, Onward, QueueEntryState
from django_twilio_call.models import Call, CallbackRequest, Queue, QueueEntry, Reservation
from django_twilio_call.services import AgentService, DialingService, OutboxService, RoutingService
from tests.conftest import make_agent
from tests.fakes import FakeTelephony, Twilio, call_sid

pytestmark = pytest.mark.django_db

CALLS, STEPS = 4, 60
OUTCOMES = {QueueEntryState.ANSWERED, QueueEntryState.ABANDONED, QueueEntryState.OVERFLOWED}


class World:
    """Callers, agents and workers who act at random."""

    def __init__(self, seed: int, twilio: Twilio) -> None:
        self.dice, self.twilio, self.telephony = Random(seed), twilio, FakeTelephony()
        self.now, self.legs = timezone.now(), iter(range(100, 1000))
        self.acts = (self.ring, self.wait, self.ask, self.leave, self.onward, self.hang_up, self.agent, self.answer)

    def go(self) -> None:
        for _ in range(STEPS):
            self.now += timedelta(seconds=self.dice.choice((0, 1, 20)))
            self.dice.choice(self.acts)()
            self.work()

    def end(self) -> None:
        """Everybody hangs up, nobody who is called back answers, and time passes."""
        for _ in range(12):
            for sid in Call.objects.filter(ended_at=None).exclude(sid__startswith="CB").values_list("sid", flat=True):
                self.twilio.post("/twilio/status/", sid=sid, CallStatus="completed", SequenceNumber=9)
            Call.objects.filter(ended_at=None).update(ended_at=self.now)
            self.now += timedelta(hours=1)
            self.work()
            self.work()

    def work(self) -> None:
        DialingService().sweep(now=self.now)
        RoutingService().sweep(now=self.now)
        RoutingService().route(now=self.now)
        OutboxService(telephony=self.telephony).deliver(now=max(self.now, timezone.now()))

    def post(self, path: str, sid: str, **params: str | int) -> None:
        for _ in range(self.dice.choice((1, 1, 2))):
            assert (
                self.twilio.post(
                    path, sid=sid, From=f"+1415555{int(sid.removeprefix('CA'), 16):04d}", **params
                ).status_code
                == 200
            )

    def ring(self) -> None:
        sid = call_sid(self.dice.randrange(CALLS))
        self.post("/twilio/voice/", sid)
        self.post(f"/twilio/gather/?attempt={self.dice.randint(1, 3)}", sid, Digits=self.dice.choice("12"))

    def visit(self) -> tuple[int, str]:
        rows = list(QueueEntry.objects.exclude(call__sid__startswith="CB").values_list("pk", "call__sid"))
        return self.dice.choice(rows or [(1, call_sid(1))])

    def wait(self) -> None:
        entry, sid = self.visit()
        self.post(f"/twilio/wait/?entry={entry}", sid, QueueTime=self.dice.choice((1, 30, 700)), QueuePosition=1)

    def ask(self) -> None:
        entry, sid = self.visit()
        self.post(f"/twilio/ask/?entry={entry}&at={self.dice.randrange(9)}", sid, Digits=self.dice.choice("127"))

    def leave(self) -> None:
        entry, sid = self.visit()
        then = self.dice.choice(("", *Onward.ENDS))
        result = self.dice.choice(("leave", "hangup", "redirected", "queue-full"))
        self.post(f"/twilio/queue/?entry={entry}&then={then}", sid, QueueResult=result)

    def onward(self) -> None:
        entry, sid = self.visit()
        self.post(f"/twilio/onward/?entry={entry}", sid)

    def hang_up(self) -> None:
        self.post("/twilio/status/", self.visit()[1], CallStatus="completed", SequenceNumber=5)

    def agent(self) -> None:
        for offer in Reservation.objects.filter(state="pending").select_related("agent"):
            AgentService().accept(reservation_id=offer.pk, agent_id=offer.agent_id, now=self.now)
            leg = call_sid(next(self.legs))
            identity = f"client:{offer.agent.identity}"
            self.twilio.post("/twilio/agent/", sid=leg, From=identity, reservation=offer.pk)

    def answer(self) -> None:
        for taken in Reservation.objects.filter(state="accepted").select_related("entry__call"):
            sid = taken.entry.call.sid
            sid = call_sid(5000 + taken.entry.pk) if sid.startswith("CB") else sid
            self.post(f"/twilio/connect/?reservation={taken.pk}", sid)


@pytest.mark.parametrize("seed", range(10))
def test_every_visit_ends_once(twilio: Twilio, queue: Queue, now: datetime, seed: int) -> None:
    other = Queue.objects.create(key="other", name="Other", digit="2", max_size=1, when_full=Onward.CALLBACK)
    Queue.objects.filter(pk=queue.pk).update(
        offer_callback=True, offer_voicemail=True, when_waited=Onward.QUEUE, overflow_queue=other, callback_pause=60
    )
    make_agent("ada", queue, other)
    world = World(seed, twilio)

    world.go()
    world.end()

    states = Counter(QueueEntry.objects.values_list("state", flat=True))
    assert states.keys() <= OUTCOMES
    assert QueueEntry.objects.exclude(state=QueueEntryState.OVERFLOWED).filter(overflow_reason="asked").count() == 0
    assert not CallbackRequest.objects.filter(state__in=CallbackState.OPEN_STATES).exists()
    assert not Reservation.objects.filter(state="pending").exists()
    assert not Call.objects.filter(ended_at=None).exists()
