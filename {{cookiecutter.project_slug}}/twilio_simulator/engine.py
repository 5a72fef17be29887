"""The exchange: takes calls, runs their TwiML, and tells the app what happens, as Twilio does."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final

from .account import Account
from .calls import Call, Callback, HungUp, Queue, Redirected, Target, rfc2822
from .conferences import Conferences
from .documents import Document, TwimlError, parse
from .twiml import Interpreter
from .webhooks import Answer, Webhooks

logger = logging.getLogger(__name__)

BAD_URL: Final = 11100
FETCH_FAILED: Final = 11200
TIMED_OUT: Final = 11205
BAD_CONTENT_TYPE: Final = 12300


class Exchange:
    """All calls, queues and conferences of one account."""

    def __init__(self, account: Account, webhooks: Webhooks, *, speech: float = 1.0) -> None:
        self.account = account
        self.webhooks = webhooks
        self.speech = speech
        """How long talk and pauses take, as a share of real time."""
        self.calls: dict[str, Call] = {}
        self.queues: dict[str, Queue] = {}
        self.conferences = Conferences(account, self.notify)
        self.ring: Callable[[Call], Coroutine[Any, Any, None]] = _at_once
        """What somebody does who is called by the app: return to answer, or raise `HungUp`."""
        self._tasks: set[asyncio.Task[None]] = set()

    def dial(
        self, from_: str, to: str, *, url: str | None = None, identity: str = "", extra: Mapping[str, str] | None = None
    ) -> Call:
        """A leg arrives: a caller's, or with `identity` the one an agent's phone makes to the TwiML App."""
        sid, callback = self.account.new_sid("CA"), Callback(self.account.status_url)
        call = self.calls[sid] = Call(sid, from_, to, identity=identity, callback=callback)
        self.spawn(self._live(call, Target(self.account.voice_url if url is None else url), extra or {}))
        return call

    def place(self, from_: str, to: str, target: Target, callback: Callback) -> Call:
        """The app calls somebody, who answers at once, or as `ring` has it."""
        call = Call(self.account.new_sid("CA"), from_, to, direction="outbound-api", callback=callback)
        call.status = "queued"
        self.calls[call.sid] = call
        self.spawn(self._live(call, target, {}))
        return call

    async def drained(self) -> None:
        """Wait until every call has ended and its last webhook is answered."""
        while self._tasks:
            await asyncio.wait(self._tasks)
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
            self.queues[name] = Queue(self.account.new_sid("QU"), name)
        return self.queues[name]

    async def fetch(
        self, call: Call, url: str, extra: Mapping[str, str] | None = None, *, method: str = "POST"
    ) -> Document:
        """TwiML for a call. Raises `TwimlError` with Twilio's code when there is none to be had."""
        answer = await self.webhooks.send(url, {**(extra or {}), **self._about(call)}, method=method, heard=True)
        where = url.partition("#")[0]
        if not answer.ok:
            raise TwimlError(_error_code(answer), where)
        if "xml" not in answer.content_type:
            raise TwimlError(BAD_CONTENT_TYPE, where)
        return parse(answer.body, where)

    async def tell(self, call: Call, url: str, details: Mapping[str, str], *, method: str = "POST") -> None:
        """A callback about a call, whose answer says nothing."""
        await self.webhooks.send(url, {**details, **self._about(call)}, method=method, heard=False)

    def notify(self, callback: Callback, params: Mapping[str, str]) -> None:
        """Send a callback while all goes on."""
        self.spawn(self._notify(callback, params))

    def interpreter(self, call: Call) -> Interpreter:
        """What runs TwiML for a call."""
        return Interpreter(self, call)

    async def _notify(self, callback: Callback, params: Mapping[str, str]) -> None:
        await self.webhooks.send(callback.url, params, method=callback.method, heard=False)

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
        }

    async def _live(self, call: Call, target: Target, extra: Mapping[str, str]) -> None:
        """One call from its first webhook to its last."""
        if call.direction == "outbound-api":
            self._moves(call, "initiated", "initiated")
            self._moves(call, "ringing", "ringing")
        end = HungUp("app")
        while True:
            try:
                if call.direction == "outbound-api" and call.answered is None:
                    await call.until(self.ring(call))
                    self._answer(call)
                await call.until(self._say(call, target, extra))
            except Redirected as elsewhere:
                call.journal["fetched"] += 1
                self.conferences.leave(call, "participant_updated_via_api")
                if call.left_queue:
                    await call.left_queue("redirected")
                target, extra = elsewhere.target, {}
                continue
            except HungUp as hung_up:
                end = hung_up
            break
        await self._end(call, end)

    async def _say(self, call: Call, target: Target, extra: Mapping[str, str]) -> None:
        """Run a document; when it cannot be had, the FallbackUrl's, and after that nothing but an apology."""
        try:
            if target.twiml:
                document = parse(target.twiml.encode(), target.url)
            else:
                document = await self.fetch(call, target.url, extra, method=target.method)
            await self._run(call, document)
        except TwimlError as error:
            await self._fall_back(call, error)

    async def _fall_back(self, call: Call, failed: TwimlError) -> None:
        call.journal["error"] = str(failed.code)
        if self.account.fallback_url:
            details = {"ErrorCode": str(failed.code), "ErrorUrl": failed.url}
            try:
                await self._run(call, await self.fetch(call, self.account.fallback_url, details))
                return
            except TwimlError as error:
                call.journal["error"] = str(error.code)
        self._answer(call)  # to say that there was an application error

    async def _run(self, call: Call, document: Document) -> None:
        if not document.rejects:
            self._answer(call)
        await self.interpreter(call).run(document)

    def _answer(self, call: Call) -> None:
        if call.answered is None:
            call.answered = time.time()
            self._moves(call, "in-progress", "answered")

    def _moves(self, call: Call, status: str, event: str) -> None:
        """The status changes, and the app hears of it if it asked to."""
        call.status = status
        if details := self._numbered(call, event):
            self.notify(call.callback, {**details, **self._about(call)})

    def _numbered(self, call: Call, event: str) -> dict[str, str]:
        """What a status callback says beside the call itself; empty when the app does not want this one."""
        if not call.callback.wants(event):
            return {}
        number, call.sequence = call.sequence, call.sequence + 1
        return {
            "Timestamp": rfc2822(),
            "CallbackSource": "call-progress-events",
            "SequenceNumber": str(number),
        }

    async def _end(self, call: Call, end: HungUp) -> None:
        """However it ended, its queue's action is told, and then its status callback: `completed` is any such end."""
        self.conferences.leave(call)
        call.ended = time.time()
        call.status = "completed" if call.answered is not None else end.unanswered
        if call.left_queue:
            await call.left_queue("hangup")
        call.journal |= {"ended_at": call.ended, "ended_by": end.by}
        call.enter("ended")
        call.over.set()
        if details := self._numbered(call, "completed"):
            duration = {"CallDuration": str(call.duration), "Duration": str(-(-call.duration // 60))}
            await self.tell(call, call.callback.url, {**details, **duration}, method=call.callback.method)

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


async def _at_once(_: Call) -> None:
    """Nobody lets it ring."""
