"""The one seam to Twilio's REST API: what we ask of it, the real client, and its errors in our words."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

from .conf import get_config
from .constants import CallStatus, HTTPStatusCodes
from .exceptions import CallNotInProgress, TelephonyError
from .transport import http_client

if TYPE_CHECKING:
    from twilio.rest import Client

CALL_NOT_IN_PROGRESS: Final = 21220
NOT_FOUND: Final = 20404
DUPLICATE_LABEL: Final = 16025
RECORDINGS_PAGE: Final = 1000
LATEST: Final = 20
"""So many of the latest calls to a number are looked through for one of ours."""


@dataclass(frozen=True, slots=True)
class TwilioCall:
    """A leg as Twilio remembers it; `duration` in seconds, None while it lives.

    Of a leg that was made just now Twilio may not say when: `created_at` is None.
    """

    sid: str
    status: str
    from_number: str
    to_number: str
    direction: str
    created_at: datetime | None
    duration: int | None = None

    @property
    def is_live(self) -> bool:
        """Whether it has not ended."""
        return self.status not in CallStatus.COMPLETED_STATUSES


@dataclass(frozen=True, slots=True)
class TwilioRecording:
    """A recording as Twilio remembers it; `duration` in seconds, None while it goes on, `url` of its sound."""

    sid: str
    status: str
    source: str
    call_sid: str
    conference_sid: str
    created_at: datetime
    duration: int | None = None
    url: str = ""


class Telephony(Protocol):
    """What the call center asks of Twilio. Tests pass an object of their own."""

    def redirect_call(self, *, sid: str, url: str) -> None:
        """Have a live call go on with the TwiML at `url`. Raises `CallNotInProgress` when it has ended."""

    def create_call(self, *, to: str, url: str, status_url: str) -> str:
        """Call a number; when it is answered the TwiML at `url` goes on. `status_url` is told how the call goes.

        Answers the CallSid. Not idempotent: only `NotSent` and status 429 say that there is no such call.
        """

    def end_call(self, *, sid: str) -> None:
        """End a live call. Raises `CallNotInProgress` when it has ended, or Twilio knows of none."""

    def call(self, *, sid: str) -> TwilioCall | None:
        """What Twilio knows of a call; None where it knows of none."""

    def calls_made(self, *, to: str, since: datetime) -> list[TwilioCall]:
        """Calls we made to a number since then, the latest first."""

    def live_calls(self, *, most: int) -> list[TwilioCall]:
        """Legs of the account that have not ended, `most` of them at most."""

    def recording(self, *, sid: str) -> TwilioRecording | None:
        """What Twilio knows of a recording; None where it knows of none."""

    def recordings(self, *, since: datetime, until: datetime) -> Iterator[TwilioRecording]:
        """Recordings that were begun in that time, the latest first, read page by page."""

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

    def create_call(self, *, to: str, url: str, status_url: str) -> str:
        """See `Telephony`."""
        from twilio.base.exceptions import TwilioRestException

        try:
            made = self._client.calls.create(
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
        return str(made.sid)

    def end_call(self, *, sid: str) -> None:
        """See `Telephony`."""
        with _gone_is_over():
            self._update(sid, status="completed")

    def call(self, *, sid: str) -> TwilioCall | None:
        """See `Telephony`."""
        from twilio.base.exceptions import TwilioRestException

        try:
            return _read(self._client.calls(sid).fetch())
        except TwilioRestException as error:
            if error.status == HTTPStatusCodes.NOT_FOUND:
                return None
            raise _translated(error) from error

    def calls_made(self, *, to: str, since: datetime) -> list[TwilioCall]:
        """See `Telephony`. Not by StartTime: a call that Twilio holds back has none yet."""
        found = self._list(most=LATEST, to=to, from_=get_config().twilio_phone_number)
        outbound = (call for call in found if call.direction == "outbound-api")
        return [call for call in outbound if call.created_at is None or call.created_at >= since]

    def live_calls(self, *, most: int) -> list[TwilioCall]:
        """See `Telephony`."""
        found: list[TwilioCall] = []
        for status in (CallStatus.IN_PROGRESS, CallStatus.RINGING, CallStatus.QUEUED):
            if len(found) < most:
                found += self._list(most=most - len(found), status=status)
        return found

    def _list(self, *, most: int, **wanted: str) -> Iterable[TwilioCall]:
        from twilio.base.exceptions import TwilioException

        try:
            return [_read(call) for call in self._client.calls.list(limit=most, **wanted)]
        except TwilioException as error:  # a page that cannot be had is none of the library's REST errors
            raise TelephonyError(f"no list of calls: {type(error).__name__}", retryable=True) from error

    def recording(self, *, sid: str) -> TwilioRecording | None:
        """See `Telephony`."""
        from twilio.base.exceptions import TwilioRestException

        try:
            return _read_recording(self._client.recordings(sid).fetch())
        except TwilioRestException as error:
            if error.status == HTTPStatusCodes.NOT_FOUND:
                return None
            raise _translated(error) from error

    def recordings(self, *, since: datetime, until: datetime) -> Iterator[TwilioRecording]:
        """See `Telephony`. What Twilio documents for its filter is whole days, so the moments are compared here."""
        from twilio.base.exceptions import TwilioException

        try:
            found = self._client.recordings.stream(date_created_after=since, page_size=RECORDINGS_PAGE)
            # One that was begun just now may have no date yet: it is asked for again when it is older.
            for recording in map(_read_recording, (each for each in found if each.date_created is not None)):
                if recording.created_at < since:
                    return
                if recording.created_at <= until:
                    yield recording
        except TwilioException as error:
            raise TelephonyError(f"no list of recordings: {type(error).__name__}", retryable=True) from error

    def update_participant(self, *, conference: str, sid: str, changes: Mapping[str, Any]) -> None:
        """See `Telephony`."""
        with _gone_is_over():
            self._ask(lambda: self._client.conferences(conference).participants(sid).update(**changes))

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


def _read(call: Any) -> TwilioCall:
    return TwilioCall(
        sid=call.sid,
        status=str(getattr(call.status, "value", call.status)),
        from_number=call._from or "",
        to_number=call.to or "",
        direction=call.direction or "",
        created_at=call.date_created,
        duration=int(call.duration) if call.duration else None,
    )


def _read_recording(recording: Any) -> TwilioRecording:
    return TwilioRecording(
        sid=recording.sid,
        status=str(getattr(recording.status, "value", recording.status)),
        source=str(getattr(recording.source, "value", recording.source)),
        call_sid=recording.call_sid or "",
        conference_sid=recording.conference_sid or "",
        created_at=recording.date_created,
        duration=int(recording.duration) if recording.duration else None,
        url=recording.media_url or "",
    )


@contextmanager
def _gone_is_over() -> Iterator[None]:
    """A leg that Twilio does not find has ended, and has left its conference."""
    try:
        yield
    except TelephonyError as error:
        if error.code == NOT_FOUND:
            raise CallNotInProgress(str(error), code=error.code, status=error.status) from error
        raise


def _translated(error: Any) -> TelephonyError:
    """Twilio's error in our words. Only 429 says for sure that nothing was done."""
    if error.code == CALL_NOT_IN_PROGRESS:
        return CallNotInProgress(str(error.msg), code=error.code, status=error.status)
    retryable = error.status == HTTPStatusCodes.RATE_LIMITED or error.status >= HTTPStatusCodes.INTERNAL_SERVER_ERROR
    return TelephonyError(str(error.msg), code=error.code, status=error.status, retryable=retryable)


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
    """A client of its own; `timeout` in seconds for a request with its repetitions, `pool_size` connections kept."""
    from twilio.rest import Client  # 0.4 s to import

    over = http_client(api_base_url=api_base_url, timeout=timeout, pool_size=pool_size)
    client = Client(username, password, account_sid, region=region or None, edge=edge or None, http_client=over)
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
