"""The time calls live in: real, so many times as fast, or stepped by hand. The app's own time is always real."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, TypeVar

T = TypeVar("T")


class Clock:
    """Real time, or `speed` times as fast."""

    def __init__(self, speed: float = 1.0) -> None:
        self.speed = speed
        self._began, self._real = time.time(), time.monotonic()

    def time(self) -> float:
        """Seconds since 1970."""
        return self._began + (time.monotonic() - self._real) * self.speed

    async def sleep(self, seconds: float) -> None:
        """Let so much of this clock's time pass."""
        await asyncio.sleep(seconds / self.speed)

    async def wait(self, futures: Iterable[asyncio.Future[Any]], seconds: float) -> None:
        """Wait for the first of some, for so long at most."""
        alarm = asyncio.ensure_future(self.sleep(seconds))
        try:
            await asyncio.wait({*futures, alarm}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            alarm.cancel()

    async def within(self, work: Coroutine[Any, Any, T], seconds: float) -> T:
        """Do something. Raises `TimeoutError` when it takes longer; it is then broken off."""
        task = asyncio.ensure_future(work)
        try:
            await self.wait([task], seconds)
            if not task.done():
                raise TimeoutError
            return task.result()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def clock_of(speed: float) -> Clock:
    """A clock `speed` times as fast as real time; at 0 one that is stepped."""
    return Clock(speed) if speed else SteppedClock()


class SteppedClock(Clock):
    """Stands still until somebody advances it. Starts at the time it is made."""

    def __init__(self) -> None:
        super().__init__()
        self._now = self._began
        self._alarms: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self.settled: Callable[[], Awaitable[None]] | None = None
        """Waits until all that follows from the last step has happened, webhooks included."""

    def time(self) -> float:
        """Where it stands."""
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Until it is advanced by so much."""
        alarm: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._alarms, (self._now + max(seconds, 0), next(self._order), alarm))
        await alarm

    async def advance(self, seconds: float) -> None:
        """Let what is due until then happen, each at its time and the effects of one before the next."""
        until = self._now + seconds
        while True:
            if self.settled is not None:
                await self.settled()
            if not self._alarms or self._alarms[0][0] > until:
                break
            self._now, _, alarm = heapq.heappop(self._alarms)
            if not alarm.done():
                alarm.set_result(None)
        self._now = until
