"""A small app where webhooks go, and the simulator in a loop of its own thread: tests act and look from outside."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

from twilio.request_validator import RequestValidator

from twilio_simulator.account import Account
from twilio_simulator.calls import Call, HungUp
from twilio_simulator.clock import Clock
from twilio_simulator.engine import Exchange
from twilio_simulator.http import serving
from twilio_simulator.rest import Rest
from twilio_simulator.webhooks import Webhooks

SID = "AC" + "0" * 32
TOKEN = "a-token-for-tests"
CALLER = "+14155550100"
SOON = 10.0

T = TypeVar("T")


@dataclass(frozen=True)
class Said:
    """What the app answers: TwiML without its `<Response>`, or as it is when `raw`."""

    body: str = ""
    status: int = 200
    kind: str = "text/xml"
    delay: float = 0
    raw: bool = False

    def encoded(self) -> bytes:
        """The body as it is sent."""
        return (self.body if self.raw else f"<Response>{self.body}</Response>").encode()


@dataclass(frozen=True)
class Asked:
    """One request the app got, its query and form as one."""

    method: str
    path: str
    params: dict[str, str]
    headers: Mapping[str, str]
    signed: bool


Answer = Said | Callable[[Asked], Said]


@dataclass
class App:
    """Answers each path with its documents in turn, the last of them again and again; others with an empty one."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    changed: threading.Condition = field(default_factory=threading.Condition)

    @property
    def address(self) -> str:
        """Host and port."""
        return urlsplit(self.url).netloc

    def says(self, path: str, *answers: str | Answer) -> str:
        """Decide what a path answers; gives its URL."""
        self.answers[path] = [Said(answer) if isinstance(answer, str) else answer for answer in answers]
        return self.url + path

    def to(self, path: str) -> list[Asked]:
        """What was asked of one path."""
        return [each for each in self.asked if each.path == path]

    def wait_for(self, path: str, times: int = 1) -> Asked:
        """The request that makes it so many."""
        with self.changed:
            came = self.changed.wait_for(lambda: len(self.to(path)) >= times, SOON)
        assert came, f"{path} was asked {len(self.to(path))} times: {[each.path for each in self.asked]}"
        return self.to(path)[times - 1]

    def answer(self, asked: Asked) -> Said:
        """Remember a request, and answer it."""
        with self.changed:
            self.asked.append(asked)
            answers = self.answers.get(asked.path, [Said()])
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
            self.changed.notify_all()
        return answer if isinstance(answer, Said) else answer(asked)


class _Handler(BaseHTTPRequestHandler):
    app: App

    def do_GET(self) -> None:
        """Answer."""
        self._answer({})

    def do_POST(self) -> None:
        """Answer."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        self._answer(dict(parse_qsl(body, keep_blank_values=True)))

    def _answer(self, form: dict[str, str]) -> None:
        parts = urlsplit(self.path)
        url = f"{self.headers.get('X-Forwarded-Proto', 'http')}://{self.headers['Host']}{self.path}"
        signature = self.headers.get("X-Twilio-Signature", "")
        signed = RequestValidator(TOKEN).validate(url, form, signature)
        params = {**dict(parse_qsl(parts.query, keep_blank_values=True)), **form}
        said = self.app.answer(Asked(self.command, parts.path, params, dict(self.headers.items()), signed))
        time.sleep(said.delay)
        with contextlib.suppress(OSError):  # nobody waits for it any more
            self.send_response(said.status)
            self.send_header("Content-Type", said.kind)
            self.end_headers()
            self.wfile.write(said.encoded())

    def log_message(self, *_: object) -> None:
        """Quiet."""


@contextlib.contextmanager
def app_running() -> Iterator[App]:
    """An app on loopback."""
    app = App()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"app": app}))
    server.daemon_threads = False
    app.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield app
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Stage:
    """A running simulator. `speech` is the share of real time that talk and pauses take."""

    def __init__(self, account: Account, *, speech: float = 0.001, clock: Clock | None = None) -> None:
        self.account, self.speech, self.clock = account, speech, clock
        self.port = 0
        self._ready = threading.Event()

    @contextlib.contextmanager
    def running(self) -> Iterator[Stage]:
        """Until the end of the block."""
        thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        thread.start()
        assert self._ready.wait(SOON)
        try:
            yield self
        finally:
            self.loop.call_soon_threadsafe(self._stop.set)
            thread.join()

    async def _run(self) -> None:
        self.loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self.exchange = Exchange(
            self.account, Webhooks(self.account, pause=0.001), speech=self.speech, clock=self.clock
        )
        async with serving(Rest(self.exchange).handle, "127.0.0.1", 0) as self.port:
            self._ready.set()
            await self._stop.wait()
        await self.exchange.close()

    @property
    def url(self) -> str:
        """Where its REST API is."""
        return f"http://127.0.0.1:{self.port}"

    def until(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for something in the simulator's loop."""
        return asyncio.run_coroutine_threadsafe(asyncio.wait_for(work, SOON), self.loop).result()

    def do(self, act: Callable[[], T]) -> T:
        """Do something in the simulator's loop, in one go."""

        async def acting() -> T:
            return act()

        return self.until(acting())

    def dial(self, **options: Any) -> Call:
        """Somebody calls."""
        return self.do(lambda: self.exchange.dial(CALLER, self.account.number, **options))

    def phone(self, identity: str, url: str) -> Call:
        """An agent's phone calls."""
        return self.do(lambda: self.exchange.dial(f"client:{identity}", "", url=url, identity=identity))

    def reaches(self, call: Call, stage: str) -> None:
        """Wait until the call does this."""
        assert self.until(call.reaches(stage)), call.journal

    def press(self, call: Call, keys: str) -> None:
        """The caller presses keys."""
        for key in keys:
            self.do(partial(call.keys.put_nowait, key))

    def hang_up(self, call: Call) -> None:
        """The caller hangs up."""
        self.do(lambda: call.interrupt(HungUp("caller")))

    def ended(self, call: Call) -> dict[str, Any]:
        """Wait for the end, and for the last webhook; gives the call's journal."""
        self.until(call.over.wait())
        return call.journal

    def drained(self) -> None:
        """Wait until nothing is under way."""
        self.until(self.exchange.drained())

    def live_through(self, **options: Any) -> dict[str, Any]:
        """A call whose TwiML comes to its end by itself; gives its journal."""
        call = self.dial(**options)
        self.ended(call)
        self.drained()
        return call.journal


def as_json(value: Any) -> Said:
    """An answer that is JSON."""
    return Said(json.dumps(value), kind="application/json", raw=True)
