"""<Enqueue>: the wait of one caller in a queue, from the first music to whatever ends it."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin
from xml.etree import ElementTree as ET

from .documents import QUEUE_FULL, Document, TwimlError

if TYPE_CHECKING:
    from .twiml import Interpreter

BREATH: Final = 1.0
"""Seconds until a waitUrl is asked again at the soonest: its document may say nothing."""


class Left(Exception):  # not an error
    """A caller in a queue met <Leave>."""


class Visit:
    """However it ends, the app is told at the verb's action: hung up, fetched, left, full or broken."""

    def __init__(self, interpreter: Interpreter, verb: ET.Element, document: Document) -> None:
        self.interpreter, self.verb, self.document = interpreter, verb, document
        self.exchange, self.call = interpreter.exchange, interpreter.call
        self.queue = self.exchange.queue((verb.text or "").strip())
        self.began = time.time()

    async def run(self) -> Document | None:
        """Wait; gives the document that follows, if one does. A hang-up or a redirect breaks this off."""
        call, queue = self.call, self.queue
        if len(queue.waiting) >= queue.max_size:
            call.warn(QUEUE_FULL, f"queue {queue.name} is full")
            call.journal["left_queue"].append("queue-full")
            return await self._follow("queue-full")
        queue.waiting[call] = self.began
        call.left_queue = self._torn_out
        call.enter("queue")
        try:
            while True:
                await self._hold()
        except Left:
            result = "leave"
        except TwimlError as error:
            call.warn(error.code, f"waitUrl {error.url}")
            result = "error"
        self._leave(result)
        return await self._follow(result)

    async def _torn_out(self, result: str) -> None:
        """The call ends or goes on elsewhere: the action is told, and what it answers is not heard."""
        self._leave(result)
        if action := self.verb.get("action"):
            url, method = urljoin(self.document.url, action), self.verb.get("method", "POST")
            await self.exchange.tell(self.call, url, self._details(QueueResult=result), method=method)

    def _leave(self, result: str) -> None:
        self.call.left_queue = None
        del self.queue.waiting[self.call]
        self.call.journal["left_queue"].append(result)
        self.call.enter("after queue")

    async def _follow(self, result: str) -> Document | None:
        return await self.interpreter.follow(self.verb, self.document, **self._details(QueueResult=result))

    async def _hold(self) -> None:
        """What a waiting caller hears, once. Without a waitUrl: silence."""
        began = time.monotonic()
        if url := self.verb.get("waitUrl"):
            target, method = urljoin(self.document.url, url), self.verb.get("waitUrlMethod", "POST")
            line = {
                "QueuePosition": str(self.queue.position(self.call)),
                "AvgQueueTime": str(self.queue.average_wait()),
                "CurrentQueueSize": str(len(self.queue.waiting)),
                "MaxQueueSize": str(self.queue.max_size),
            }
            heard = await self.exchange.fetch(self.call, target, self._details(**line), method=method)
            await self.interpreter.run(heard)
        await asyncio.sleep(max(BREATH * self.exchange.speech - (time.monotonic() - began), 0))

    def _details(self, **more: str) -> dict[str, str]:
        return {"QueueSid": self.queue.sid, "QueueTime": str(int(time.time() - self.began)), **more}
