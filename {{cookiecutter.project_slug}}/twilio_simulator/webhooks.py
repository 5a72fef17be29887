"""Webhooks as Twilio sends them: signed, with time-outs, retries and the overrides an app puts behind a URL's #."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import urllib3

from .account import Account

LIMIT: Final = 15.0
"""Seconds after which Twilio gives up on any request of a call, whatever an app asks for."""

CONNECTIONS: Final = 64


@dataclass(frozen=True, slots=True)
class Overrides:
    """What an app may ask for behind `#`: `rc` retries, on `rp`, `ct`/`rt`/`tt` milliseconds."""

    retries: int = 1
    policy: frozenset[str] = frozenset({"ct"})
    connect: float = 5.0
    read: float = LIMIT
    total: float = LIMIT

    @classmethod
    def of(cls, fragment: str) -> Overrides:
        """Read a fragment; what is not understood is left at Twilio's default."""
        asked = dict(parse_qsl(fragment))

        def seconds(name: str, default: float) -> float:
            text = asked.get(name, "")
            return min(int(text) / 1000, LIMIT) if text.isdecimal() else default

        retries = asked.get("rc", "")
        return cls(
            retries=min(int(retries), 5) if retries.isdecimal() else 1,
            policy=frozenset(asked.get("rp", "ct").split(",")),
            connect=seconds("ct", 5.0),
            read=seconds("rt", LIMIT),
            total=seconds("tt", LIMIT),
        )

    def repeat(self, failure: str) -> bool:
        """Whether a failure (`ct`, `rt`, `4xx`, `5xx`) is tried again."""
        return failure in self.policy or "all" in self.policy


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: an HTTP status and a body, or 0 with the failure in Twilio's words."""

    status: int
    body: bytes = b""
    content_type: str = ""
    failure: str = ""

    @property
    def ok(self) -> bool:
        """Whether Twilio would go on with it."""
        return 200 <= self.status < 300


@dataclass(slots=True)
class Figures:
    """What webhooks came to: how many, how many ended badly, and how long those took that a caller waits for."""

    sent: int = 0
    errors: int = 0
    by_failure: Counter[str] = field(default_factory=Counter)
    milliseconds: list[float] = field(default_factory=list)

    def percentile(self, share: float) -> float:
        """The time within which `share` of the callers' webhooks were answered, in ms."""
        ordered = sorted(self.milliseconds)
        return round(ordered[min(int(len(ordered) * share), len(ordered) - 1)], 1) if ordered else 0.0


class Webhooks:
    """Sends them, many at a time, over connections that stay open."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.figures = Figures()
        self._threads = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="webhook")
        self._pool = urllib3.PoolManager(maxsize=CONNECTIONS, block=False, retries=False)

    async def send(self, url: str, params: Mapping[str, str], *, method: str = "POST", heard: bool) -> Answer:
        """Send one, and again where the app asked for it. `heard`: a caller waits for the answer."""
        bare, _, fragment = url.partition("#")
        overrides = Overrides.of(fragment)
        token = self.account.new_sid("")
        deadline = time.monotonic() + overrides.total
        for attempt in range(overrides.retries + 1):
            began = time.monotonic()
            request = (bare, dict(params), method, overrides, token)
            answer = await asyncio.get_running_loop().run_in_executor(self._threads, self._once, *request)
            self.figures.sent += 1
            if heard:
                self.figures.milliseconds.append((time.monotonic() - began) * 1000)
            if answer.ok:
                return answer
            self.figures.by_failure[answer.failure] += 1
            wait = 0.1 * 2**attempt if heard else 0.25 * 2**attempt
            if not overrides.repeat(answer.failure) or (heard and time.monotonic() + wait > deadline):
                break
            await asyncio.sleep(wait)
        self.figures.errors += 1
        return answer

    def close(self) -> None:
        """Wait for those under way."""
        self._threads.shutdown()
        self._pool.clear()

    def _once(self, url: str, params: dict[str, str], method: str, overrides: Overrides, token: str) -> Answer:
        public, target, headers = self._addressed(url, params if method == "GET" else {})
        form = {} if method == "GET" else params
        headers |= {
            "User-Agent": "TwilioProxy/1.1",
            "I-Twilio-Idempotency-Token": token,
            "X-Twilio-Signature": self.account.signature(public, form),
        }
        if form:
            headers["Content-Type"] = "application/x-www-form-urlencoded; charset=UTF-8"
        timeout = urllib3.Timeout(connect=overrides.connect, read=overrides.read)
        try:
            answer = self._pool.request(
                method, target, body=urlencode(form) if form else None, headers=headers, timeout=timeout, redirect=False
            )
        except (urllib3.exceptions.ConnectTimeoutError, urllib3.exceptions.NewConnectionError):
            return Answer(0, failure="ct")
        except urllib3.exceptions.HTTPError:
            return Answer(0, failure="rt")
        failure = "" if 200 <= answer.status < 300 else f"{answer.status // 100}xx"
        return Answer(answer.status, answer.data, answer.headers.get("Content-Type", ""), failure)

    def _addressed(self, url: str, query: Mapping[str, str]) -> tuple[str, str, dict[str, str]]:
        """(URL to sign, URL to connect to, headers): the same, unless a proxy is played."""
        parts = urlsplit(url)
        if query:
            parts = parts._replace(query="&".join(filter(None, (parts.query, urlencode(query)))))
        public = urlsplit(self.account.public_url)
        if not public.netloc:
            return urlunsplit(parts), urlunsplit(parts), {}
        signed = urlunsplit(parts._replace(scheme=public.scheme, netloc=public.netloc))
        target = urlunsplit(parts._replace(scheme="http", netloc=self.account.connect_to or parts.netloc))
        return signed, target, {"Host": public.netloc, **self.account.proxy_headers}
