"""<Record>, <Start> and <Stop>: what is kept of a call, and what is written down of it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin
from xml.etree import ElementTree as ET

from .calls import Callback, Spoken
from .documents import BAD_VERB, Document
from .talking import callback_of

if TYPE_CHECKING:
    from .twiml import Interpreter

ANY_KEY: Final = "1234567890*#"
LETTERS_A_SECOND: Final = 15


class Message:
    """<Record>: what one caller leaves. They talk until a key, the hang-up or `maxLength`.

    Made to say something by a script or by hand, they then are silent, and `timeout` ends the message.
    """

    def __init__(self, interpreter: Interpreter, verb: ET.Element, document: Document) -> None:
        self.interpreter, self.verb, self.document = interpreter, verb, document
        self.exchange, self.call = interpreter.exchange, interpreter.call

    async def take(self) -> Document | None:
        """Record; gives the document that follows. Without a sound, that is the next verb."""
        call, exchange = self.call, self.exchange
        callback = callback_of(self.verb, self.document, name="recording")
        self.recording = exchange.recordings.start(call, "RecordVerb", callback)
        call.broken_off = self._broken_off
        call.enter("record")
        digits = await self._spoken()
        call.broken_off = None
        call.enter("after record")
        self._stop()
        if self.recording.status == "absent":
            return None
        about = {**exchange.recordings.about(self.recording), "Digits": digits}
        return await self.interpreter.follow(self.verb, self.document, default=self.document.url, **about)

    async def _spoken(self) -> str:
        """Until it is over; the key that ended it."""
        verb, clock, number = self.verb, self.exchange.clock, self.interpreter.number
        last, timeout = verb.get("finishOnKey", ANY_KEY), number(verb, "timeout", 5)
        until, quiet = clock.time() + number(verb, "maxLength", 3600), math.inf
        while (left := min(until, quiet) - clock.time()) > 0:
            heard = await self.interpreter.input(left)
            if isinstance(heard, Spoken):
                await clock.sleep(min(len(heard) / LETTERS_A_SECOND, until - clock.time()))
                self.recording.said = f"{self.recording.said} {heard}".strip()
                quiet = clock.time() + timeout
            elif heard and heard in last:
                return heard
        return ""

    def _stop(self) -> None:
        self.exchange.recordings.stop(self.recording)
        if self.recording.status == "absent":
            return  # nothing was said
        if self.verb.get("transcribe") == "true" or "transcribeCallback" in self.verb.attrib:
            url = self.verb.get("transcribeCallback", "")
            told = Callback(urljoin(self.document.url, url) if url else "")
            self.exchange.transcriptions.write(self.recording, told)

    async def _broken_off(self, how: str) -> None:
        """The caller hung up, as most do at the end of a message; or the app fetched them, which nobody is told."""
        self.call.broken_off = None
        self._stop()
        action = self.verb.get("action") or self.document.url
        if how == "hangup" and self.recording.status == "completed":
            about = {**self.exchange.recordings.about(self.recording), "Digits": "hangup"}
            url, method = urljoin(self.document.url, action), self.verb.get("method", "POST")
            await self.exchange.tell(self.call, url, about, method=method)


def start(interpreter: Interpreter, verb: ET.Element, document: Document) -> None:
    """<Start>: record or transcribe while the call goes on."""
    exchange, call = interpreter.exchange, interpreter.call
    for noun in verb:
        if noun.tag == "Recording":
            callback = callback_of(noun, document, name="recording")
            channels = 1 if noun.get("channels") == "mono" else 2
            track = noun.get("track", "both")
            exchange.recordings.start(call, "StartCallRecordingAPI", callback, channels=channels, track=track)
        elif noun.tag == "Transcription":
            url = noun.get("statusCallbackUrl", "")
            told = Callback(urljoin(document.url, url) if url else "", noun.get("statusCallbackMethod", "POST"))
            track, language = noun.get("track", "both_tracks"), noun.get("languageCode", "en-US")
            exchange.transcriptions.start(call, told, name=noun.get("name", ""), track=track, language=language)
        else:
            call.warn(BAD_VERB, f"<{noun.tag}> in <Start>")


def stop(interpreter: Interpreter, verb: ET.Element, _: Document) -> None:
    """<Stop>: no more of it."""
    exchange, call = interpreter.exchange, interpreter.call
    for noun in verb:
        if noun.tag == "Transcription":
            for each in exchange.transcriptions.of_call(call, noun.get("name", "")):
                exchange.transcriptions.stop(each)
        elif noun.tag == "Recording":
            exchange.recordings.stop_all(call)
        else:
            call.warn(BAD_VERB, f"<{noun.tag}> in <Stop>")
