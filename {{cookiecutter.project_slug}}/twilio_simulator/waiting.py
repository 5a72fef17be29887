"""<Enqueue>: the wait of one caller in a queue, from the first music to whatever ends it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urljoin
from xml.etree import ElementTree as ET

from .documents import QUEUE_FULL, Document, TwimlError

if TYPE_CHECKING:
    from .twiml import Interpreter

BREATH: Final = 1.0
"""Seconds until a waitUrl is asked again at the soonest: its document may say nothing."""


class Left(Exception):  # not an error
    """A caller in a queue met <Leave>."""


class Taker:
    """Whoever takes a caller out of a queue by <Dial><Queue>: the noun, and the end of the talk, from either side."""

    def __init__(self, call_sid: str, noun: ET.Element, document: Document, over: asyncio.Event) -> None:
        self.call_sid, self.noun, self.document = call_sid, noun, document
        self.over = over
        self.met = asyncio.Event()
        self.left = asyncio.Event()


class Visit:
    """However it ends, the app is told at the verb's action: hung up, fetched, left, bridged, full or broken."""

    def __init__(self, interpreter: Interpreter, verb: ET.Element, document: Document) -> None:
        self.interpreter, self.verb, self.document = interpreter, verb, document
        self.exchange, self.call = interpreter.exchange, interpreter.call
        self.queue = self.exchange.queue((verb.text or "").strip())
        self.began = self.exchange.clock.time()
        self._taker: asyncio.Future[Taker] = asyncio.get_running_loop().create_future()

    @property
    def taken(self) -> bool:
        """Whether somebody has taken the caller."""
        return self._taker.done()

    async def taken_by(self, taker: Taker) -> None:
        """Take the caller out of line; gives back when the two hear each other."""
        self._taker.set_result(taker)
        await taker.met.wait()

    async def run(self) -> Document | None:
        """Wait; gives the document that follows, if one does. A hang-up or a redirect breaks this off."""
        call, queue = self.call, self.queue
        if len(queue.waiting) >= queue.max_size or self.exchange.faults.draw(("enqueue",), "full", call=call.sid):
            call.warn(QUEUE_FULL, f"queue {queue.name} is full")
            following = await self._follow("queue-full")
            # Only now: a redirect that came meanwhile has taken the call elsewhere, which never was in the queue.
            call.journal["left_queue"].append("queue-full")
            return following
        queue.waiting[call], queue.visits[call] = self.began, self
        call.left_queue = self._torn_out
        call.enter("queue")
        queue.arrived.set()
        try:
            result = await self._wait()
        except Left:
            result = "leave"
        except TwimlError as error:
            call.warn(error.code, f"waitUrl {error.url}")
            result = "error"
        self._leave(result)
        return await self._follow(result)

    async def _wait(self) -> str:
        """Hear music until somebody takes the caller, and then talk."""
        holding = asyncio.ensure_future(self._holding())
        try:
            waiting: tuple[asyncio.Future[Any], ...] = (holding, self._taker)
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if holding.done():
                holding.result()
        finally:
            holding.cancel()
            await asyncio.gather(holding, return_exceptions=True)
        taker = self._taker.result()
        try:
            if url := taker.noun.get("url"):
                target, method = urljoin(taker.document.url, url), taker.noun.get("method", "POST")
                about = self._details(DequeingCallSid=taker.call_sid)
                await self.interpreter.hear(await self.exchange.fetch(self.call, target, about, method=method))
            self.call.enter("bridged")
            taker.met.set()
            await taker.over.wait()
        finally:
            taker.met.set()
            taker.left.set()
        return "bridged"

    async def _holding(self) -> None:
        while True:
            await self._hold()

    async def _torn_out(self, result: str) -> None:
        """The call ends or goes on elsewhere: the action is told, and what it answers is not heard."""
        if self.taken:
            result = "bridged" if result == "hangup" else "redirected-from-bridged"
        self._leave(result)
        if action := self.verb.get("action"):
            url, method = urljoin(self.document.url, action), self.verb.get("method", "POST")
            await self.exchange.tell(self.call, url, self._details(QueueResult=result), method=method)

    def _leave(self, result: str) -> None:
        self.call.left_queue = None
        del self.queue.waiting[self.call], self.queue.visits[self.call]
        self.call.journal["left_queue"].append(result)
        self.call.enter("after queue")

    async def _follow(self, result: str) -> Document | None:
        return await self.interpreter.follow(self.verb, self.document, **self._details(QueueResult=result))

    async def _hold(self) -> None:
        """What a waiting caller hears, once. Without a waitUrl: silence."""
        began = self.exchange.clock.time()
        if url := self.verb.get("waitUrl"):
            target, method = urljoin(self.document.url, url), self.verb.get("waitUrlMethod", "POST")
            line = {
                "QueuePosition": str(self.queue.position(self.call)),
                "AvgQueueTime": str(self.queue.average_wait(self.exchange.clock.time())),
                "CurrentQueueSize": str(len(self.queue.waiting)),
                "MaxQueueSize": str(self.queue.max_size),
            }
            heard = await self.exchange.fetch(self.call, target, self._details(**line), method=method)
            await self.interpreter.run(heard)
        rest = BREATH * self.exchange.speech - (self.exchange.clock.time() - began)
        await self.exchange.clock.sleep(max(rest, 0))

    def _details(self, **more: str) -> dict[str, str]:
        return {"QueueSid": self.queue.sid, "QueueTime": str(int(self.exchange.clock.time() - self.began)), **more}
