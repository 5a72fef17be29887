"""Webhooks as Twilio sends them: signed, with time-outs, retries and the overrides an app puts behind a URL's #."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import Callable, Mapping
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
        """Read a fragment; what is not understood is left at Twilio's default, what is too much cut to its range."""
        asked = dict(parse_qsl(fragment))

        def number(name: str, least: int, most: int, default: int) -> int:
            text = asked.get(name, "")
            return min(max(int(text), least), most) if text.isascii() and text.isdecimal() else default

        return cls(
            retries=number("rc", 0, 5, 1),
            policy=frozenset(asked.get("rp", "ct").split(",")),
            connect=number("ct", 100, 10_000, 5_000) / 1000,
            read=number("rt", 100, 15_000, 15_000) / 1000,
            total=number("tt", 100, 15_000, 15_000) / 1000,
        )

    def repeat(self, failure: str) -> bool:
        """Whether a failure (`ct`, `rt`, `4xx`, `5xx`) is tried again."""
        return failure in self.policy or "all" in self.policy

    def timeout(self, spent: float) -> urllib3.Timeout:
        """The limits of an attempt, when `spent` seconds of the total are gone."""
        left = max(self.total - spent, 0.001)
        return urllib3.Timeout(connect=min(self.connect, left), read=min(self.read, left), total=left)


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
        return not self.failure


@dataclass(frozen=True, slots=True)
class Sent:
    """One attempt, for whoever watches: `at` in seconds since the epoch, `note` of what it is a repetition."""

    url: str
    params: Mapping[str, str]
    method: str
    heard: bool
    token: str
    attempt: int
    at: float
    seconds: float
    answer: Answer
    note: str = ""


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

    def __init__(self, account: Account, *, pause: float = 0.2) -> None:
        self.account = account
        self.pause = pause
        """Seconds before the first retry; twice as long before each further one."""
        self.figures = Figures()
        self.observe: Callable[[Sent], None] | None = None
        self._threads = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="webhook")
        self._pool = urllib3.PoolManager(maxsize=CONNECTIONS, block=False, retries=False)
        self._under_way: set[asyncio.Future[Answer]] = set()

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
        """Send one, and again where the app asked for it. `heard`: a caller waits for the answer.

        `token` makes it the same as another one, and `note` tells whoever observes why.
        """
        bare, _, fragment = url.partition("#")
        overrides, token = Overrides.of(fragment), token or secrets.token_hex(16)
        began = time.monotonic()
        for attempt in range(overrides.retries + 1):
            since = time.monotonic()
            timeout = overrides.timeout(since - began)
            answer = await self._one(bare, params, method, timeout, token)
            if self.observe is not None:
                seconds = time.monotonic() - since
                at = time.time() - seconds
                self.observe(Sent(url, params, method, heard, token, attempt, at, seconds, answer, note))
            if heard:
                self.figures.milliseconds.append((time.monotonic() - since) * 1000)
            if answer.ok:
                return answer
            self.figures.by_failure[answer.failure] += 1
            pause = self.pause * 2**attempt
            late = time.monotonic() - began + pause >= overrides.total
            if late or attempt == overrides.retries or not overrides.repeat(answer.failure):
                break
            await asyncio.sleep(pause)
        self.figures.errors += 1
        return answer

    def signature(self, url: str, params: Mapping[str, str], method: str) -> str:
        """What a request is signed with; empty where the URL is none."""
        form = {} if method == "GET" else params
        try:
            return self.account.signature(self._addressed(url, {} if form else params)[0], form)
        except ValueError:
            return ""

    async def settled(self) -> None:
        """Wait for the answers that nobody waits for any more: of calls that were broken off."""
        while self._under_way:
            await asyncio.wait(self._under_way)

    async def close(self) -> None:
        """Wait for those under way, and close the connections."""
        await self.settled()
        self._threads.shutdown()
        self._pool.clear()

    async def _one(
        self, url: str, params: Mapping[str, str], method: str, timeout: urllib3.Timeout, token: str
    ) -> Answer:
        """One attempt. It arrives even if the call is broken off meanwhile, as what is on its way does."""
        self.figures.sent += 1
        asking = asyncio.get_running_loop().run_in_executor(
            self._threads, self._ask, url, dict(params), method, timeout, token
        )
        self._under_way.add(asking)
        asking.add_done_callback(self._under_way.discard)
        return await asyncio.shield(asking)

    def _ask(self, url: str, params: dict[str, str], method: str, timeout: urllib3.Timeout, token: str) -> Answer:
        form = {} if method == "GET" else params
        body = urlencode(form) if form else None
        try:
            signed, target, headers = self._addressed(url, params if method == "GET" else {})
            headers |= {
                "User-Agent": "TwilioProxy/1.1",
                "I-Twilio-Idempotency-Token": token,
                "X-Twilio-Signature": self.account.signature(signed, form),
            }
            if form:
                headers["Content-Type"] = "application/x-www-form-urlencoded; charset=UTF-8"
            answer = self._pool.request(method, target, body=body, headers=headers, timeout=timeout, redirect=False)
        except ValueError:  # not a URL
            return Answer(0, failure="url")
        except (urllib3.exceptions.ConnectTimeoutError, urllib3.exceptions.NewConnectionError):
            return Answer(0, failure="ct")
        except urllib3.exceptions.HTTPError:
            return Answer(0, failure="rt")
        failure = "" if 200 <= answer.status < 300 else f"{answer.status // 100}xx"
        return Answer(answer.status, answer.data, answer.headers.get("Content-Type", ""), failure)

    def _addressed(self, url: str, query: Mapping[str, str]) -> tuple[str, str, dict[str, str]]:
        """(URL to sign, URL to connect to, headers): the same, unless a proxy is played."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https"):
            raise ValueError(url)
        if query:
            parts = parts._replace(query="&".join(filter(None, (parts.query, urlencode(query)))))
        account, public = self.account, urlsplit(self.account.public_url)
        if not (public.netloc or account.connect_to):
            return urlunsplit(parts), urlunsplit(parts), {}
        signed = parts._replace(scheme=public.scheme, netloc=public.netloc) if public.netloc else parts
        target = parts._replace(scheme="http", netloc=account.connect_to or parts.netloc)
        proxied = {"Host": signed.netloc, "X-Forwarded-Proto": signed.scheme, **account.proxy_headers}
        return urlunsplit(signed), urlunsplit(target), proxied
