"""Calls and queues: what there is, and what is remembered of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

from .clock import Clock

if TYPE_CHECKING:
    from .members import Conference
    from .waiting import Visit


def rfc2822(at: float) -> str:
    """A time as Twilio writes it."""
    return format_datetime(datetime.fromtimestamp(at, UTC))


@dataclass(frozen=True, slots=True)
class Target:
    """TwiML to go on with: where it is to be had, or the document itself."""

    url: str = ""
    method: str = "POST"
    twiml: str = ""


@dataclass(frozen=True, slots=True)
class Callback:
    """Where the app is told what happens, and which events it wants; Twilio's default is the end alone."""

    url: str = ""
    method: str = "POST"
    events: frozenset[str] = frozenset({"completed"})

    def wants(self, event: str) -> bool:
        """Whether the app is to be told."""
        return bool(self.url) and event in self.events


class Interrupted(Exception):  # not an error
    """The call goes on elsewhere, or ends."""


class HungUp(Interrupted):
    """Somebody hung up: `by` is `caller` or `app`, `unanswered` the status if Twilio had not picked up yet."""

    def __init__(self, by: str, unanswered: str = "") -> None:
        super().__init__(by)
        self.by = by
        self.unanswered = unanswered or ("canceled" if by == "app" else "no-answer")


class Redirected(Interrupted):
    """The app fetched the call out of what it was doing."""

    def __init__(self, target: Target) -> None:
        super().__init__(target.url)
        self.target = target


class Spoken(str):
    """What somebody says; any other input is a key they press."""

    __slots__ = ()


@dataclass(eq=False, slots=True)
class Call:
    """One leg. `stage` is what it is doing now: ringing, menu, queue, queue menu, conference, ended."""

    sid: str
    from_: str
    to: str
    clock: Clock
    direction: str = "inbound"
    identity: str = ""
    callback: Callback = Callback()
    parent: str = ""
    """The CallSid of the call that dialled it."""
    fallback: Target | None = None
    longest: float = 4 * 3600
    status: str = "ringing"
    stage: str = "ringing"
    steps: int = 0
    hears: str = ""
    listener: Callable[[str, str], None] | None = None
    """Is told what is said and played: a phone somebody holds."""
    sequence: int = 0
    started: float = 0.0
    answered: float | None = None
    ended: float | None = None
    journal: dict[str, Any] = field(default_factory=dict)
    answered_by: str = ""
    limit: asyncio.Future[None] | None = None
    picked_up: asyncio.Event = field(default_factory=asyncio.Event)
    """Set by hand, where a phone rings until somebody answers."""
    keys: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    conference: Conference | None = None
    left_queue: Callable[[str], Awaitable[None]] | None = None
    """Tells the app how the wait in a queue ended, while there is one."""
    broken_off: Callable[[str], Awaitable[None]] | None = None
    """Ends a verb whose action is to be told even then."""
    _why: Interrupted | None = None
    _broken: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.started = self.clock.time()
        role = "agent" if self.identity else "customer" if self.direction == "inbound" else "outbound"
        self.journal = {"call_sid": self.sid, "role": role, "identity": self.identity, "dialled_at": self.started}
        self.journal |= {"fetched": 0, "left_queue": [], "conferences": [], "warnings": [], "stages": [], "verbs": []}
        self.journal |= {"ended_at": None, "ended_by": "", "error": ""}

    @property
    def live(self) -> bool:
        """Whether it has not ended."""
        return self.ended is None

    @property
    def pending(self) -> Interrupted | None:
        """An interrupt that was accepted and has not taken effect yet."""
        return self._why

    @property
    def duration(self) -> int:
        """Whole seconds from answer to end; 0 when it was never answered or has not ended."""
        return 0 if self.ended is None or self.answered is None else max(round(self.ended - self.answered), 0)

    def enter(self, stage: str) -> None:
        """Do something else from now on, and let whoever waits for that know."""
        self.stage = stage
        self.steps += 1
        self.journal["stages"].append((stage, self.clock.time()))
        self.changed.set()

    def hear(self, kind: str, text: str) -> None:
        """Something is said or played to it."""
        self.hears = text
        if self.listener is not None:
            self.listener(kind, text)

    def warn(self, code: int, what: str) -> None:
        """Note what Twilio's debugger would warn of."""
        self.journal["warnings"].append(f"{code}: {what}")

    async def reaches(self, *stages: str) -> bool:
        """Wait until it does one of these; False when it ended first."""
        while self.stage not in stages:
            if not self.live:
                return False
            self.changed.clear()
            await self.changed.wait()
        return True

    async def moves_on(self, step: int) -> None:
        """Wait until it does anything else than at that step."""
        while self.steps == step and self.live:
            self.changed.clear()
            await self.changed.wait()

    def interrupt(self, why: Interrupted) -> None:
        """Break off what the call is doing, or is about to do. The last word counts, but nothing undoes a hang-up."""
        if not isinstance(self._why, HungUp):
            self._why = why
        self._broken.set()

    async def until(self, doing: Coroutine[Any, Any, None]) -> None:
        """Do something that an interrupt breaks off: then `Interrupted` is raised instead."""
        task = asyncio.ensure_future(doing)
        broken = asyncio.ensure_future(self._broken.wait())
        try:
            if self._why is None:
                await asyncio.wait({task, broken}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            task.cancel()
            broken.cancel()
            await asyncio.gather(task, broken, return_exceptions=True)
        why, self._why = self._why, None
        self._broken.clear()
        if why is not None:
            raise why
        task.result()


@dataclass(eq=False, slots=True)
class Queue:
    """Callers in line, and since when each is."""

    sid: str
    name: str
    max_size: int = 1000
    waiting: dict[Call, float] = field(default_factory=dict)
    created: float = 0.0
    visits: dict[Call, Visit] = field(default_factory=dict)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def first(self) -> Visit:
        """The visit of the first in line who is not on the way out; waits for somebody to come."""
        while True:
            for call, visit in self.visits.items():
                if call.pending is None and not visit.taken:
                    return visit
            self.arrived.clear()
            await self.arrived.wait()

    def position(self, call: Call) -> int:
        """A caller's place in line, from 1."""
        return list(self.waiting).index(call) + 1

    def average_wait(self, now: float) -> int:
        """Whole seconds that those in line have waited, on average."""
        return int(sum(now - since for since in self.waiting.values()) / len(self.waiting)) if self.waiting else 0
