"""The exchange: takes calls, runs their TwiML, and tells the app what happens, as Twilio does."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Final

from .account import Account
from .calls import Call, Conference, HungUp, Queue, Redirected, rfc2822
from .twiml import Document, Interpreter, TwimlError, parse
from .webhooks import Webhooks

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
        self.conferences: dict[str, Conference] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def dial(self, from_: str, to: str, *, url: str = "", identity: str = "", **extra: str) -> Call:
        """A leg arrives: a caller's, or with `identity` the one an agent's phone makes to the TwiML App."""
        call = Call(self.account.new_sid("CA"), from_, to, identity=identity)
        self.calls[call.sid] = call
        self._spawn(self._live(call, url or self.account.voice_url, extra))
        return call

    async def drained(self) -> None:
        """Wait until every call has ended and its last webhook is answered."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    def queue(self, name: str) -> Queue:
        """The queue of this name; it comes into being with its first caller."""
        if name not in self.queues:
            self.queues[name] = Queue(self.account.new_sid("QU"), name)
        return self.queues[name]

    def params(self, call: Call) -> dict[str, str]:
        """What every webhook about a call says."""
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

    async def fetch(self, call: Call, url: str, extra: dict[str, str] | None = None, *, method: str = "POST") -> Document:
        """TwiML for a call. Raises `TwimlError` with Twilio's code when there is none to be had."""
        params = {**self.params(call), **(extra or {})}
        answer = await self.webhooks.send(url, params, method=method, heard=True)
        if not answer.ok:
            raise TwimlError(TIMED_OUT if answer.failure in ("ct", "rt") else FETCH_FAILED, url)
        if "xml" not in answer.content_type:
            raise TwimlError(BAD_CONTENT_TYPE, url)
        return parse(answer.body, url)

    async def tell(self, call: Call, url: str, extra: dict[str, str]) -> None:
        """A callback nobody waits for."""
        await self.webhooks.send(url, {**self.params(call), **extra}, heard=False)

    def spawn_callback(self, call: Call, url: str, extra: dict[str, str]) -> None:
        """Send a callback while the call goes on."""
        self._spawn(self.tell(call, url, extra))

    def join(self, call: Call, name: str, *, callback: str, events: frozenset[str], ends: bool) -> Conference:
        """A leg joins a conference, which begins with the second one."""
        conference = self.conferences.get(name)
        if conference is None:
            conference = Conference(self.account.new_sid("CF"), name, callback, events)
            self.conferences[name] = conference
        conference.members[call] = ends
        call.conference = conference
        call.journal["conferences"].append([name, time.time(), None])
        self._announce(conference, call, "participant-join", "join")
        if not conference.started and len(conference.members) > 1:
            conference.started = True
            self._announce(conference, call, "conference-start", "start")
        call.enter("conference")
        for member in conference.members:
            member.changed.set()
        return conference

    def leave(self, call: Call) -> None:
        """A leg leaves its conference, which ends with it or with the last."""
        conference, call.conference = call.conference, None
        if conference is None or call not in conference.members:
            return
        ends = conference.members.pop(call)
        call.journal["conferences"][-1][2] = time.time()
        self._announce(conference, call, "participant-leave", "leave")
        if (ends or not conference.members) and not conference.over.is_set():
            self.conferences.pop(conference.name, None)
            reason = {"ReasonConferenceEnded": "participant-with-end-conference-on-exit-left"}
            self._announce(conference, call, "conference-end", "end", CallSidEndingConference=call.sid, **reason)
            conference.over.set()

    def _announce(self, conference: Conference, call: Call, event: str, kind: str, **extra: str) -> None:
        conference.sequence += 1
        if not conference.callback or kind not in conference.events:
            return
        details = {
            "ConferenceSid": conference.sid,
            "FriendlyName": conference.name,
            "StatusCallbackEvent": event,
            "SequenceNumber": str(conference.sequence),
            "Timestamp": rfc2822(),
            **extra,
        }
        self.spawn_callback(call, conference.callback, details)

    async def _live(self, call: Call, url: str, extra: dict[str, str]) -> None:
        """One call from its first webhook to its last."""
        by = "app"
        method = "POST"
        while True:
            try:
                await call.until(self._say(call, url, extra, method))
            except Redirected as elsewhere:
                self.leave(call)
                if call.left_queue:
                    await call.left_queue("redirected")
                url, extra, method = elsewhere.url, {}, elsewhere.method
                continue
            except HungUp as end:
                by = end.by
            break
        await self._end(call, by)

    async def _say(self, call: Call, url: str, extra: dict[str, str], method: str) -> None:
        """Run a document; when it cannot be had, the FallbackUrl's, and after that nothing but an apology."""
        interpreter = Interpreter(self, call)
        try:
            await interpreter.run(await self.fetch(call, url, extra, method=method))
        except TwimlError as error:
            if not self.account.fallback_url:
                call.journal["error"] = str(error.code)
                return
            details = {"ErrorCode": str(error.code), "ErrorUrl": error.url}
            try:
                await interpreter.run(await self.fetch(call, self.account.fallback_url, details))
            except TwimlError as second:
                error = second
            call.journal["error"] = str(error.code)

    async def _end(self, call: Call, by: str) -> None:
        self.leave(call)
        call.status, call.ended = "completed", time.time()
        if call.left_queue:
            await call.left_queue("hangup")
        call.journal |= {"ended_at": call.ended, "ended_by": by}
        call.enter("ended")
        call.over.set()
        if self.account.status_url:
            seconds = max(round(call.ended - call.started), 0)
            call.sequence += 1
            details = {
                "CallDuration": str(seconds),
                "Duration": str(-(-seconds // 60)),
                "Timestamp": rfc2822(),
                "CallbackSource": "call-progress-events",
                "SequenceNumber": str(call.sequence),
            }
            await self.tell(call, self.account.status_url, details)

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
