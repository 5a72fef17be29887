"""Recordings at Twilio: their sound, in parts if wanted, their pause, and their end."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import urlencode

from .conf import Config, get_config
from .exceptions import CallNotInProgress, NotFound, RangeNotSatisfiable, TelephonyError

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

CHUNK: Final = 64 * 1024
REDIRECTS: Final = 3
_RANGE: Final = re.compile(r"bytes=(\d{1,15})?-(\d{1,15})?")


@dataclass(frozen=True, slots=True)
class Sound:
    """Bytes `first` to `last` of `total`; `last` is part of it, as in HTTP."""

    first: int
    last: int
    total: int
    chunks: Iterator[bytes] = field(repr=False)


class Media(Protocol):
    """What the call center asks of Twilio about recordings. Tests pass an object of their own."""

    def sound(self, *, sid: str, wanted: str = "") -> Sound:
        """The sound as WAV, or the part that the `Range` header `wanted` asks for.

        Raises `NotFound`, `RangeNotSatisfiable`, or `TelephonyError` where Twilio does not answer.
        """

    def delete(self, *, sid: str) -> None:
        """Delete a recording, or a transcription. One that is gone already is as good as deleted."""

    def set_paused(self, *, conference: str, sid: str, paused: bool) -> None:
        """Pause or resume a recording that goes on; silence takes its place. Raises `CallNotInProgress` if it ended."""


class TwilioMedia:
    """Over a pool of connections, with time-outs."""

    def __init__(self, config: Config) -> None:
        import urllib3

        self._pool = urllib3.PoolManager(
            maxsize=config.twilio_connection_pool_size,
            timeout=urllib3.Timeout(connect=config.request_timeout, read=config.request_timeout),
            # The sound may lie elsewhere; there our password is not shown.
            retries=urllib3.Retry(0, redirect=REDIRECTS, raise_on_redirect=False),
        )
        user = config.twilio_api_key or config.twilio_account_sid
        password = config.twilio_api_secret or config.twilio_auth_token
        self._headers = urllib3.make_headers(basic_auth=f"{user}:{password}")
        self._base = f"{_host(config)}/2010-04-01/Accounts/{config.twilio_account_sid}"

    def sound(self, *, sid: str, wanted: str = "") -> Sound:
        """See `Media`."""
        headers = {"Range": wanted} if wanted else {}
        answer = self._ask("GET", f"Recordings/{sid}.wav", headers, preload_content=False)
        try:
            return _read(answer, sid, wanted)
        except BaseException:  # whatever it is goes on up: the connection must not stay taken
            answer.release_conn()
            raise

    def delete(self, *, sid: str) -> None:
        """See `Media`."""
        kind = "Transcriptions" if sid.startswith("TR") else "Recordings"
        answer = self._ask("DELETE", f"{kind}/{sid}.json")
        if answer.status not in (200, 204, 404):
            raise _refused(answer)

    def set_paused(self, *, conference: str, sid: str, paused: bool) -> None:
        """See `Media`."""
        form = {"Status": "paused", "PauseBehavior": "silence"} if paused else {"Status": "in-progress"}
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        path = f"Conferences/{conference}/Recordings/{sid}.json"
        answer = self._ask("POST", path, headers, body=urlencode(form))
        if answer.status in (400, 404):
            raise CallNotInProgress("the recording has ended", status=answer.status)
        if answer.status >= 300:
            raise _refused(answer)

    def _ask(self, method: str, path: str, headers: dict[str, str] | None = None, **more: Any) -> BaseHTTPResponse:
        import urllib3

        try:
            return self._pool.request(
                method, f"{self._base}/{path}", headers={**self._headers, **(headers or {})}, **more
            )
        except urllib3.exceptions.HTTPError as error:
            timed_out = isinstance(error, urllib3.exceptions.TimeoutError)
            raise TelephonyError(
                f"no answer from Twilio: {type(error).__name__}", retryable=True, timed_out=timed_out
            ) from error


def _host(config: Config) -> str:
    if config.twilio_api_base_url:
        return config.twilio_api_base_url.rstrip("/")
    where = ".".join(part for part in ("api", config.twilio_edge, config.twilio_region) if part)
    return f"https://{where}.twilio.com"


def _refused(answer: BaseHTTPResponse) -> TelephonyError:
    retryable = answer.status == 429 or answer.status >= 500
    later = answer.headers.get("Retry-After", "")
    return TelephonyError(
        f"Twilio answered {answer.status}",
        status=answer.status,
        retryable=retryable,
        retry_after=float(later) if later.isdecimal() else None,
    )


def _read(answer: BaseHTTPResponse, sid: str, wanted: str) -> Sound:
    """The part that was wanted, whether Twilio sent that or, as it may, the whole."""
    if answer.status == 404:
        raise NotFound(f"recording {sid}")
    if answer.status == 416:
        raise RangeNotSatisfiable(f"{wanted} of recording {sid}")
    if answer.status == 206:
        found = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", answer.headers.get("Content-Range", ""))
        if found is None:
            raise TelephonyError("Twilio sent a part of a recording, and not which", status=206)
        first, last, total = map(int, found.groups())
        return Sound(first, last, total, _Part(answer, 0, last - first + 1))
    length = answer.headers.get("Content-Length", "")
    if answer.status != 200 or not length.isdecimal():
        raise _refused(answer)
    first, last = span_of(wanted, int(length))
    return Sound(first, last, int(length), _Part(answer, first, last - first + 1))


def span_of(wanted: str, total: int) -> tuple[int, int]:
    """First and last byte of a `Range` header; all of it for "", or for one that asks for several parts at once."""
    found = _RANGE.fullmatch(wanted)
    if found is None or not (found[1] or found[2]):
        if not total:
            raise RangeNotSatisfiable("the recording is empty")
        return 0, total - 1
    if found[1]:
        first, last = int(found[1]), min(int(found[2] or total), total - 1)
    else:
        first, last = max(0, total - int(found[2])), total - 1
    if first > last:
        raise RangeNotSatisfiable(f"{wanted} of {total} bytes")
    return first, last


class _Part:
    """So many bytes of an answer, after those that are skipped. To be closed, read or not: a server does that."""

    def __init__(self, answer: BaseHTTPResponse, skip: int, length: int) -> None:
        self._answer, self._skip, self._length = answer, skip, length
        self._chunks = answer.stream(CHUNK)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        while self._length:
            chunk = next(self._chunks)
            kept = chunk[self._skip : self._skip + self._length]
            self._skip = max(0, self._skip - len(chunk))
            self._length -= len(kept)
            if kept:
                return kept
        self.close()
        raise StopIteration

    def close(self) -> None:
        """What was not read is not wanted, and the connection with it."""
        self._answer.close()
        self._answer.release_conn()


@functools.cache
def get_media() -> Media:
    """The client of this process, made at the first use: after a fork."""
    return TwilioMedia(get_config())
