"""Calls, queues and conferences: what there is, and what is remembered of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any


def rfc2822(at: float | None = None) -> str:
    """A time as Twilio writes it."""
    return format_datetime(datetime.fromtimestamp(time.time() if at is None else at, UTC))


class Interrupted(Exception):  # noqa: N818  # not an error
    """The call goes on elsewhere, or ends."""


class HungUp(Interrupted):
    """Somebody hung up; `by` is `caller`, `app` or `far end`."""

    def __init__(self, by: str) -> None:
        super().__init__(by)
        self.by = by


class Redirected(Interrupted):
    """The app fetched the call out of what it was doing."""

    def __init__(self, url: str, method: str) -> None:
        super().__init__(url)
        self.url, self.method = url, method


@dataclass(eq=False, slots=True)
class Call:
    """One leg. `stage` is what it is doing now: menu, queue, conference, ended."""

    sid: str
    from_: str
    to: str
    direction: str = "inbound"
    identity: str = ""
    status: str = "in-progress"
    stage: str = "ringing"
    steps: int = 0
    hears: str = ""
    sequence: int = 0
    started: float = field(default_factory=time.time)
    ended: float | None = None
    journal: dict[str, Any] = field(default_factory=dict)
    keys: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    conference: Conference | None = None
    left_queue: Callable[[str], Awaitable[None]] | None = None
    """Tells the app how the wait in a queue ended, while there is one."""
    _interrupt: asyncio.Future[Interrupted] | None = None

    def __post_init__(self) -> None:
        role = "agent" if self.identity else "customer"
        self.journal = {"call_sid": self.sid, "role": role, "identity": self.identity, "dialled_at": self.started}
        self.journal |= {"left_queue": [], "conferences": [], "ended_at": None, "ended_by": "", "error": ""}

    @property
    def live(self) -> bool:
        """Whether it has not ended."""
        return self.ended is None

    def enter(self, stage: str) -> None:
        """Do something else from now on, and let whoever waits for that know."""
        self.stage = stage
        self.steps += 1
        self.journal.setdefault("stages", []).append((stage, time.time()))
        self.changed.set()

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
        """Break off what the call is doing."""
        if self._interrupt is not None and not self._interrupt.done():
            self._interrupt.set_result(why)

    async def until(self, doing: Coroutine[Any, Any, Any]) -> Any:
        """Do something that an interrupt breaks off: then `Interrupted` is raised instead."""
        loop = asyncio.get_running_loop()
        if self._interrupt is None:
            self._interrupt = loop.create_future()
        task = loop.create_task(doing)
        await asyncio.wait({task, self._interrupt}, return_when=asyncio.FIRST_COMPLETED)
        if self._interrupt.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            why, self._interrupt = self._interrupt.result(), None
            raise why
        return task.result()


@dataclass(eq=False, slots=True)
class Queue:
    """Callers in line."""

    sid: str
    name: str
    waiting: list[Call] = field(default_factory=list)
    max_size: int = 1000


@dataclass(eq=False, slots=True)
class Conference:
    """Legs that hear one another. The callback is that of the first who came, as with Twilio."""

    sid: str
    name: str
    callback: str = ""
    events: frozenset[str] = frozenset()
    sequence: int = 0
    started: bool = False
    members: dict[Call, bool] = field(default_factory=dict)
    """Leg -> whether the conference ends when it leaves."""
    over: asyncio.Event = field(default_factory=asyncio.Event)
