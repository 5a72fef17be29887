"""Calls the app makes: how they are made, and how whoever is called behaves."""

from __future__ import annotations

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


ANYBODY: Final = Callee()


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
    exchange.moves(call, "initiated", "initiated")
    if _callee(exchange, call).does == "failed":
        raise HungUp("callee", "failed")
    exchange.moves(call, "ringing", "ringing")
    try:
        await exchange.clock.within(exchange.ring(call), manner.timeout + BUFFER)
    except TimeoutError:
        raise HungUp("callee", "no-answer") from None
    exchange.answer(call)
    if manner.recorded is not None:
        exchange.recordings.start(call, "OutboundAPI", manner.recorded)


async def pick_up(exchange: Exchange, call: Call) -> None:
    """What somebody does who has no phone that is held by hand."""
    callee = _callee(exchange, call)
    if callee.does == "ring" or (callee.does == "no-answer" and not callee.after):
        await call.picked_up.wait()
    await exchange.clock.sleep(callee.after)
    if callee.does in ("busy", "no-answer"):
        raise HungUp("callee", callee.does)


def _callee(exchange: Exchange, call: Call) -> Callee:
    return exchange.callees.get(call.to, ANYBODY)


async def listen(exchange: Exchange, call: Call, manner: Manner) -> dict[str, str]:
    """Machine detection: what the first webhook says of it; if the app does not wait for that, it is told later."""
    if not manner.detection:
        return {}
    answered_by = _callee(exchange, call).answered_by
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
