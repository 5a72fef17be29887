"""`/_simulator/…`: callers and phones by hand, and what goes on. For the app's own pages, and for curl."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from . import shapes
from .calls import Call, HungUp
from .clock import SteppedClock
from .engine import Exchange
from .http import Reply, Request
from .outbound import OUTCOMES, Callee
from .pages import Pages

OWN: Final = "/_simulator/"
IDENTITY: Final = re.compile(r"[A-Za-z0-9_]{1,121}")
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


class Controls:
    """What only the simulator has, and Twilio has not."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.pages = Pages(exchange)

    def handle(self, request: Request) -> Reply:
        """Answer one request. A page that is not the app's may neither do anything here nor read the answer."""
        origin = request.headers.get("origin", "")
        if origin and not self._is_ours(origin) and not _is_own(origin, request.headers.get("host", "")):
            return Reply(403, {"message": f"only the app's own pages may do this, not those of {origin}"})
        answer = Reply(204) if request.method == "OPTIONS" else self._act(request)
        allowed = {"Access-Control-Allow-Origin": origin, "Access-Control-Allow-Headers": "*", "Vary": "Origin"}
        return Reply(answer.status, answer.body, {**answer.headers, **(allowed if origin else {})})

    def _act(self, request: Request) -> Reply:
        parts = request.path.removeprefix(OWN).strip("/").split("/")
        if parts == [""]:
            return Reply(302, None, {"Location": f"{OWN}phone"})
        if (page := self.pages.handle(request.method, parts, request)) is not None:
            return page
        match request.method, parts:
            case "GET", ["state"]:
                return Reply(200, self._state())
            case "GET", ["snapshot"]:
                return Reply(200, self._snapshot())
            case "POST", ["calls"]:
                number = request.fields.get("from", "+14155550100")
                return _made(self.exchange.dial(number, self.exchange.account.number))
            case "POST", ["calls", sid, "digits"] if sid in self.exchange.calls:
                for key in request.fields.get("digits", ""):
                    self.exchange.calls[sid].keys.put_nowait(key)
                return Reply(200, {"call_sid": sid})
            case "POST", ["calls", sid, "say"] if sid in self.exchange.calls:
                self.exchange.hear(self.exchange.calls[sid], request.fields.get("text", ""))
                return Reply(200, {})
            case "POST", ["calls", sid, "answer"] if sid in self.exchange.calls:
                self.exchange.calls[sid].picked_up.set()
                return Reply(200, {})
            case "POST", ["callees"]:
                return self._behave(request)
            case ("GET", ["clock"]) | ("POST", ["clock", "advance"]):
                return self._clock(request)
            case "POST", ["calls", sid, "hangup"] if sid in self.exchange.calls:
                return self._hang_up(lambda call: call.sid == sid)
            case "POST", ["devices", identity, "connect"] if IDENTITY.fullmatch(identity):
                return _made(connect(self.exchange, identity, request.fields))
            case "POST", ["devices", identity, "disconnect"]:
                return self._hang_up(lambda call: call.identity == identity)
        return Reply(404, {"message": f"{request.method} {request.path} is nothing the simulator knows"})

    def _snapshot(self) -> dict[str, Any]:
        """All there is, as the REST API shows it, with what each call went through."""
        exchange, account = self.exchange, self.exchange.account.sid
        now, recordings = exchange.clock.time(), exchange.recordings
        return {
            "time": now,
            "calls": [{**shapes.call(call, account), "journal": call.journal} for call in exchange.calls.values()],
            "queues": [shapes.queue(queue, account, now) for queue in exchange.queues.values()],
            "conferences": [
                {
                    **shapes.conference(each, account),
                    "participants": [shapes.participant(call, each, account) for call in each.members],
                }
                for each in exchange.conferences.all
            ],
            "recordings": [shapes.recording(each, account, recordings.url(each)) for each in recordings.kept.values()],
            "transcriptions": [shapes.transcription(each, account) for each in exchange.transcriptions.kept.values()],
            "callees": {number: asdict(callee) for number, callee in exchange.callees.items()},
        }

    def _behave(self, request: Request) -> Reply:
        """Decide what somebody does when they are called."""
        fields, callee = request.fields, Callee()
        does, after = fields.get("does", callee.does), fields.get("after", "0")
        if does not in OUTCOMES or not re.fullmatch(r"\d+(\.\d+)?", after):
            return Reply(400, {"message": f"does must be one of {', '.join(OUTCOMES)}, and after seconds"})
        self.exchange.callees[fields.get("to", "")] = Callee(does, float(after), fields.get("answered_by", "human"))
        return Reply(200, {})

    def _clock(self, request: Request) -> Reply:
        """The time of calls; a stepped clock is advanced, which goes on after this is answered."""
        clock = self.exchange.clock
        if request.method == "POST":
            seconds = request.fields.get("seconds", "")
            if not isinstance(clock, SteppedClock) or not re.fullmatch(r"\d+(\.\d+)?", seconds):
                return Reply(400, {"message": "a stepped clock (--speed 0) is advanced by so many seconds"})
            self.exchange.spawn(clock.advance(float(seconds)))
        return Reply(202 if request.method == "POST" else 200, {"time": clock.time()})

    def _hang_up(self, meant: Callable[[Call], bool]) -> Reply:
        calls = [call for call in self.exchange.calls.values() if call.live and meant(call)]
        for call in calls:
            call.interrupt(HungUp("caller"))
        return Reply(200, {"hung_up": [call.sid for call in calls]})

    def _is_ours(self, origin: str) -> bool:
        """Whether it is where the app is; loopback has several names."""
        account, asking = self.exchange.account, urlsplit(origin)
        return any(_place(asking) == _place(urlsplit(url)) for url in (account.public_url, account.voice_url) if url)

    def _state(self) -> dict[str, Any]:
        figures = self.exchange.webhooks.figures
        return {
            "calls": [_shown(call) for call in self.exchange.calls.values() if call.live],
            "queues": {queue.name: len(queue.waiting) for queue in self.exchange.queues.values()},
            "conferences": {each.name: len(each.members) for each in self.exchange.conferences},
            "webhooks": {"sent": figures.sent, "errors": figures.errors},
        }


def connect(exchange: Exchange, identity: str, parameters: dict[str, str]) -> Call:
    """An agent's phone calls the TwiML App, with parameters of its own: `device.connect` in a browser."""
    url, to = exchange.account.client_voice_url, parameters.get("To", "")
    return exchange.dial(f"client:{identity}", to, url=url, identity=identity, extra=parameters)


def _is_own(origin: str, host: str) -> bool:
    """Whether a page of the simulator itself asks: of this machine, for any other name may be anybody's."""
    return urlsplit(origin).netloc == host and urlsplit(origin).hostname in LOOPBACK


def _place(parts: SplitResult) -> tuple[str, str, int | None]:
    host = parts.hostname or ""
    return parts.scheme, "loopback" if host in LOOPBACK else host, parts.port


def _made(call: Call) -> Reply:
    return Reply(201, {"call_sid": call.sid})


def _shown(call: Call) -> dict[str, str]:
    return {
        "call_sid": call.sid,
        "from": call.from_,
        "identity": call.identity,
        "stage": call.stage,
        "hears": call.hears,
    }
