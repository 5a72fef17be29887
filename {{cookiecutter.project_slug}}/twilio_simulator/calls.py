"""Calls and queues: what there is, and what is remembered of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .conferences import Conference


def rfc2822(at: float | None = None) -> str:
    """A time as Twilio writes it."""
    return format_datetime(datetime.fromtimestamp(time.time() if at is None else at, UTC))


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


@dataclass(eq=False, slots=True)
class Call:
    """One leg. `stage` is what it is doing now: ringing, menu, queue, queue menu, conference, ended."""

    sid: str
    from_: str
    to: str
    direction: str = "inbound"
    identity: str = ""
    callback: Callback = Callback()
    status: str = "ringing"
    stage: str = "ringing"
    steps: int = 0
    hears: str = ""
    listener: Callable[[str, str], None] | None = None
    """Is told what is said and played: a phone somebody holds."""
    sequence: int = 0
    started: float = field(default_factory=time.time)
    answered: float | None = None
    ended: float | None = None
    journal: dict[str, Any] = field(default_factory=dict)
    keys: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    conference: Conference | None = None
    left_queue: Callable[[str], Awaitable[None]] | None = None
    """Tells the app how the wait in a queue ended, while there is one."""
    _why: Interrupted | None = None
    _broken: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        role = "agent" if self.identity else "customer" if self.direction == "inbound" else "outbound"
        self.journal = {"call_sid": self.sid, "role": role, "identity": self.identity, "dialled_at": self.started}
        self.journal |= {"fetched": 0, "left_queue": [], "conferences": [], "warnings": [], "stages": []}
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
        self.journal["stages"].append((stage, time.time()))
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
    created: float = field(default_factory=time.time)

    def position(self, call: Call) -> int:
        """A caller's place in line, from 1."""
        return list(self.waiting).index(call) + 1

    def average_wait(self) -> int:
        """Whole seconds that those in line have waited, on average."""
        now = time.time()
        return int(sum(now - since for since in self.waiting.values()) / len(self.waiting)) if self.waiting else 0
