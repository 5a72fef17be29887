"""The life of one call: it rings, follows TwiML wherever that leads, and ends."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from typing import TYPE_CHECKING, Any

from .calls import Call, HungUp, Redirected, Target
from .conferences import UPDATED
from .documents import Document, TwimlError, parse
from .outbound import SIP, Manner, listen, ring

if TYPE_CHECKING:
    from .engine import Exchange

Doing = Coroutine[Any, Any, None]


class Life:
    """From the first webhook to the last. What a call does is broken off when it is hung up or redirected."""

    def __init__(self, exchange: Exchange, call: Call) -> None:
        self.exchange, self.call = exchange, call

    async def inbound(self, target: Target, extra: Mapping[str, str]) -> None:
        """Somebody calls."""
        await self.lead(self._say(target, extra))

    async def placed(self, target: Target, manner: Manner) -> None:
        """The app calls somebody."""
        await self.lead(self._called(target, manner))

    async def lead(self, doing: Doing) -> None:
        """Do this, then whatever the app redirects the call to, to the end."""
        call, end = self.call, HungUp("app")
        while True:
            try:
                await call.until(doing)
            except Redirected as elsewhere:
                call.journal["fetched"] += 1
                self.exchange.conferences.leave(call, UPDATED)
                await self._break_off("redirected")
                doing = self._say(elsewhere.target, {})
                continue
            except HungUp as hung_up:
                end = hung_up
            break
        await self._end(end)

    async def _called(self, target: Target, manner: Manner) -> None:
        await ring(self.exchange, self.call, manner)
        await self._say(target, await listen(self.exchange, self.call, manner))

    async def _say(self, target: Target, extra: Mapping[str, str]) -> None:
        """Run a document; when it cannot be had, the FallbackUrl's, and after that nothing but an apology."""
        call, exchange = self.call, self.exchange
        try:
            if target.twiml:
                document = parse(target.twiml.encode(), target.url)
            else:
                document = await exchange.fetch(call, target.url, extra, method=target.method)
            await self._run(document)
        except TwimlError as error:
            await self._fall_back(error)

    async def _fall_back(self, failed: TwimlError) -> None:
        call, exchange = self.call, self.exchange
        call.journal["error"] = str(failed.code)
        account = exchange.account
        fallback = call.fallback or Target(account.fallback_url, account.fallback_method)
        if fallback.url:
            details = {"ErrorCode": str(failed.code), "ErrorUrl": failed.url}
            try:
                await self._run(await exchange.fetch(call, fallback.url, details, method=fallback.method))
                return
            except TwimlError as error:
                call.journal["error"] = str(error.code)
        exchange.answer(call)  # to say that there was an application error

    async def _run(self, document: Document) -> None:
        if document.picks_up:
            self.exchange.answer(self.call)
        await self.exchange.interpreter(self.call).run(document)

    async def _break_off(self, how: str) -> None:
        """The verbs that were under way tell the app how they ended, if they are of that kind."""
        for tell in (self.call.left_queue, self.call.broken_off):
            if tell is not None:
                await tell(how)

    async def _end(self, end: HungUp) -> None:
        """However it ended, its verb's action is told, and then its status callback: `completed` is any such end."""
        call, exchange = self.call, self.exchange
        never_began = call.status == "queued" and end.by == "app"
        call.ended = exchange.clock.time()
        call.status = "completed" if call.answered is not None else end.unanswered
        exchange.conferences.leave(call)
        exchange.recordings.stop_all(call)
        exchange.transcriptions.stop_all(call)
        if call.limit is not None:
            call.limit.cancel()
        await self._break_off("hangup")
        call.journal |= {"ended_at": call.ended, "ended_by": end.by}
        call.enter("ended")
        call.over.set()
        if never_began:  # Twilio says nothing of a call that was canceled in its queue
            return
        if details := exchange.numbered(call, "completed"):
            seconds = {"CallDuration": str(call.duration), "Duration": str(-(-call.duration // 60))}
            code = {"SipResponseCode": SIP.get(call.status, "200")} if call.direction != "inbound" else {}
            callback = call.callback
            await exchange.tell(call, callback.url, {**details, **seconds, **code}, method=callback.method)


async def limited(call: Call, seconds: float) -> None:
    """End a call that lasts too long."""
    await call.clock.sleep(seconds)
    call.interrupt(HungUp("app"))


def limit(call: Call, seconds: float) -> None:
    """From now on a call may last so long; what was said before does not count any more."""
    if call.limit is not None:
        call.limit.cancel()
    call.limit = asyncio.ensure_future(limited(call, seconds))
