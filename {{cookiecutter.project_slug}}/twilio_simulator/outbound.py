"""Calls the app makes: how they are made, and how whoever is called behaves."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .calls import Call, Callback, HungUp

if TYPE_CHECKING:
    from .engine import Exchange

BUFFER: Final = 5
"""Seconds that Twilio adds to the time a phone may ring."""

LONGEST: Final = 4 * 3600
"""Seconds a call lasts at most, unless it is allowed less."""

OUTCOMES: Final = ("answer", "ring", "busy", "no-answer", "failed")
SIP: Final[Mapping[str, str]] = {"busy": "486", "no-answer": "487", "failed": "404", "canceled": "487"}
LISTENING: Final = 2.0
"""Seconds until it is clear whether a machine answered."""


@dataclass(frozen=True, slots=True)
class Callee:
    """Somebody who may be called: does one of `OUTCOMES` after so many seconds. `ring`: until answered by hand."""

    does: str = "answer"
    after: float = 0.0
    answered_by: str = "human"


@dataclass(frozen=True, slots=True)
class Manner:
    """How a call is made: seconds it may ring and last, what machine detection there is, and whether TwiML waits."""

    timeout: float = 60
    limit: float = LONGEST
    detection: str = ""
    told: Callback | None = None
    waits: bool = True
    recorded: Callback | None = None


async def ring(exchange: Exchange, call: Call, manner: Manner) -> None:
    """Until somebody answers. Raises `HungUp` with the status when nobody does."""
    callee = exchange.held(call) or exchange.callees.get(call.to, Callee())
    exchange.moves(call, "initiated", "initiated")
    if callee.does == "failed":
        raise HungUp("callee", "failed")
    exchange.moves(call, "ringing", "ringing")
    waits = manner.timeout + BUFFER
    if callee.does in ("ring", "no-answer"):
        picked_up = asyncio.ensure_future(call.picked_up.wait())
        after = callee.after if callee.does == "no-answer" and callee.after else waits
        try:
            await exchange.clock.wait([picked_up], min(after, waits))
            answered = picked_up.done()
        finally:
            picked_up.cancel()
        if not answered:
            raise HungUp("callee", "no-answer")
    elif callee.after:
        await exchange.clock.sleep(min(callee.after, waits))
    if callee.does == "busy":
        raise HungUp("callee", "busy")
    if callee.after > waits:
        raise HungUp("callee", "no-answer")
    exchange.answer(call)
    if manner.recorded is not None:
        exchange.recordings.start(call, "OutboundAPI", manner.recorded)


async def listen(exchange: Exchange, call: Call, manner: Manner) -> dict[str, str]:
    """Machine detection: what the first webhook says of it; if the app does not wait for that, it is told later."""
    if not manner.detection:
        return {}
    answered_by = exchange.callees.get(call.to, Callee()).answered_by
    if manner.waits:
        await exchange.pass_time(LISTENING)
        call.answered_by = answered_by
        return {"AnsweredBy": answered_by}
    exchange.spawn(_tell(exchange, call, manner, answered_by))
    return {}


async def _tell(exchange: Exchange, call: Call, manner: Manner, answered_by: str) -> None:
    await exchange.pass_time(LISTENING)
    if call.live:
        call.answered_by = answered_by
        took = {"AnsweredBy": answered_by, "MachineDetectionDuration": str(int(LISTENING * 1000))}
        if manner.told is not None and manner.told.url:
            await exchange.tell(call, manner.told.url, took, method=manner.told.method)
