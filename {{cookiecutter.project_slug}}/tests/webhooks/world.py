"""A whole call center in one thread and in virtual time: simulator, callers, agents, workers, and what goes wrong.

Nothing waits for a real clock: whoever sleeps lets the virtual one jump, so a busy machine changes nothing.
"""

from __future__ import annotations

import asyncio
import json
import logging
import selectors
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
import urllib3
from django.conf import settings
from django.test import Client
from django.utils import timezone
from twilio.http import HttpClient
from twilio.http.response import Response
from twilio.rest import Client as TwilioClient

from django_twilio_call.conf import get_config
from django_twilio_call.constants import AgentStatus, CallbackState, Onward, RecordingPolicy
from django_twilio_call.exceptions import CallCenterError, TelephonyError
from django_twilio_call.links import callback_url, twiml_url
from django_twilio_call.models import (
    Agent,
    AgentStateSpan,
    Call,
    CallbackRequest,
    Outbox,
    Queue,
    Recording,
    Reservation,
    Voicemail,
)
from django_twilio_call.retry import CircuitBreaker
from django_twilio_call.services import (
    AgentService,
    CallService,
    DialingService,
    LostRecordingService,
    OutboxService,
    ReapingService,
    RoutingService,
    SubmissionService,
    TransferService,
)
from django_twilio_call.telephony import TwilioTelephony
from django_twilio_call.transport import Answer as RestAnswer
from django_twilio_call.transport import Policy
from tests.conftest import make_agent
from tests.fakes import NUMBER
from twilio_simulator.account import Account
from twilio_simulator.actors import Habits, Script, call_in
from twilio_simulator.calls import Call as Leg
from twilio_simulator.calls import HungUp
from twilio_simulator.clock import Clock
from twilio_simulator.controls import connect
from twilio_simulator.engine import Exchange
from twilio_simulator.faults import Faults, FaultyWebhooks, read
from twilio_simulator.http import Handle, Request
from twilio_simulator.laws import check, lost
from twilio_simulator.outbound import Callee
from twilio_simulator.rest import Rest
from twilio_simulator.webhooks import Answer

BEGAN: Final = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
LONGEST: Final = 3600.0
"""Virtual seconds after the last caller dialled in which all must have come to its end."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """Jumps to the next thing there is to do. With nothing left it fails: everybody waits for somebody else."""

    def __init__(self) -> None:
        self.at = 0.0
        super().__init__(_Jumping(self))

    def time(self) -> float:
        return self.at

    @contextmanager
    def running(self, loop: asyncio.AbstractEventLoop | None) -> Iterator[None]:
        """Have this loop be the running one meanwhile. Without one, the app's connections are those of the thread."""
        before = asyncio._get_running_loop()
        asyncio._set_running_loop(loop)
        try:
            yield
        finally:
            asyncio._set_running_loop(before)


class _Jumping(selectors.SelectSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self.loop = loop

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None:
            raise RuntimeError("everybody waits for somebody else")
        self.loop.at += max(timeout, 0.0)
        return []


class LoopClock(Clock):
    """The simulator's time is the loop's."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self.loop = loop

    def time(self) -> float:
        return BEGAN.timestamp() + self.loop.at

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(seconds, 0.0))


class Deliveries(FaultyWebhooks):
    """Webhooks that reach Django in this thread, a random moment later, and are answered another moment later."""

    def __init__(self, account: Account, faults: Faults, dice: Random, loop: VirtualLoop) -> None:
        super().__init__(account, faults)
        self.dice, self.client = dice, Client(raise_request_exception=False)
        self.loop = loop

    async def _deliver(
        self, url: str, params: Mapping[str, str], method: str, timeout: urllib3.Timeout, token: str
    ) -> Answer:
        async def arrive() -> Answer:
            await asyncio.sleep(self.dice.expovariate(10))
            answer = self._ask(url, dict(params), method, timeout, token)
            await asyncio.sleep(self.dice.expovariate(20))
            return answer

        self.figures.sent += 1
        return await asyncio.shield(self._goes_on(arrive()))

    def _ask(self, url: str, params: dict[str, str], method: str, timeout: urllib3.Timeout, token: str) -> Answer:
        parts = urlsplit(url)
        headers = {"X-Twilio-Signature": self.account.signature(url, params)}
        with self.loop.running(None):
            answer = self.client.post(f"{parts.path}?{parts.query}", params, headers=headers)
        failure = "" if answer.status_code < 300 else f"{answer.status_code // 100}xx"
        return Answer(answer.status_code, answer.content, answer.headers.get("Content-Type", ""), failure)


class RestInProcess(HttpClient):  # type: ignore[misc]  # the library has no types
    """Twilio's own client on the simulator's REST API, under the app's policy and with faults."""

    def __init__(self, handle: Handle, loop: VirtualLoop) -> None:
        super().__init__(logging.getLogger("twilio"), is_async=False)
        self.handle, self.loop = handle, loop
        breaker = CircuitBreaker(threshold=5, recovery=10, clock=loop.time)
        self.policy = Policy(deadline=5, breaker=breaker, clock=loop.time, sleep=lambda _: None, jitter=lambda: 0.5)

    def request(
        self, method: str, url: str, params: Any = None, data: Any = None, auth: Any = None, **_: Any
    ) -> Response:
        pairs = [*parse_qsl(urlsplit(url).query), *parse_qsl(urlencode({**(params or {}), **(data or {})}, doseq=True))]
        login = urllib3.make_headers(basic_auth=":".join(auth))
        asked = Request(method, urlsplit(url).path, tuple(pairs), login)

        def ask(left: float) -> RestAnswer:
            with self.loop.running(self.loop):
                reply = self.handle(asked)
            if reply.cut or reply.delay > left:
                raise TelephonyError("no answer", retryable=True)
            headers = {name.lower(): value for name, value in reply.headers.items()}
            return RestAnswer(reply.status, json.dumps(reply.body), headers)

        answer = self.policy.send(method, ask)
        if answer.status == 429:
            raise TelephonyError("too many", status=429, retryable=True, retry_after=answer.retry_after)
        return Response(answer.status, answer.body, dict(answer.headers))


class World:
    """Callers ring, agents work, workers sweep, and in the end the laws must hold."""

    def __init__(
        self,
        faults: str,
        seed: int,
        monkeypatch: pytest.MonkeyPatch,
        *,
        workers: int = 2,
        callbacks: float = 0.3,
        transfers: float = 0.3,
    ) -> None:
        monkeypatch.setattr(settings, "TWILIO_PHONE_NUMBER", NUMBER, raising=False)
        config = get_config()
        self.dice, self.loop, self.workers = Random(seed), VirtualLoop(), workers
        self.seed, self.callbacks, self.transfers = seed, callbacks, transfers
        self.sent_on = Counter[str]()
        """CallSid -> how often agents have sent the caller on."""
        monkeypatch.setattr(timezone, "now", self.now)
        account = Account(
            sid=config.twilio_account_sid,
            token=config.twilio_auth_token,
            number=NUMBER,
            voice_url=twiml_url("voice"),
            status_url=callback_url("status"),
            client_voice_url=twiml_url("agent"),
            fallback_url=f"{config.public_base_url}/twilio/fallback/",
        )
        self.faults = Faults(read(faults), seed=seed, clock=self.loop.time)
        self.webhooks = Deliveries(account, self.faults, self.dice, self.loop)
        self.exchange = Exchange(account, self.webhooks, clock=LoopClock(self.loop), speech=0.5, faults=self.faults)
        handle = self.faults.handling(Rest(self.exchange).handle, hang_up=self.exchange.hang_up)
        client = TwilioClient(account.sid, account.token, http_client=RestInProcess(handle, self.loop))
        self.telephony = TwilioTelephony(client)

    def now(self) -> datetime:
        """Virtual time."""
        return BEGAN + timedelta(seconds=self.loop.at)

    def go(self, *, calls: int, agents: int) -> None:
        """Let so many callers call so many agents, and wait for the end of all that."""
        queues = [self._queue(key, digit) for key, digit in (("support", "1"), ("sales", "2"))]
        for number in range(agents):
            make_agent(f"agent{number}", *queues, since=BEGAN)
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_until_complete(self._live(calls))
        finally:
            left = asyncio.all_tasks(self.loop)
            for task in left:
                task.cancel()
            self.loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
            asyncio.set_event_loop(None)
            self.loop.close()

    def _queue(self, key: str, digit: str) -> Queue:
        return Queue.objects.create(
            key=key,
            name=key.title(),
            digit=digit,
            wrap_up_time=2,
            max_wait=90 if key == "support" else 15,
            when_waited=Onward.VOICEMAIL,
            offer_callback=True,
            callback_pause=60,
            recording=RecordingPolicy.ANNOUNCED,
        )

    async def _live(self, calls: int) -> None:
        people: list[asyncio.Task[None]] = []
        others = [self._work(), self._take_offers(), self._pick_up(), *(self._sweep() for _ in range(self.workers))]
        tasks = [asyncio.ensure_future(other) for other in others]
        habits = Habits(talk=8, patience=25)
        try:
            for index in range(calls):
                people.append(asyncio.ensure_future(self._caller(Script.draw(self.seed, index, habits))))
                await asyncio.sleep(self.dice.expovariate(0.7))
            async with asyncio.timeout(LONGEST):
                await asyncio.gather(*people)
                while self.open():
                    self._raise_what_failed(tasks)
                    await asyncio.sleep(5)
        except TimeoutError:
            pytest.fail(f"not all has ended: {self.open()}")
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await self.exchange.drained()
        await self._look_for_recordings()

    async def _look_for_recordings(self) -> None:
        """As beat has it done, until what was begun so long ago is known: callbacks of it come no more."""
        await asyncio.sleep(3 * 3600)
        for _ in range(20):
            with self.loop.running(None):
                LostRecordingService(telephony=self.telephony).look(now=self.now())
                if not self._untold():
                    return
            await asyncio.sleep(60)

    def _raise_what_failed(self, tasks: list[asyncio.Task[None]]) -> None:
        for task in tasks:
            if task.done():
                task.result()

    async def _caller(self, script: Script) -> None:
        if self.dice.random() > self.callbacks:
            await call_in(self.exchange, script)
        else:
            await self._call_me_back(script)

    async def _call_me_back(self, script: Script) -> None:
        """A caller who would rather be called back: presses 1 in the menu, and 1 whenever they are asked in line."""
        self.exchange.callees[script.number] = Callee(after=self.dice.uniform(3, 25))
        call = self.exchange.dial(script.number, self.exchange.account.number)
        while await call.reaches("menu", "queue menu", "conference") and call.stage != "conference":
            step = call.steps
            await asyncio.sleep(script.thinks)
            call.keys.put_nowait("1")
            await call.moves_on(step)
        await self._talk(call)

    async def _pick_up(self) -> None:
        """Whoever is called back answers, and talks."""
        seen: set[str] = set()
        while True:
            await asyncio.sleep(1)
            for call in tuple(self.exchange.calls.values()):
                if call.direction == "outbound-api" and call.sid not in seen:
                    seen.add(call.sid)
                    self.exchange.spawn(self._talk(call))

    async def _talk(self, call: Leg) -> None:
        if await call.reaches("conference"):
            await asyncio.sleep(self.dice.uniform(1, 20))
            call.interrupt(HungUp("caller"))

    async def _sweep(self) -> None:
        """One worker: what beat asks for, at times of its own."""
        while True:
            await asyncio.sleep(self.dice.uniform(0.5, 4))
            with self.loop.running(None):
                DialingService().sweep(now=self.now())
                RoutingService().sweep(now=self.now())
                self._send()

    async def _work(self) -> None:
        """Another one, that is woken."""
        while True:
            await asyncio.sleep(self.dice.uniform(0.3, 2))
            with self.loop.running(None):
                RoutingService().route(now=self.now())
                self._send()
                if self.dice.random() < 0.2:
                    SubmissionService(telephony=self.telephony).settle(now=self.now())
                    ReapingService(telephony=self.telephony).compare(now=self.now())
                    LostRecordingService(telephony=self.telephony).look(now=self.now())

    def _send(self) -> None:
        OutboxService(telephony=self.telephony, clock=self.loop.time, jitter=self.dice.random).deliver(now=self.now())

    async def _take_offers(self) -> None:
        """Agents: most take an offer, some turn it down or let it ring, and come back then."""
        seen: set[int] = set()
        while True:
            await asyncio.sleep(1)
            with self.loop.running(None):
                self._back_on_duty()
                offers = [offer for offer in RoutingService().offers() if offer["reservation"] not in seen]
            for offer in offers:
                seen.add(offer["reservation"])
                self.exchange.spawn(self._take(offer["reservation"], offer["agent"]))

    def _back_on_duty(self) -> None:
        away = AgentStateSpan.objects.current().filter(state__in=(AgentStatus.OFFLINE, AgentStatus.ON_BREAK))
        for agent_id in away.values_list("agent_id", flat=True):
            AgentService().set_state(agent_id=agent_id, state=AgentStatus.AVAILABLE, now=self.now())

    async def _take(self, reservation: int, identity: str) -> None:
        await asyncio.sleep(self.dice.uniform(0.1, 2))
        luck, who = self.dice.random(), int(identity.rpartition("_")[2])
        try:
            with self.loop.running(None):
                if luck < 0.05:
                    return
                if luck < 0.1:
                    AgentService().decline(reservation_id=reservation, agent_id=who, now=self.now())
                    return
                AgentService().accept(reservation_id=reservation, agent_id=who, now=self.now())
        except CallCenterError:
            return  # the caller was quicker
        await asyncio.sleep(self.dice.uniform(0, 1))
        connect(self.exchange, identity, {"reservation": str(reservation)})
        if self.dice.random() < self.transfers:
            await self._send_on(reservation, who)

    async def _send_on(self, reservation: int, agent: int) -> None:
        """Somebody else is to talk to the caller: a number outside, which may be busy, or another queue."""
        await asyncio.sleep(self.dice.uniform(2, 12))
        number, outside = f"+1212{reservation:07d}", self.dice.random() < 0.7
        does = self.dice.choice(("answer", "answer", "busy", "no-answer"))
        self.exchange.callees[number] = Callee(does=does, after=self.dice.uniform(1, 5))
        with self.loop.running(None), suppress(CallCenterError):  # they may have ended the call meanwhile
            if outside:
                TransferService().to_outside(agent_id=agent, number=number, now=self.now())
            else:
                TransferService().to_queue(agent_id=agent, queue_key="sales", now=self.now())
            self.sent_on[Reservation.objects.get(pk=reservation).entry.call.sid] += 1

    def open(self) -> dict[str, Any]:
        """What has not come to its end, here and at the simulator's."""
        live = [call.journal for call in self.exchange.calls.values() if call.live]
        with self.loop.running(None):
            callbacks = CallbackRequest.objects.filter(state__in=CallbackState.OPEN_STATES).count()
            under_way = {name: n for name, n in CallService().under_way().items() if n}
        return {**under_way, **({"legs": live} if live else {}), **({"callbacks": callbacks} if callbacks else {})}

    def verdict(self) -> dict[str, Any]:
        """What the laws say of it; all empty or 0 when they hold."""
        journal = [call.journal for call in self.exchange.calls.values()]
        rows = CallService().records()
        counts = check(journal, rows)
        visits = {row["call_sid"]: max(len(row["entries"]) - 1, 0) for row in rows}
        again = sum(visits.values())
        unequal = {
            "received": counts["received"] - counts["ended_before_queue"] - counts["offered"] + again,
            "visits nobody asked for": sum(max(more - self.sent_on[sid], 0) for sid, more in visits.items()),
            "offered": counts["offered"] - counts["answered"] - counts["abandoned"] - counts["overflowed"],
        }
        return {
            "lost": self._lost(journal, rows),
            "double_booked": counts["double_booked"],
            "gaps": self._gaps(),
            "live": [call.sid for call in self.exchange.calls.values() if call.live],
            "live here": list(Call.objects.live().values_list("sid", flat=True)),
            "made twice": self._made_twice(),
            "untold": self._untold(),
            **unequal,
        }

    def _lost(self, journal: list[dict[str, Any]], rows: list[dict[str, Any]]) -> dict[str, str]:
        """But for those whom no app can help: each attempt failed on the way, or they did not wait for the agent.

        Not to wait is an excuse only where a fault met their call, or the agent's who was on the way.
        """
        legs = {leg["call_sid"]: leg for leg in journal}
        found = lost(journal, rows, self.sent_on)
        for sid, why in tuple(found.items()):
            on_the_way = legs[sid]["error"] == "11205"
            impatient = "met nobody" in why and legs[sid]["ended_by"] == "caller"
            if (on_the_way and self.faults.rules) or (impatient and self._met_a_fault(sid)):
                del found[sid]
        return found

    def _met_a_fault(self, sid: str) -> bool:
        agents = Reservation.objects.filter(entry__call__sid=sid).values_list("agent_call__sid", flat=True)
        return not self.faults.hit.isdisjoint({sid, *agents} - {None})

    def _untold(self) -> list[str]:
        """Recordings at Twilio that are not known here, or whose end is not."""
        known = set(Recording.objects.exclude(ended_at=None).values_list("sid", flat=True))
        known |= set(Voicemail.objects.values_list("recording_sid", flat=True))
        kept = self.exchange.recordings.kept.values()
        return [f"{each.source} {each.sid}" for each in kept if each.status == "completed" and each.sid not in known]

    def _gaps(self) -> list[str]:
        gaps = []
        for agent in Agent.objects.all():
            spans = list(AgentStateSpan.objects.filter(agent=agent).order_by("started_at", "pk"))
            gaps += [f"{one} / {other}" for one, other in pairwise(spans) if one.ended_at != other.started_at]
            gaps += [f"{agent}: none is open"] if spans[-1].ended_at is not None else []
        return gaps

    def _made_twice(self) -> list[str]:
        """Numbers that were called more often than the outbox was to call them."""
        made = [call.to for call in self.exchange.calls.values() if call.direction == "outbound-api"]
        asked = list(Outbox.objects.filter(kind="create_call").values_list("to_number", flat=True))
        return [number for number in set(made) if made.count(number) > asked.count(number)]
