"""TwiML, verb by verb."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin
from xml.etree import ElementTree as ET

from .calls import Call, HungUp, Queue, Redirected

if TYPE_CHECKING:
    from .engine import Exchange

BAD_XML: Final = 12100
BAD_VERB: Final = 12200
LETTERS_A_SECOND: Final = 15
SONG: Final = 10.0


class TwimlError(Exception):
    """The app gave nothing that can be run: Twilio's code, and where it was asked."""

    def __init__(self, code: int, url: str) -> None:
        super().__init__(f"{code} at {url}")
        self.code, self.url = code, url


class Left(Exception):  # noqa: N818  # not an error
    """A caller in a queue met <Leave>."""


@dataclass(frozen=True, slots=True)
class Document:
    """A response, and the URL that relative ones in it begin at."""

    root: ET.Element
    url: str


def parse(body: bytes, url: str) -> Document:
    """Read a response. Raises `TwimlError` when it is not one."""
    try:
        root = ET.fromstring(body)
    except ET.ParseError:
        raise TwimlError(BAD_XML, url) from None
    if root.tag != "Response":
        raise TwimlError(BAD_XML, url)
    return Document(root, url.partition("#")[0])


class Interpreter:
    """Runs documents for one call. What it awaits is broken off when the call is hung up or redirected."""

    def __init__(self, exchange: Exchange, call: Call) -> None:
        self.exchange = exchange
        self.call = call
        self._verbs: dict[str, Callable[[ET.Element, Document], Awaitable[Document | None]]] = {
            "Say": self._speak,
            "Play": self._speak,
            "Pause": self._pause,
            "Gather": self._gather,
            "Redirect": self._redirect,
            "Hangup": self._hang_up,
            "Reject": self._hang_up,
            "Enqueue": self._enqueue,
            "Leave": self._leave,
            "Dial": self._dial,
        }

    async def run(self, document: Document | None) -> None:
        """Run a document, and those it leads to, to the end."""
        while document is not None:
            document = await self._run_one(document)

    async def _run_one(self, document: Document) -> Document | None:
        for verb in document.root:
            known = self._verbs.get(verb.tag)
            if known is None:
                self.call.journal.setdefault("warnings", []).append(f"{BAD_VERB}: <{verb.tag}>")
                continue
            following = await known(verb, document)
            if following is not None:
                return following
        return None

    async def _follow(self, verb: ET.Element, document: Document, **extra: str) -> Document | None:
        """The document a verb's `action` leads to."""
        action = verb.get("action")
        if not action:
            return None
        url = urljoin(document.url, action)
        return await self.exchange.fetch(self.call, url, extra, method=verb.get("method", "POST"))

    async def _speak(self, verb: ET.Element, _: Document) -> None:
        self.call.hears = (verb.text or "").strip()
        seconds = len(self.call.hears) / LETTERS_A_SECOND if verb.tag == "Say" else SONG
        await asyncio.sleep(seconds * self.exchange.speech)

    async def _pause(self, verb: ET.Element, _: Document) -> None:
        await asyncio.sleep(float(verb.get("length", "1")) * self.exchange.speech)

    async def _gather(self, verb: ET.Element, document: Document) -> Document | None:
        """Keys may be pressed while the prompts are still heard; the time-out begins after them."""
        call = self.call
        while not call.keys.empty():
            call.keys.get_nowait()
        call.enter("menu")
        prompts = asyncio.ensure_future(self._run_one(Document(verb, document.url)))
        digits = ""
        try:
            digits = await self._digits(verb, prompts)
        finally:
            prompts.cancel()
            await asyncio.gather(prompts, return_exceptions=True)
        if digits or verb.get("actionOnEmptyResult") == "true":
            return await self._follow(verb, document, Digits=digits)
        return None

    async def _digits(self, verb: ET.Element, prompts: asyncio.Future[Document | None]) -> str:
        most, last = int(verb.get("numDigits", "100")), verb.get("finishOnKey", "#")
        timeout = float(verb.get("timeout", "5"))
        digits = ""
        while len(digits) < most:
            key = asyncio.ensure_future(self.call.keys.get())
            if not digits:
                await asyncio.wait({key, prompts}, return_when=asyncio.FIRST_COMPLETED)
            done, _ = await asyncio.wait({key}, timeout=timeout)
            if not done:
                key.cancel()
                break
            if key.result() == last:
                break
            digits += key.result()
        return digits

    async def _redirect(self, verb: ET.Element, document: Document) -> Document:
        url = urljoin(document.url, (verb.text or "").strip())
        return await self.exchange.fetch(self.call, url, method=verb.get("method", "POST"))

    async def _hang_up(self, *_: object) -> None:
        raise HungUp("app")

    async def _leave(self, *_: object) -> None:
        if self.call.stage == "queue":
            raise Left

    async def _enqueue(self, verb: ET.Element, document: Document) -> Document | None:
        """Wait in line. However it ends, the action is told first: hung up, fetched by the app, or left."""
        exchange, call = self.exchange, self.call
        queue = exchange.queue((verb.text or "").strip())
        details = {"QueueSid": queue.sid, "QueueTime": "0"}
        if len(queue.waiting) >= queue.max_size:
            call.journal["left_queue"].append("queue-full")
            return await self._follow(verb, document, QueueResult="queue-full", **details)
        began = asyncio.get_running_loop().time()

        async def left(result: str) -> None:
            call.left_queue = None
            queue.waiting.remove(call)
            details["QueueTime"] = str(int(asyncio.get_running_loop().time() - began))
            call.journal["left_queue"].append(result)
            call.enter("after queue")
            if result in ("hangup", "redirected") and (action := verb.get("action")):
                await exchange.tell(call, urljoin(document.url, action), {"QueueResult": result, **details})

        queue.waiting.append(call)
        call.left_queue = left
        call.enter("queue")
        try:
            while True:
                position = queue.waiting.index(call) + 1
                details["QueueTime"] = str(int(asyncio.get_running_loop().time() - began))
                await self._hold(verb, document, {**details, **_line(queue, position)})
        except Left:
            await left("leave")
        return await self._follow(verb, document, QueueResult="leave", **details)

    async def _hold(self, verb: ET.Element, document: Document, extra: dict[str, str]) -> None:
        """What a waiting caller hears, once. Without a waitUrl: silence."""
        url = verb.get("waitUrl")
        if not url:
            await asyncio.sleep(SONG)
            return
        target, method = urljoin(document.url, url), verb.get("waitUrlMethod", "POST")
        began = asyncio.get_running_loop().time()
        await self.run(await self.exchange.fetch(self.call, target, extra, method=method))
        # A document that says nothing must not be asked for without a breath.
        await asyncio.sleep(max(1.0 - (asyncio.get_running_loop().time() - began), 0))

    async def _dial(self, verb: ET.Element, document: Document) -> Document | None:
        """Talk in a conference until it ends."""
        noun = verb.find("Conference")
        if noun is None:
            self.call.journal.setdefault("warnings", []).append(f"{BAD_VERB}: <Dial> without <Conference>")
            return await self._follow(verb, document, DialCallStatus="failed")
        callback = noun.get("statusCallback", "")
        conference = self.exchange.join(
            self.call,
            (noun.text or "").strip(),
            callback=urljoin(document.url, callback) if callback else "",
            events=frozenset(noun.get("statusCallbackEvent", "").split()),
            ends=noun.get("endConferenceOnExit") == "true",
        )
        await conference.over.wait()
        self.exchange.leave(self.call)
        return await self._follow(verb, document, DialCallStatus="answered")


def _line(queue: Queue, position: int) -> dict[str, str]:
    """What a waitUrl is told of the line."""
    return {
        "QueuePosition": str(position),
        "AvgQueueTime": "0",
        "CurrentQueueSize": str(len(queue.waiting)),
        "MaxQueueSize": str(queue.max_size),
    }


__all__ = ["Document", "Interpreter", "Redirected", "TwimlError", "parse"]
