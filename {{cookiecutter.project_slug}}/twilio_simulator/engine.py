"""The exchange: takes and makes calls, asks the app for TwiML and tells it what happens, as Twilio does."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final

from .account import Account
from .calls import Call, Callback, HungUp, Queue, Spoken, Target, rfc2822
from .clock import Clock, SteppedClock
from .conferences import Conferences
from .documents import Document, TwimlError, parse
from .faults import Faults
from .life import Doing, Life, limit
from .outbound import Callee, Manner, pick_up
from .recordings import Recordings
from .transcriptions import Transcriptions
from .twiml import Interpreter
from .webhooks import Answer, Webhooks

logger = logging.getLogger(__name__)

ROUNDS: Final = 50
"""Turns of the loop without a webhook after which nothing is to be done any more."""

BAD_URL: Final = 11100
FETCH_FAILED: Final = 11200
TIMED_OUT: Final = 11205
BAD_CONTENT_TYPE: Final = 12300


class Exchange:
    """All calls, queues and conferences of one account."""

    def __init__(
        self,
        account: Account,
        webhooks: Webhooks,
        *,
        clock: Clock | None = None,
        speech: float = 1.0,
        faults: Faults | None = None,
    ) -> None:
        self.account = account
        self.webhooks = webhooks
        self.faults = faults or Faults()
        self.clock = clock or Clock()
        self.speech = speech
        """How long talk and pauses take, as a share of what they would."""
        self.calls: dict[str, Call] = {}
        self.queues: dict[str, Queue] = {}
        self.recordings = Recordings(account, self.notify, self.clock)
        self.conferences = Conferences(account, self.notify, self.clock, self.recordings)
        self.transcriptions = Transcriptions(account, self.notify, self.clock)
        self.callees: dict[str, Callee] = {}
        """How those behave whom the app calls, by number or `client:` and identity."""
        self.ring: Callable[[Call], Doing] = functools.partial(pick_up, self)
        """What somebody does who is called: return to answer, or raise `HungUp`."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._sending = 0
        if isinstance(self.clock, SteppedClock):
            self.clock.settled = self.settled

    def dial(
        self, from_: str, to: str, *, url: str | None = None, identity: str = "", extra: Mapping[str, str] | None = None
    ) -> Call:
        """A leg arrives: a caller's, or with `identity` the one an agent's phone makes to the TwiML App."""
        account = self.account
        callback = Callback(account.status_url, account.status_method)
        call = self._new(from_, to, identity=identity, callback=callback)
        target = Target(account.voice_url, account.voice_method) if url is None else Target(url)
        self.spawn(Life(self, call).inbound(target, extra or {}))
        return call

    def place(
        self,
        from_: str,
        to: str,
        target: Target,
        callback: Callback,
        manner: Manner | None = None,
        *,
        fallback: Target | None = None,
    ) -> Call:
        """The app calls somebody, who does what `callees` says; those who are not in there answer at once."""
        manner = manner or Manner()
        call = self._new(from_, to, direction="outbound-api", callback=callback, fallback=fallback)
        call.status, call.longest = "queued", manner.limit
        self.spawn(Life(self, call).placed(target, manner))
        return call

    def branch(
        self, parent: Call, from_: str, to: str, callback: Callback, doing: Callable[[Call], Doing], longest: float
    ) -> Call:
        """A leg that a call dials; `doing` is what it does until somebody redirects it."""
        call = self._new(from_, to, direction="outbound-dial", callback=callback, parent=parent.sid)
        call.status, call.longest = "queued", longest
        self.spawn(Life(self, call).lead(doing(call)))
        return call

    def _new(self, from_: str, to: str, *, identity: str = "", **options: Any) -> Call:
        """A call is made. Of a client only its identity is its address, not the parameters behind it."""
        if to.startswith("client:"):
            to = to.partition("?")[0]
            identity = identity or to.removeprefix("client:")
        call = Call(self.account.new_sid("CA"), from_, to, self.clock, identity=identity, **options)
        self.calls[call.sid] = call
        return call

    def hang_up(self, sid: str) -> None:
        """Whose call it is hangs up, if there is such a call."""
        if (call := self.calls.get(sid)) is not None and call.live:
            call.interrupt(HungUp("caller"))

    def hear(self, call: Call, text: str) -> None:
        """Somebody says something."""
        call.keys.put_nowait(Spoken(text))
        self.transcriptions.hear(call, text)
        self.conferences.speaks(call)

    async def pass_time(self, seconds: float) -> None:
        """So much talk, music or silence."""
        await self.clock.sleep(seconds * self.speech)

    async def drained(self) -> None:
        """Wait until every call has ended and its last webhook is answered."""
        while self._tasks:
            await asyncio.wait(self._tasks)
        await self.webhooks.settled()

    async def settled(self) -> None:
        """Wait until all that follows from this moment has happened: no webhook under way, and nothing to be done."""
        quiet = 0
        while quiet < ROUNDS:
            await asyncio.sleep(0.001 if self._sending else 0)
            quiet = 0 if self._sending else quiet + 1
        await self.webhooks.settled()

    async def close(self) -> None:
        """Break everything off, and tell nobody."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.webhooks.close()

    def queue(self, name: str) -> Queue:
        """The queue of this name; it comes into being with its first caller."""
        if name not in self.queues:
            self.queues[name] = Queue(self.account.new_sid("QU"), name, created=self.clock.time())
        return self.queues[name]

    async def fetch(
        self, call: Call, url: str, extra: Mapping[str, str] | None = None, *, method: str = "POST"
    ) -> Document:
        """TwiML for a call. Raises `TwimlError` with Twilio's code when there is none to be had."""
        answer = await self._send(url, {**(extra or {}), **self._about(call)}, method=method, heard=True)
        where = url.partition("#")[0]
        if not answer.ok:
            raise TwimlError(_error_code(answer), where)
        if "xml" not in answer.content_type:
            raise TwimlError(BAD_CONTENT_TYPE, where)
        return parse(answer.body, where)

    async def tell(self, call: Call, url: str, details: Mapping[str, str], *, method: str = "POST") -> None:
        """A callback about a call, whose answer says nothing."""
        await self._send(url, {**details, **self._about(call)}, method=method, heard=False)

    def notify(self, callback: Callback, params: Mapping[str, str]) -> None:
        """Send a callback while all goes on."""
        self.spawn(self._notify(callback, params))

    def interpreter(self, call: Call) -> Interpreter:
        """What runs TwiML for a call."""
        return Interpreter(self, call)

    async def _notify(self, callback: Callback, params: Mapping[str, str]) -> None:
        await self._send(callback.url, params, method=callback.method, heard=False)

    async def _send(self, url: str, params: Mapping[str, str], *, method: str, heard: bool) -> Answer:
        self._sending += 1
        try:
            return await self.webhooks.send(url, params, method=method, heard=heard)
        finally:
            self._sending -= 1

    def _about(self, call: Call) -> dict[str, str]:
        """What every webhook about a call says. No parameter of an app or a phone replaces one of these."""
        return {
            "CallSid": call.sid,
            "AccountSid": self.account.sid,
            "ApiVersion": "2010-04-01",
            "From": call.from_,
            "Caller": call.from_,
            "To": call.to,
            "Called": call.to,
            "CallStatus": call.status,
            "Direction": call.direction,
            **({"ParentCallSid": call.parent} if call.parent else {}),
        }

    def answer(self, call: Call) -> None:
        """It is picked up, if it was not already; from now on its time is limited."""
        if call.answered is None:
            call.answered = self.clock.time()
            limit(call, call.longest)
            self.moves(call, "in-progress", "answered")

    def moves(self, call: Call, status: str, event: str) -> None:
        """The status changes, and the app hears of it if it asked to."""
        call.status = status
        if details := self.numbered(call, event):
            self.notify(call.callback, {**details, **self._about(call)})

    def numbered(self, call: Call, event: str) -> dict[str, str]:
        """What a status callback says beside the call itself; empty when the app does not want this one."""
        if not call.callback.wants(event):
            return {}
        number, call.sequence = call.sequence, call.sequence + 1
        return {
            "Timestamp": rfc2822(self.clock.time()),
            "CallbackSource": "call-progress-events",
            "SequenceNumber": str(number),
        }

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something in the background; `drained` waits for it."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("the simulator failed, and a call with it", exc_info=error)


def _error_code(answer: Answer) -> int:
    return {"url": BAD_URL, "ct": TIMED_OUT, "rt": TIMED_OUT}.get(answer.failure, FETCH_FAILED)
