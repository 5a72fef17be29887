"""How a request to Twilio is made: over one pool, in a limited time, again where that is safe, not while it is down.

Only what asks is repeated here. A command may have arrived although its answer did not, and it survives a crash as a
row: so the outbox repeats it, and knows what may be sent twice.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from .conf import get_config
from .constants import CircuitBreakerConfig, HTTPStatusCodes, RetryConfig
from .exceptions import NotSent, TelephonyError
from .retry import Backoff, CircuitBreaker, full_jitter

logger = logging.getLogger(__name__)

ASKING: Final = frozenset({"GET", "HEAD"})
MOST_RETRY_AFTER: Final = RetryConfig.RATE_LIMIT_MAX_DELAY
"""Seconds. What Twilio asks for beyond that is a mistake somewhere."""

COUNTED: Final = ("sent", "repeated", "failed", "left_alone", "opened")
counts: Final[Counter[str]] = Counter()
"""sent: requests; repeated: those among them that were sent again; failed: no answer, or one that means trouble at
Twilio's; left_alone: requests not sent while the breaker was open; opened: how often it opened."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP status, a body, and the headers by lower-case name."""

    status: int
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def retry_after(self) -> float | None:
        """Seconds after which Twilio wants to be asked again, said as a number or a date; None where it says none."""
        said = self.headers.get("retry-after", "").strip()
        if said.isascii() and said.isdecimal():
            return float(min(int(said[:9]), MOST_RETRY_AFTER))
        try:
            left = (parsedate_to_datetime(said).replace(tzinfo=UTC) - datetime.now(UTC)).total_seconds()
        except ValueError:
            return None
        return min(max(left, 0.0), MOST_RETRY_AFTER)


def rule_of(error: TelephonyError) -> str:
    """Which retry rule is for this error, as `get_retry_config` names them."""
    if error.status == HTTPStatusCodes.RATE_LIMITED:
        return "rate_limit"
    if error.timed_out:
        return "timeout"
    return "connection" if error.status is None else "default"


def backoff_for(error: TelephonyError, *, at: str) -> Backoff:
    """How an error is followed by another try, at a place that has a rule of its own: "request" or "outbox"."""
    config = get_config()
    own, place = (Backoff.from_config(config.get_retry_config(name)) for name in (rule_of(error), at))
    return own.within(place)


Ask = Callable[[float], Answer]
"""Sends the request, with so many seconds left. Raises `NotSent` when it cannot have arrived, else `TelephonyError`."""


class Policy:
    """Sends requests of one client, `deadline` seconds at most for each with its repetitions."""

    def __init__(
        self,
        *,
        deadline: float,
        breaker: CircuitBreaker | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = full_jitter,
    ) -> None:
        self.deadline = deadline
        self.breaker = breaker or CircuitBreaker(
            threshold=CircuitBreakerConfig.TWILIO_API_THRESHOLD, recovery=CircuitBreakerConfig.TWILIO_API_RECOVERY
        )
        self._clock, self._sleep, self._jitter = clock, sleep, jitter

    def send(self, method: str, ask: Ask) -> Answer:
        """The answer, whatever its status. Raises `TelephonyError` where none came."""
        began, attempt = self._clock(), 1
        while True:
            answer, lost = self._once(ask, self.deadline - (self._clock() - began))
            if answer is not None and answer.status != HTTPStatusCodes.RATE_LIMITED and answer.status < 500:
                return answer
            failed = lost or TelephonyError("refused", status=answer.status if answer is not None else None)
            backoff = backoff_for(failed, at="request")
            wait = answer.retry_after if answer is not None else None
            wait = backoff.delay(attempt, jitter=self._jitter) if wait is None else wait
            late = self._clock() - began + wait >= self.deadline
            if method not in ASKING or attempt > backoff.max_retries or late:
                if answer is None:
                    raise failed
                return answer
            counts["repeated"] += 1
            self._sleep(wait)
            attempt += 1

    def _once(self, ask: Ask, left: float) -> tuple[Answer | None, TelephonyError | None]:
        if not self.breaker.allows():
            counts["left_alone"] += 1
            raise NotSent("Twilio is left alone for a while, it failed too often", retryable=True)
        counts["sent"] += 1
        try:
            answer = ask(left)
        except TelephonyError as error:
            self._failed()
            return None, error
        if answer.status >= HTTPStatusCodes.INTERNAL_SERVER_ERROR:
            self._failed()
        else:
            self.breaker.succeeded()
        return answer, None

    def _failed(self) -> None:
        counts["failed"] += 1
        was_open = self.breaker.is_open
        self.breaker.failed()
        if self.breaker.is_open and not was_open:
            counts["opened"] += 1
            logger.error("Twilio failed %s times in a row and is left alone for a while", self.breaker.threshold)


def http_client(*, api_base_url: str, timeout: float, pool_size: int, policy: Policy | None = None) -> Any:
    """Twilio's pluggable HTTP client over urllib3, told to talk to `api_base_url` instead where one is set."""
    import urllib3
    from twilio.http import HttpClient
    from twilio.http.response import Response

    pool = urllib3.PoolManager(maxsize=pool_size, retries=False)
    sending = policy or Policy(deadline=timeout)
    unsent = (urllib3.exceptions.ConnectTimeoutError, urllib3.exceptions.NewConnectionError)

    class PooledHttpClient(HttpClient):  # type: ignore[misc]  # the base class is untyped
        def __init__(self) -> None:
            super().__init__(logging.getLogger("twilio.http_client"), is_async=False)

        def request(
            self,
            method: str,
            url: str,
            params: Any = None,
            data: Any = None,
            headers: Any = None,
            auth: Any = None,
            **_: Any,
        ) -> Response:
            headers = {**(headers or {}), **urllib3.make_headers(basic_auth=":".join(auth) if auth else None)}
            target, body = _rehosted(url, api_base_url), None
            if data:
                body = urlencode(data, doseq=True)
                headers["Content-Type"] = "application/x-www-form-urlencoded"

            def ask(left: float) -> Answer:
                limits = urllib3.Timeout(total=max(left, 0.001))
                try:
                    came = pool.request(
                        method, target, fields=params or None, body=body, headers=headers, timeout=limits
                    )
                except urllib3.exceptions.HTTPError as error:
                    kind = NotSent if isinstance(error, unsent) else TelephonyError
                    host = urlsplit(target).netloc
                    timed_out = isinstance(error, urllib3.exceptions.TimeoutError)
                    raise kind(
                        f"no answer from {host}: {type(error).__name__}", retryable=True, timed_out=timed_out
                    ) from error
                return Answer(came.status, came.data.decode(), {k.lower(): v for k, v in came.headers.items()})

            return checked(sending.send(method, ask))

    def checked(answer: Answer) -> Response:
        if answer.status == HTTPStatusCodes.RATE_LIMITED:
            raise TelephonyError(
                "too many requests", status=answer.status, retryable=True, retry_after=answer.retry_after
            )
        return Response(answer.status, answer.body, urllib3.HTTPHeaderDict(answer.headers))

    return PooledHttpClient()


def _rehosted(url: str, base: str) -> str:
    """The same path and query at another address: how the simulator stands in for Twilio."""
    if not base:
        return url
    parts, host = urlsplit(url), urlsplit(base)
    return parts._replace(scheme=host.scheme, netloc=host.netloc).geturl()
