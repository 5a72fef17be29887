"""The one seam to Twilio's REST API: what we ask of it, the real client, and its errors in our words."""

from __future__ import annotations

import functools
import logging
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import urlencode, urlsplit

from .conf import get_config
from .exceptions import CallNotInProgress, TelephonyError

if TYPE_CHECKING:
    from twilio.rest import Client

CALL_NOT_IN_PROGRESS: Final = 21220
NOT_FOUND: Final = 20404
DUPLICATE_LABEL: Final = 16025
TOO_MANY_REQUESTS: Final = 429


class Telephony(Protocol):
    """What the call center asks of Twilio. Tests pass an object of their own."""

    def redirect_call(self, *, sid: str, url: str) -> None:
        """Have a live call go on with the TwiML at `url`. Raises `CallNotInProgress` when it has ended."""

    def create_call(self, *, to: str, url: str, status_url: str) -> None:
        """Call a number; when it is answered the TwiML at `url` goes on. `status_url` is told how the call goes."""

    def end_call(self, *, sid: str) -> None:
        """End a live call. Raises `CallNotInProgress` when it has ended."""

    def update_participant(self, *, conference: str, sid: str, changes: Mapping[str, Any]) -> None:
        """Change a leg's part in a conference (its sid): `hold`, `muted`, `coaching`, `end_conference_on_exit` …

        Raises `CallNotInProgress` when the leg, or the conference, is gone.
        """

    def add_participant(self, *, conference: str, to: str, label: str, status_url: str) -> None:
        """Call a number into a conference (its sid), once for each `label`; `status_url` is told how the call goes."""


class TwilioTelephony:
    """Twilio's own client over one pool of connections, with time-outs, and no retry of a POST that may have arrived.

    Repeating is the outbox's business: it survives a crash, and knows what may be sent twice.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    @property
    def client(self) -> Client:
        """Twilio's own client: `account.py` looks after the account with it."""
        return self._client

    def redirect_call(self, *, sid: str, url: str) -> None:
        """See `Telephony`."""
        self._update(sid, url=url, method="POST")

    def create_call(self, *, to: str, url: str, status_url: str) -> None:
        """See `Telephony`."""
        from twilio.base.exceptions import TwilioRestException

        try:
            self._client.calls.create(
                to=to,
                from_=get_config().twilio_phone_number,
                url=url,
                method="POST",
                status_callback=status_url,
                status_callback_method="POST",
                status_callback_event=["initiated", "ringing", "answered", "completed"],
            )
        except TwilioRestException as error:
            raise _translated(error) from error

    def end_call(self, *, sid: str) -> None:
        """See `Telephony`."""
        self._update(sid, status="completed")

    def update_participant(self, *, conference: str, sid: str, changes: Mapping[str, Any]) -> None:
        """See `Telephony`."""
        try:
            self._ask(lambda: self._client.conferences(conference).participants(sid).update(**changes))
        except TelephonyError as error:
            if error.code == NOT_FOUND:
                raise CallNotInProgress(str(error), code=error.code, status=error.status) from error
            raise

    def add_participant(self, *, conference: str, to: str, label: str, status_url: str) -> None:
        """See `Telephony`."""
        participants = self._client.conferences(conference).participants
        try:
            self._ask(
                lambda: participants.create(
                    to=to,
                    from_=get_config().twilio_phone_number,
                    label=label,
                    beep="false",
                    end_conference_on_exit=False,
                    status_callback=status_url,
                    status_callback_method="POST",
                    status_callback_event=["answered", "completed"],
                )
            )
        except TelephonyError as error:
            if error.code != DUPLICATE_LABEL:  # that one says the command had arrived before
                raise

    def _ask(self, act: Callable[[], object]) -> None:
        from twilio.base.exceptions import TwilioRestException

        try:
            act()
        except TwilioRestException as error:
            raise _translated(error) from error

    def _update(self, sid: str, **changes: str) -> None:
        from twilio.base.exceptions import TwilioRestException

        try:
            self._client.calls(sid).update(**changes)
        except TwilioRestException as error:
            raise _translated(error) from error


def _translated(error: Any) -> TelephonyError:
    """Twilio's error in our words. Only 429 says for sure that nothing was done; both our commands may be repeated."""
    if error.code == CALL_NOT_IN_PROGRESS:
        return CallNotInProgress(str(error.msg), code=error.code, status=error.status)
    retryable = error.status == TOO_MANY_REQUESTS or error.status >= 500
    return TelephonyError(str(error.msg), code=error.code, status=error.status, retryable=retryable)


def _http_client(*, api_base_url: str, timeout: float, pool_size: int) -> Any:
    """Twilio's pluggable HTTP client over urllib3, told to talk to `api_base_url` instead where one is set."""
    import urllib3
    from twilio.http import HttpClient
    from twilio.http.response import Response

    pool = urllib3.PoolManager(maxsize=pool_size, retries=False, timeout=urllib3.Timeout(connect=timeout, read=timeout))

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
            target = _rehosted(url, api_base_url)
            body = None
            if data:
                body = urlencode(data, doseq=True)
                headers["Content-Type"] = "application/x-www-form-urlencoded"
            try:
                answer = pool.request(method, target, fields=params or None, body=body, headers=headers)
            except urllib3.exceptions.HTTPError as error:
                host = urlsplit(target).netloc
                raise TelephonyError(f"no answer from {host}: {type(error).__name__}", retryable=True) from error
            retry_after = answer.headers.get("Retry-After", "")
            if answer.status == TOO_MANY_REQUESTS and re.fullmatch(r"\d{1,4}", retry_after):
                raise TelephonyError(
                    "too many requests", status=answer.status, retryable=True, retry_after=float(retry_after)
                )
            return Response(answer.status, answer.data.decode(), dict(answer.headers))

    return PooledHttpClient()


def _rehosted(url: str, base: str) -> str:
    """The same path and query at another address: how the simulator stands in for Twilio."""
    if not base:
        return url
    parts, host = urlsplit(url), urlsplit(base)
    return parts._replace(scheme=host.scheme, netloc=host.netloc).geturl()


def connect(
    *,
    account_sid: str,
    username: str,
    password: str,
    api_base_url: str = "",
    region: str = "",
    edge: str = "",
    timeout: float,
    pool_size: int,
) -> TwilioTelephony:
    """A client of its own; `timeout` in seconds, for connecting and for reading, `pool_size` connections kept."""
    from twilio.rest import Client  # 0.4 s to import

    http_client = _http_client(api_base_url=api_base_url, timeout=timeout, pool_size=pool_size)
    client = Client(username, password, account_sid, region=region or None, edge=edge or None, http_client=http_client)
    return TwilioTelephony(client)


@functools.cache
def get_telephony() -> Telephony:
    """The client of this process, made at the first use: after a fork, and not by a web process that never calls."""
    config = get_config()
    return connect(
        account_sid=config.twilio_account_sid,
        username=config.twilio_api_key or config.twilio_account_sid,
        password=config.twilio_api_secret or config.twilio_auth_token,
        api_base_url=config.twilio_api_base_url,
        region=config.twilio_region,
        edge=config.twilio_edge,
        timeout=config.request_timeout,
        pool_size=config.twilio_connection_pool_size,
    )
