"""<Dial><Conference>: one leg's part in a conference, and announcements to those who are in it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin
from xml.etree import ElementTree as ET

from .calls import Call, Callback, Target
from .documents import Document, TwimlError
from .members import LARGEST, CannotJoinError, Conference, Member

if TYPE_CHECKING:
    from .engine import Exchange
    from .twiml import Interpreter

BREATH: Final = 1.0
"""Seconds until music is asked for again at the soonest: its document may say nothing."""


async def talk(interpreter: Interpreter, noun: ET.Element, document: Document) -> None:
    """Take part until the conference ends, or until this leg is taken out of it. Music plays while one waits."""
    call, exchange = interpreter.call, interpreter.exchange
    conference = exchange.conferences.open(
        (noun.text or "").strip(),
        callback_of(noun, document, default=""),
        most=int(interpreter.number(noun, "maxParticipants", LARGEST)),
        recorded=callback_of(noun, document, name="recording") if noun.get("record") == "record-from-start" else None,
    )
    try:
        exchange.conferences.join(call, conference, _member(noun, document))
    except CannotJoinError as error:
        call.warn(error.code, str(error))
        return
    playing: Target | None = None
    music: asyncio.Future[None] | None = None
    try:
        while call.conference is conference:
            if (wanted := conference.plays(call)) != playing:
                if music:
                    music.cancel()
                playing = wanted
                music = asyncio.ensure_future(_music(interpreter, conference, wanted)) if wanted else None
            call.changed.clear()
            await call.changed.wait()
    finally:
        if music:
            music.cancel()
            await asyncio.gather(music, return_exceptions=True)


def announce(exchange: Exchange, conference: Conference, target: Target, *, to: Call | None = None) -> None:
    """Have one leg, or all, hear what a URL says. It is asked once."""
    exchange.spawn(_announce(exchange, conference, target, to))


def callback_of(verb: ET.Element, document: Document, *, default: str = "completed", name: str = "") -> Callback:
    """The callback a verb names: `statusCallback`, its method and its events; `name` stands before each."""
    prefix = f"{name}StatusCallback" if name else "statusCallback"
    url = verb.get(prefix, "")
    return Callback(
        urljoin(document.url, url) if url else "",
        verb.get(f"{prefix}Method", "POST"),
        frozenset(verb.get(f"{prefix}Event", default).split()),
    )


def _member(noun: ET.Element, document: Document) -> Member:
    wait = noun.get("waitUrl", "")
    return Member(
        starts=noun.get("startConferenceOnEnter") != "false",
        ends=noun.get("endConferenceOnExit") == "true",
        muted=noun.get("muted") == "true",
        coached=noun.get("coach", ""),
        coaching="coach" in noun.attrib,
        label=noun.get("participantLabel", ""),
        wait=Target(urljoin(document.url, wait), noun.get("waitMethod", "POST")) if wait else None,
    )


async def _music(interpreter: Interpreter, conference: Conference, target: Target) -> None:
    """Again and again, until cancelled."""
    try:
        while True:
            breath = asyncio.ensure_future(interpreter.exchange.pass_time(BREATH))
            await interpreter.hear(await _words(interpreter.exchange, interpreter.call, conference, target))
            await breath
    except TwimlError as error:
        interpreter.call.warn(error.code, f"music {error.url}")


async def _announce(exchange: Exchange, conference: Conference, target: Target, to: Call | None) -> None:
    legs = list(conference.members) if to is None else [to]
    failure = ""
    try:
        document = await _words(exchange, legs[0], conference, target)
        await asyncio.gather(*(exchange.interpreter(leg).hear(document) for leg in legs))
    except TwimlError as error:
        failure = str(error)
    exchange.conferences.announced(conference, target, to=to, failure=failure)


async def _words(exchange: Exchange, call: Call, conference: Conference, target: Target) -> Document:
    about = {"ConferenceSid": conference.sid, "FriendlyName": conference.name}
    return await exchange.fetch(call, target.url, about, method=target.method)
