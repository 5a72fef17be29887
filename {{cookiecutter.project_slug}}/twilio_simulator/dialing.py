"""<Dial> of phones and of a queue: who rings, who answers, and how long the two talk."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin
from xml.etree import ElementTree as ET

from .calls import Call, HungUp
from .documents import BAD_VERB, Document, TwimlError
from .outbound import LONGEST, Manner, ring
from .talking import callback_of
from .waiting import Taker

if TYPE_CHECKING:
    from .recordings import Recording
    from .twiml import Interpreter

PHONES: Final = ("Number", "Client", "Sip")


class Dialling:
    """All phones ring at once, or one after the other; the first that answers is the one to talk to."""

    def __init__(self, interpreter: Interpreter, verb: ET.Element, document: Document) -> None:
        self.interpreter, self.verb, self.document = interpreter, verb, document
        self.exchange, self.call = interpreter.exchange, interpreter.call
        self.status, self.bridged = "no-answer", False
        self.leg: Call | None = None
        self.over = asyncio.Event()
        self._ringing: list[Call] = []
        self._recording: Recording | None = None
        self._since = 0.0

    async def run(self) -> Document | None:
        """Dial; gives the document that follows. A hang-up or a redirect of the caller ends the other legs."""
        self.call.broken_off = self._broken_off
        self.call.enter("dialling")
        try:
            if (noun := self.verb.find("Queue")) is not None:
                await self._from_queue(noun)
            else:
                await self._phones()
        finally:
            self._let_go()
        self.call.broken_off = None
        self.call.enter("after dial")
        return await self.interpreter.follow(self.verb, self.document, **self._details())

    async def _phones(self) -> None:
        nouns = [noun for noun in self.verb if noun.tag in PHONES]
        if not nouns:
            nouns = [ET.Element("Number")]
            nouns[0].text = self.verb.text
        if not all(_address(noun) for noun in nouns):
            self.call.warn(BAD_VERB, "<Dial> of nobody")
            self.status = "failed"
            return
        groups = [[noun] for noun in nouns] if self.verb.get("sequential") == "true" else [nouns]
        for group in groups:
            self._ringing = [self._dial(noun) for noun in group]
            if winner := await self._first():
                await self._talk(winner)
                break

    def _dial(self, noun: ET.Element) -> Call:
        callback = callback_of(noun, self.document)

        async def doing(leg: Call) -> None:
            await ring(self.exchange, leg, Manner(timeout=self.interpreter.number(self.verb, "timeout", 30)))
            await self._whisper(leg, noun, {})
            leg.enter("bridged")
            await self.over.wait()

        longest = self.interpreter.number(self.verb, "timeLimit", LONGEST)
        sender = self.verb.get("callerId") or self.call.from_
        return self.exchange.branch(self.call, sender, _address(noun), callback, doing, longest)

    async def _whisper(self, leg: Call, noun: ET.Element, about: dict[str, str]) -> None:
        """What is said to a leg before it is bridged. Where that fails it is bridged anyway."""
        if url := noun.get("url"):
            target, method = urljoin(self.document.url, url), noun.get("method", "POST")
            with contextlib.suppress(TwimlError):
                document = await self.exchange.fetch(leg, target, about, method=method)
                await self.exchange.interpreter(leg).hear(document)

    async def _first(self) -> Call | None:
        """The first leg that answers; the others need not any more."""
        waiting = {asyncio.ensure_future(leg.reaches("bridged")): leg for leg in self._ringing}
        try:
            while waiting:
                done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    leg = waiting.pop(task)
                    self.leg = leg
                    if task.result():
                        self._ringing.remove(leg)
                        self._drop_others()
                        return leg
                    self.status = leg.status
        finally:
            for task in waiting:
                task.cancel()
        return None

    async def _talk(self, leg: Call) -> None:
        self._begin()
        await leg.moves_on(leg.steps)
        self.over.set()
        await leg.over.wait()

    async def _from_queue(self, noun: ET.Element) -> None:
        """Talk to whoever is first in line; wait for somebody, as long as a phone would ring."""
        queue = self.exchange.queue((noun.text or "").strip())
        timeout = self.interpreter.number(self.verb, "timeout", 30)
        taker = Taker(self.call.sid, noun, self.document, self.over)
        try:
            visit = await self.exchange.clock.within(queue.first(), timeout)
        except TimeoutError:
            return
        self.leg = visit.call
        await visit.taken_by(taker)
        self._begin()
        limit = self.interpreter.number(self.verb, "timeLimit", LONGEST)
        with contextlib.suppress(TimeoutError):
            await self.exchange.clock.within(taker.left.wait(), limit)

    def _begin(self) -> None:
        self.exchange.answer(self.call)
        self.bridged, self.status, self._since = True, "completed", self.exchange.clock.time()
        self.call.enter("bridged")
        if self.verb.get("record", "").startswith(("record-from", "true")):
            channels = 2 if self.verb.get("record", "").endswith("dual") else 1
            callback = callback_of(self.verb, self.document, name="recording")
            self._recording = self.exchange.recordings.start(self.call, "DialVerb", callback, channels=channels)

    def _let_go(self) -> None:
        self.over.set()
        self._drop_others()
        if self._recording:
            self.exchange.recordings.stop(self._recording)

    def _drop_others(self) -> None:
        for leg in self._ringing:
            if leg.live:
                leg.interrupt(HungUp("app"))

    async def _broken_off(self, how: str) -> None:
        """The caller hung up: the action is told. Redirected, they were taken out of it, and it is not."""
        self.call.broken_off = None
        action = self.verb.get("action")
        if how == "hangup" and action:
            if not self.bridged:
                self.status = "canceled"
            url, method = urljoin(self.document.url, action), self.verb.get("method", "POST")
            await self.exchange.tell(self.call, url, self._details(), method=method)

    def _details(self) -> dict[str, str]:
        details = {"DialCallStatus": self.status, "DialBridged": str(self.bridged).lower()}
        if self.leg:
            details["DialCallSid"] = self.leg.sid
        if self.bridged:
            details["DialCallDuration"] = str(round(self.exchange.clock.time() - self._since))
        if self._recording:
            details |= self.exchange.recordings.about(self._recording)
        return details


def _address(noun: ET.Element) -> str:
    """Whom a noun calls."""
    to = (noun.text or "").strip() or noun.findtext("Identity", "").strip()
    return f"client:{to}" if to and noun.tag == "Client" and not to.startswith("client:") else to
