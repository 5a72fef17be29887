"""Phones held by hand, each open on a page: they call in, press keys, hear what is said, and ring when called."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final

from .calls import Call, HungUp
from .engine import Exchange

PRESENT: Final = 5.0
"""Seconds after which a page that does not ask for news is closed, and its phone switched off."""
MOST_PHONES: Final = 50
MOST_HEARD: Final = 200


@dataclass(slots=True)
class Phone:
    """`heard` has (number, time, kind, text) of the last that happened, the number counting on from call to call."""

    number: str
    seen: float = 0.0
    call: Call | None = None
    count: int = 0
    heard: deque[tuple[int, float, str, str]] = field(default_factory=lambda: deque(maxlen=MOST_HEARD))
    picked_up: asyncio.Event = field(default_factory=asyncio.Event)

    def hear(self, kind: str, text: str) -> None:
        """Say, Play, or note: what somebody at this phone is told."""
        self.count += 1
        self.heard.append((self.count, time.time(), kind, text))

    @property
    def busy(self) -> bool:
        """Whether it has a call."""
        return self.call is not None and self.call.live

    @property
    def ringing(self) -> bool:
        """Whether somebody calls it and it has not been picked up."""
        return self.call is not None and self.call.live and self.call.answered is None and not self._calls

    @property
    def _calls(self) -> bool:
        return self.call is not None and self.call.direction == "inbound"

    def take(self, call: Call, note: str) -> None:
        """Have a call, and hear what it hears."""
        self.call = call
        call.listener = self.hear
        self.picked_up.clear()
        self.hear("note", note)


class Phones:
    """Those that a page is open for, by their numbers; those that were not for the longest time are forgotten."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self._phones: dict[str, Phone] = {}
        self._otherwise, exchange.ring = exchange.ring, self.ring

    def at(self, number: str) -> Phone:
        """The phone with a number, switched on."""
        phone = self._phones.pop(number, None) or Phone(number)
        self._phones[number] = phone
        if len(self._phones) > MOST_PHONES:
            del self._phones[next(iter(self._phones))]
        phone.seen = time.monotonic()
        return phone

    def dial(self, phone: Phone) -> bool:
        """Call in; False while it has a call."""
        if phone.busy:
            return False
        account = self.exchange.account
        phone.take(self.exchange.dial(phone.number, account.number), f"Calling {account.number}")
        return True

    def press(self, phone: Phone, keys: str) -> bool:
        """Press keys; False without a call."""
        if phone.call is None or not phone.busy:
            return False
        for key in keys:
            phone.call.keys.put_nowait(key)
        phone.hear("keys", keys)
        return True

    def answer(self, phone: Phone) -> bool:
        """Pick up; False when it does not ring."""
        if phone.call is None or not phone.ringing:
            return False
        phone.picked_up.set()
        return True

    def hang_up(self, phone: Phone) -> bool:
        """End the call, or decline it; False without one."""
        if phone.call is None or not phone.busy:
            return False
        phone.call.interrupt(HungUp("caller", "busy" if phone.ringing else ""))
        return True

    async def ring(self, call: Call) -> None:
        """The app calls a number: where a page has it open, until somebody picks up. Others do as ever."""
        phone = self._phones.get(call.to)
        if phone is None or time.monotonic() - phone.seen > PRESENT:
            await self._otherwise(call)
            return
        if phone.busy:
            raise HungUp("callee", "busy")
        phone.take(call, f"{call.from_} calls")
        await phone.picked_up.wait()

    def state(self, phone: Phone, since: int) -> dict[str, Any]:
        """What its page shows: the call, where the caller stands, and what was heard after `since`."""
        return {
            "number": phone.number,
            "dials": self.exchange.account.number,
            "call": self._call(phone.call, phone.ringing) if phone.call is not None else None,
            "heard": [
                {"id": id_, "at": at, "kind": kind, "text": text} for id_, at, kind, text in phone.heard if id_ > since
            ],
        }

    def _call(self, call: Call, ringing: bool) -> dict[str, Any]:
        queue = next((each for each in self.exchange.queues.values() if call in each.waiting), None)
        return {
            "sid": call.sid,
            "live": call.live,
            "ringing": ringing,
            "stage": call.stage,
            "status": call.status,
            "seconds": int((call.ended or call.clock.time()) - (call.answered or call.started)),
            "queue": queue.name if queue else "",
            "position": queue.position(call) if queue else 0,
            "others": len(call.conference.members) - 1 if call.conference else 0,
        }
