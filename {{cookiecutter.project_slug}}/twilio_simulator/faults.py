"""Faults: what happens to webhooks and REST requests now and then, drawn from a seed. The app knows nothing of it.

    CLASS:FAULT=SHARE[@SECONDS][:FROM-[TO]]     status:duplicate=0.05,rest:error=0.4:60-120,wait:slow=0.1@5

Webhooks, by class: voice, agent, gather, queue, wait, status, conference, dial, recording, transcription, or
webhook for any.
    duplicate   comes twice, the second one SECONDS later       delay     comes SECONDS later
    reorder     comes after the call's next one, or SECONDS     drop      never arrives; retried as the app asked
    lose        arrives, the answer does not; retried           refuse    no connection; retried as the app asked
    slow        the answer takes SECONDS longer                 vanish    never arrives, is not retried (callbacks only)
    trouble     503 from whatever stands before the app; retried as the app asked
REST requests, by class: create (a call), update, ask, or rest for any.
    limit       429, with Retry-After: SECONDS                  fail      503, and nothing was done
    error       done, and answered 500                          slow      done, and answered after SECONDS
    cut         done, and the connection ends                   drop      the connection ends, and nothing was done
    gone        update only: whose call it is hangs up in that moment; 21220, or 20404 where it is of a participant
enqueue:full    the queue takes nobody.

FROM and TO are seconds since the first fault might have happened.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Any, Final

import urllib3

from .account import Account
from .http import Handle, Reply, Request
from .webhooks import Answer, Webhooks

CALLBACKS: Final = ("status", "conference", "recording", "transcription")
WEBHOOKS: Final = ("webhook", "voice", "agent", "gather", "queue", "wait", "dial", *CALLBACKS)
REST: Final = ("rest", "create", "update", "ask")
SECONDS: Final = {"duplicate": 1.0, "delay": 3.0, "reorder": 5.0, "slow": 3.0, "limit": 2.0}
_ON_THE_WAY: Final = ("duplicate", "delay", "reorder", "drop", "lose", "refuse", "slow", "trouble", "vanish")
_OF_REQUESTS: Final = ("limit", "fail", "error", "slow", "cut", "drop")
FAULTS: Final[Mapping[str, frozenset[str]]] = {
    **dict.fromkeys(WEBHOOKS, frozenset(_ON_THE_WAY)),
    **dict.fromkeys(REST, frozenset(_OF_REQUESTS)),
    "update": frozenset(_OF_REQUESTS) | {"gone"},
    "enqueue": frozenset(("full",)),
}
_RULE: Final = re.compile(
    r"(?P<kind>[a-z]+):(?P<fault>[a-z]+)=(?P<share>[0-9]*\.?[0-9]+)"
    r"(?:@(?P<seconds>[0-9]+(?:\.[0-9]+)?))?(?::(?P<since>[0-9]+)-(?P<until>[0-9]*))?"
)


@dataclass(frozen=True, slots=True)
class Rule:
    """One fault of one class: how often, of what length, and when, in seconds."""

    kind: str
    fault: str
    share: float
    seconds: float
    since: float = 0.0
    until: float = float("inf")

    @classmethod
    def parse(cls, text: str) -> Rule:
        """Read one. Raises `ValueError` that names what is wrong with it."""
        found = _RULE.fullmatch(text.strip())
        if found is None:
            raise ValueError(f"{text!r} must be like status:duplicate=0.05, wait:slow=0.1@5 or rest:error=0.4:60-120")
        kind, fault, share = found["kind"], found["fault"], float(found["share"])
        if fault not in FAULTS.get(kind, ()):
            known = ", ".join(sorted(FAULTS.get(kind, ()))) or f"no such class: {', '.join(FAULTS)}"
            raise ValueError(f"{text!r}: {kind} has {known}")
        if share > 1:
            raise ValueError(f"{text!r}: a share is 1 at most")
        return cls(
            kind,
            fault,
            share,
            float(found["seconds"] or SECONDS.get(fault, 0)),
            float(found["since"] or 0),
            float(found["until"] or "inf"),
        )


def read(text: str) -> tuple[Rule, ...]:
    """Several, with commas between. Raises `ValueError`."""
    return tuple(Rule.parse(part) for part in text.split(",") if part.strip())


class Faults:
    """Draws them. `counts` has how often each happened."""

    def __init__(
        self, rules: Iterable[Rule] = (), *, seed: int = 1, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.rules = tuple(rules)
        self.counts: Counter[str] = Counter()
        self.hit: set[str] = set()
        """CallSids of the calls that one of them met; "" for what is of no call yet."""
        self._dice, self._clock = Random(f"faults:{seed}"), clock
        self._began: float | None = None

    def draw(self, kinds: Iterable[str], *faults: str, call: str = "") -> dict[str, float]:
        """Which of these happen now to a call, and their seconds."""
        if not self.rules:
            return {}
        self._began = self._clock() if self._began is None else self._began
        now, drawn = self._clock() - self._began, {}
        for rule in self.rules:
            meant = rule.kind in kinds and rule.fault in faults and rule.since <= now < rule.until
            if meant and self._dice.random() < rule.share:
                drawn[rule.fault] = rule.seconds
                self.counts[f"{rule.kind}:{rule.fault}"] += 1
                self.hit.add(call)
        return drawn

    def handling(self, handle: Handle, *, hang_up: Callable[[str], object]) -> Handle:
        """The same REST API, with these faults. `hang_up` does that to the call of a sid."""

        def handled(request: Request) -> Reply:
            kinds, call = classes_of(request), _call_of(request)
            if call and self.draw(kinds, "gone", call=call):
                hang_up(call)
                participant = "/Participants/" in request.path
                return _trouble(404, 20404) if participant else _trouble(400, 21220)
            if hit := self.draw(kinds, "limit", "fail", "drop", call=call):
                return _undone(hit)
            done = handle(request)
            hit = self.draw(kinds, "error", "slow", "cut", call=call)
            if "error" in hit:
                done = _trouble(500, 20500)
            return replace(done, delay=hit.get("slow", 0.0), cut="cut" in hit)

        return handled


def _undone(hit: Mapping[str, float]) -> Reply:
    if "limit" in hit:
        return replace(_trouble(429, 20429), headers={"Retry-After": f"{hit['limit']:.0f}"})
    return replace(_trouble(503, 20503), cut="drop" in hit)


def _trouble(status: int, code: int) -> Reply:
    return Reply(status, {"code": code, "message": "a fault that was asked for", "more_info": "", "status": status})


def _call_of(request: Request) -> str:
    found = re.search(r"/(CA[0-9a-f]{32})", request.path)
    return found[1] if found else ""


def classes_of(request: Request) -> tuple[str, ...]:
    """The classes a REST request is of; none for what is the simulator's own."""
    if request.path.startswith("/_simulator/"):
        return ()
    if request.method in ("GET", "HEAD"):
        return "rest", "ask"
    return "rest", "create" if request.path.endswith("/Calls.json") else "update"


def class_of(params: Mapping[str, str]) -> str:
    """The class a webhook is of, by what it says."""
    for name, kind in (
        ("RecordingStatus", "recording"),
        ("TranscriptionSid", "transcription"),
        ("StatusCallbackEvent", "conference"),
        ("CallbackSource", "status"),
        ("QueueResult", "queue"),
        ("QueuePosition", "wait"),
        ("DialCallStatus", "dial"),
        ("Digits", "gather"),
    ):
        if name in params:
            return kind
    return "agent" if params.get("From", "").startswith("client:") else "voice"


class FaultyWebhooks(Webhooks):
    """Webhooks to which something happens on the way."""

    def __init__(self, account: Account, faults: Faults, *, pause: float = 0.2) -> None:
        super().__init__(account, pause=pause)
        self.faults = faults
        self._held: dict[str, list[asyncio.Event]] = {}

    async def send(
        self,
        url: str,
        params: Mapping[str, str],
        *,
        method: str = "POST",
        heard: bool,
        token: str = "",
        note: str = "",
    ) -> Answer:
        """As without faults; what is late arrives even if the call is broken off meanwhile."""
        kind, sid = class_of(params), params.get("CallSid", "")
        hit = self.faults.draw(("webhook", kind), "duplicate", "delay", "reorder", "vanish", call=sid)
        if "vanish" in hit and kind in CALLBACKS:
            return Answer(0, failure="vanished")

        async def sent(*, late: float = 0.0, answered: bool = heard) -> Answer:
            await asyncio.sleep(late)
            if "reorder" in hit:
                await self._overtaken(sid, hit["reorder"])
            try:
                return await super(FaultyWebhooks, self).send(
                    url, params, method=method, heard=answered, token=token, note=note
                )
            finally:
                for event in self._held.pop(sid, ()):
                    event.set()

        if "duplicate" in hit:
            self._goes_on(sent(late=hit.get("delay", 0.0) + hit["duplicate"], answered=False))
        if hit.keys() & {"delay", "reorder"}:
            return await asyncio.shield(self._goes_on(sent(late=hit.get("delay", 0.0))))
        return await sent()

    def _goes_on(self, work: Coroutine[Any, Any, Answer]) -> asyncio.Future[Answer]:
        task = asyncio.ensure_future(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return task

    async def _overtaken(self, sid: str, seconds: float) -> None:
        """Wait for the next webhook of the call to have arrived."""
        event = asyncio.Event()
        self._held.setdefault(sid, []).append(event)
        _, waiting = await asyncio.wait({overtaken := asyncio.ensure_future(event.wait())}, timeout=seconds)
        if waiting:
            overtaken.cancel()

    async def _one(
        self, url: str, params: Mapping[str, str], method: str, timeout: urllib3.Timeout, token: str
    ) -> Answer:
        """One attempt, each with its own luck."""
        of, call = ("webhook", class_of(params)), params.get("CallSid", "")
        hit = self.faults.draw(of, "drop", "refuse", "lose", "slow", "trouble", call=call)
        if "refuse" in hit:
            return Answer(0, failure="ct")
        if "trouble" in hit:
            return Answer(503, failure="5xx")
        if "drop" in hit:
            await asyncio.sleep(_seconds(timeout.connect_timeout))
            return Answer(0, failure="ct")
        answer = await self._deliver(url, params, method, timeout, token)
        most = _seconds(timeout.read_timeout)
        if "lose" in hit or hit.get("slow", 0) > most:
            await asyncio.sleep(most)
            return Answer(0, failure="rt")
        if "slow" in hit:
            await asyncio.sleep(hit["slow"])
        return answer

    async def _deliver(
        self, url: str, params: Mapping[str, str], method: str, timeout: urllib3.Timeout, token: str
    ) -> Answer:
        """It arrives."""
        return await super()._one(url, params, method, timeout, token)


def _seconds(limit: Any) -> float:
    return float(limit) if isinstance(limit, int | float) else 5.0
