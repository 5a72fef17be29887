"""TwiML, verb by verb."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urljoin
from xml.etree import ElementTree as ET

from .calls import Call, HungUp, Spoken
from .dialing import Dialling
from .documents import BAD_VERB, Document, picks_up
from .grammar import check
from .recording_verbs import LETTERS_A_SECOND, Message, start, stop
from .talking import talk
from .transcriptions import CONFIDENCE
from .waiting import Left, Visit

if TYPE_CHECKING:
    from .engine import Exchange

FIRST: Final = asyncio.FIRST_COMPLETED
SONG: Final = 10.0
ENDLESS: Final = 1000
"""How often Twilio repeats what it is to repeat for ever."""

Verb = Callable[[ET.Element, Document], Awaitable[Document | None]]


class Interpreter:
    """Runs documents for one call. What it awaits is broken off when the call is hung up or redirected."""

    def __init__(self, exchange: Exchange, call: Call) -> None:
        self.exchange = exchange
        self.call = call
        self._prompts: dict[str, Verb] = {"Say": self._speak, "Play": self._speak, "Pause": self._pause}
        self._verbs: dict[str, Verb] = self._prompts | {
            "Gather": self._gather,
            "Redirect": self._redirect,
            "Hangup": self._hang_up,
            "Reject": self._reject,
            "Enqueue": self._enqueue,
            "Leave": self._leave,
            "Dial": self._dial,
            "Record": self._record,
            "Start": self._start,
            "Stop": self._stop,
        }

    async def run(self, document: Document | None) -> None:
        """Run a document, and those it leads to, to the end."""
        while document is not None:
            document = await self._run_one(document, self._verbs)

    async def hear(self, document: Document) -> None:
        """Run a document that may only say and play something, and lead to others that do."""
        following: Document | None = document
        while following is not None:
            following = await self._run_one(following, {**self._prompts, "Redirect": self._redirect})

    async def follow(self, verb: ET.Element, document: Document, *, default: str = "", **extra: str) -> Document | None:
        """The document a verb's `action` leads to."""
        action = verb.get("action") or default
        if not action:
            return None
        url = urljoin(document.url, action)
        return await self.exchange.fetch(self.call, url, extra, method=verb.get("method", "POST"))

    async def _run_one(self, document: Document, verbs: dict[str, Verb]) -> Document | None:
        for verb in document.root:
            known = verbs.get(verb.tag)
            if known is None:
                self.call.warn(BAD_VERB, f"<{verb.tag}> in <{document.root.tag}>")
                continue
            check(verb, self.call)
            if picks_up(verb):
                self.exchange.answer(self.call)
            following = await known(verb, document)
            if following is not None:
                return following
        return None

    def number(self, verb: ET.Element, name: str, default: float) -> float:
        """What an attribute says; where that is no number, Twilio warns and takes its default."""
        text = verb.get(name, "")
        if text.isascii() and text.replace(".", "", 1).isdecimal():
            return float(text)
        if text:
            self.call.warn(BAD_VERB, f'{name}="{text}" in <{verb.tag}>')
        return default

    async def _speak(self, verb: ET.Element, _: Document) -> None:
        self.call.hear(verb.tag.lower(), "".join(verb.itertext()).strip())
        seconds = len(self.call.hears) / LETTERS_A_SECOND if verb.tag == "Say" else SONG
        times = self.number(verb, "loop", 1) or ENDLESS
        await self.exchange.pass_time(seconds * times)

    async def _pause(self, verb: ET.Element, _: Document) -> None:
        await self.exchange.pass_time(self.number(verb, "length", 1))

    async def _gather(self, verb: ET.Element, document: Document) -> Document | None:
        """Keys may be pressed while the prompts are still heard, which ends them; the time-out begins after them."""
        call = self.call
        while not call.keys.empty():
            call.keys.get_nowait()
        waiting = call.left_queue is not None
        call.enter("queue menu" if waiting else "menu")
        prompts = asyncio.ensure_future(self._run_one(Document(verb, document.url), self._prompts))
        try:
            heard = await self._gathered(verb, prompts)
        finally:
            prompts.cancel()
            await asyncio.gather(prompts, return_exceptions=True)
        if waiting:
            call.enter("queue")
        if heard or verb.get("actionOnEmptyResult") == "true":
            said = {"SpeechResult": str(heard), "Confidence": CONFIDENCE} if isinstance(heard, Spoken) else {}
            return await self.follow(verb, document, default=document.url, **(said or {"Digits": heard}))
        return None

    async def _gathered(self, verb: ET.Element, prompts: asyncio.Future[Any]) -> str:
        """The keys that were pressed, or what was said, of that which is asked for."""
        most, last = self.number(verb, "numDigits", 100), verb.get("finishOnKey", "#")
        asked = verb.get("input", "dtmf").split()
        digits, timeout = "", self.number(verb, "timeout", 5)
        while len(digits) < most:
            await asyncio.wait({heard := asyncio.ensure_future(self.call.keys.get()), prompts}, return_when=FIRST)
            key = await self._rest(heard, timeout)
            if isinstance(key, Spoken):
                if "speech" in asked:
                    prompts.cancel()
                    return key
                continue
            if not key or key in last:
                break
            if "dtmf" in asked:
                prompts.cancel()
                digits += key
        return digits

    async def input(self, seconds: float) -> str:
        """The next key or word; "" when there is none for so long."""
        return await self._rest(asyncio.ensure_future(self.call.keys.get()), seconds)

    async def _rest(self, heard: asyncio.Future[str], seconds: float) -> str:
        try:
            if not heard.done():
                await self.exchange.clock.wait([heard], seconds)
            return heard.result() if heard.done() else ""
        finally:
            heard.cancel()

    async def _redirect(self, verb: ET.Element, document: Document) -> Document:
        url = urljoin(document.url, (verb.text or "").strip())
        return await self.exchange.fetch(self.call, url, method=verb.get("method", "POST"))

    async def _hang_up(self, *_: object) -> None:
        raise HungUp("app")

    async def _reject(self, verb: ET.Element, _: Document) -> None:
        raise HungUp("app", "busy" if verb.get("reason") == "busy" else "no-answer")

    async def _enqueue(self, verb: ET.Element, document: Document) -> Document | None:
        return await Visit(self, verb, document).run()

    async def _leave(self, *_: object) -> None:
        """Outside a queue it does nothing."""
        if self.call.left_queue is not None:
            raise Left

    async def _dial(self, verb: ET.Element, document: Document) -> Document | None:
        """Talk in a conference until that ends or this leg is taken out of it; or to whoever answers."""
        if (noun := verb.find("Conference")) is None:
            return await Dialling(self, verb, document).run()
        await talk(self, noun, document)
        return await self.follow(verb, document, DialCallStatus="answered")

    async def _record(self, verb: ET.Element, document: Document) -> Document | None:
        return await Message(self, verb, document).take()

    async def _start(self, verb: ET.Element, document: Document) -> None:
        start(self, verb, document)

    async def _stop(self, verb: ET.Element, document: Document) -> None:
        stop(self, verb, document)
