"""Callers and agents who act by a script, every choice drawn from a seed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import random
from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, log
from typing import Any, Final
from urllib.parse import urlencode

import urllib3

from .calls import Call, HungUp
from .controls import connect
from .engine import Exchange

logger = logging.getLogger(__name__)

POLL: Final = 0.25
SPREAD: Final = 0.5
"""Of the lognormal talk time: most talks are short, a few are long."""


@dataclass(frozen=True, slots=True)
class Habits:
    """How people behave: mean talk and patience in seconds, and what share of callers does what."""

    talk: float = 4.0
    patience: float = 60.0
    hangs_up_in_menu: float = 0.05
    presses_nothing: float = 0.05
    agent_hangs_up_first: float = 0.3
    digits: str = "1112"
    says: tuple[str, ...] = ()
    """One of these is said in a menu; without any, keys are pressed."""
    declines: float = 0.0
    ignores: float = 0.0
    """Shares of offers that agents turn down, or let ring until the app takes them back; then they return to work."""


@dataclass(frozen=True, slots=True)
class Script:
    """What one caller will do, decided before the call, so that no timing can change it."""

    number: str
    digit: str
    hangs_up_in_menu: bool
    thinks: float
    patience: float
    talk: float
    agent_ends: bool
    says: str = ""

    @classmethod
    def draw(cls, seed: int, index: int, habits: Habits) -> Script:
        """The script of caller number `index`."""
        dice = random.Random(f"{seed}:{index}")
        mean = log(habits.talk) - SPREAD**2 / 2
        return cls(
            number=f"+1415{5550000 + index % 9999:07d}",
            hangs_up_in_menu=dice.random() < habits.hangs_up_in_menu,
            digit="" if dice.random() < habits.presses_nothing else dice.choice(habits.digits),
            thinks=dice.uniform(0.2, 1.5),
            patience=dice.expovariate(1 / habits.patience),
            talk=exp(dice.gauss(mean, SPREAD)),
            agent_ends=dice.random() < habits.agent_hangs_up_first,
            says=dice.choice(habits.says) if habits.says else "",
        )


async def call_in(exchange: Exchange, script: Script) -> None:
    """One caller, from dialling to hanging up."""
    call = exchange.dial(script.number, exchange.account.number)
    while await call.reaches("menu", "queue", "conference", "record", "bridged") and call.stage == "menu":
        step = call.steps
        await exchange.clock.sleep(script.thinks)
        if script.hangs_up_in_menu:
            call.interrupt(HungUp("caller"))
            return
        if script.says:
            exchange.hear(call, script.says)
        elif script.digit:
            call.keys.put_nowait(script.digit)
        await call.moves_on(step)
    try:
        talking = await exchange.clock.within(call.reaches("conference", "record", "bridged"), script.patience)
    except TimeoutError:
        call.interrupt(HungUp("caller"))
        return
    if talking:
        await _talk(call, script)


async def _talk(call: Call, script: Script) -> None:
    """Wait until the agent is there, talk, and have one of them hang up; or leave a message."""
    with contextlib.suppress(TimeoutError):
        if call.stage == "conference":
            await call.clock.within(_in_company(call), script.patience)
        await call.clock.within(call.over.wait(), script.talk)
    agent = next((leg for leg in call.conference.members if leg.identity), None) if call.conference else None
    (agent if agent is not None and script.agent_ends else call).interrupt(HungUp("caller"))


async def _in_company(call: Call) -> None:
    while call.live and call.conference is not None and len(call.conference.members) < 2:
        call.changed.clear()
        await call.changed.wait()


class UnansweredError(OSError):
    """The app did not answer, or broke: it may be asked again."""


class Desk:
    """The app's desk as programs reach it: what a browser would send, with the headers somebody logged in with."""

    def __init__(self, api_url: str) -> None:
        self.api_url = api_url.rstrip("/") + "/"
        self._pool = urllib3.PoolManager(maxsize=16, retries=False, timeout=10)

    async def get(self, path: str, headers: Mapping[str, str]) -> Any:
        """JSON at a path. Raises `OSError` when it is refused."""
        return await asyncio.to_thread(self._ask, "GET", path, headers)

    async def post(self, path: str, headers: Mapping[str, str], **form: str) -> Any:
        """Do something. Raises `OSError` when it is refused."""
        return await asyncio.to_thread(self._ask, "POST", path, headers, form)

    def close(self) -> None:
        """Close the connections."""
        self._pool.clear()

    def _ask(self, method: str, path: str, headers: Mapping[str, str], form: Mapping[str, str] | None = None) -> Any:
        kind = {} if form is None else {"Content-Type": "application/x-www-form-urlencoded"}
        body = None if form is None else urlencode(form)
        try:
            answer = self._pool.request(
                method, self.api_url + path, body=body, headers={**headers, **kind}, redirect=False
            )
        except urllib3.exceptions.HTTPError as error:
            raise UnansweredError(f"{method} {path}: {type(error).__name__}") from None
        if answer.status >= 500:
            raise UnansweredError(f"{method} {path}: {answer.status}")
        if answer.status != 200:
            raise OSError(f"{method} {path}: {answer.status} {answer.data[:200].decode(errors='replace')}")
        return json.loads(answer.data)


class Agents:
    """All scripted agents: on duty at once, and quick to take what is offered to them."""

    def __init__(
        self, exchange: Exchange, desk: Desk, logins: Mapping[str, Any], seed: int, habits: Habits | None = None
    ) -> None:
        self.exchange = exchange
        self.desk = desk
        self.staff: Mapping[str, str] = logins["staff"]["headers"]
        self.headers: dict[str, Mapping[str, str]] = {agent["identity"]: agent["headers"] for agent in logins["agents"]}
        self.seed, self.habits = seed, habits or Habits()
        self._missed: dict[int, str] = {}
        self._taken: set[int] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def go_on_duty(self) -> None:
        """Everybody available."""
        for headers in self.headers.values():
            await self.desk.post("state/", headers, state="available")

    async def work(self) -> None:
        """Take every offer that is not to be missed, until cancelled."""
        while True:
            try:
                offers = await self.desk.get("offers/", self.staff)
            except OSError as error:
                logger.warning("offers: %s", error)
                offers = []
            else:
                await self._return({offer["reservation"] for offer in offers})
            for offer in offers:
                if offer["agent"] in self.headers and offer["reservation"] not in self._taken:
                    self._taken.add(offer["reservation"])
                    task = asyncio.create_task(self._take(offer["reservation"], offer["agent"]))
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)
            await asyncio.sleep(POLL)

    async def _return(self, pending: set[int]) -> None:
        """Whoever missed an offer that is gone is available again."""
        for reservation in self._missed.keys() - pending:
            identity = self._missed.pop(reservation)
            try:
                await self.desk.post("state/", self.headers[identity], state="available")
            except OSError as error:
                logger.info("%s does not come back: %s", identity, error)

    async def _take(self, reservation: int, identity: str) -> None:
        dice, habits = random.Random(f"{self.seed}:reservation:{reservation}"), self.habits
        await self.exchange.clock.sleep(dice.uniform(0.05, 0.4))
        mood = dice.random()
        if mood < habits.declines + habits.ignores:
            self._missed[reservation] = identity
        if habits.declines <= mood < habits.declines + habits.ignores:
            return
        answer = "decline" if mood < habits.declines else "accept"
        try:
            await self.desk.post(f"offers/{reservation}/{answer}/", self.headers[identity])
        except OSError as error:
            logger.info("%s did not get reservation %s: %s", identity, reservation, error)  # the caller was quicker
            self._missed[reservation] = identity
            if isinstance(error, UnansweredError):  # an offer that still stands is taken again
                self._taken.discard(reservation)
            return
        if answer == "accept":
            connect(self.exchange, identity, {"reservation": str(reservation)})
