"""Stand-ins at the seams: Twilio's REST API, and Twilio as it calls us."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from xml.etree import ElementTree as ET

from django.conf import settings
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from twilio.request_validator import RequestValidator

from django_twilio_call.conf import get_config
from django_twilio_call.telephony import TwilioCall, TwilioRecording

CALLER = "+14155550100"
NUMBER = "+15550100000"


def call_sid(number: int) -> str:
    """A CallSid of its own for each number."""
    return f"CA{number:032x}"


@dataclass
class FakeTelephony:
    """Remembers what it was asked; `error`, if set, is raised once. `calls` is what Twilio knows of.

    A call is made, if `makes` says so, even where an error follows: as when the answer got lost.
    """

    asked: list[tuple[str, ...]] = field(default_factory=list)
    error: Exception | None = None
    calls: dict[str, TwilioCall] = field(default_factory=dict)
    makes: bool = True
    recorded: dict[str, TwilioRecording] = field(default_factory=dict)
    sids: list[str] = field(default_factory=list)
    """Those of the next calls that are made."""

    def redirect_call(self, *, sid: str, url: str) -> None:
        """Remember."""
        self._ask("redirect", sid, url)

    def create_call(self, *, to: str, url: str, status_url: str) -> str:
        """Remember, and make a call of its own for each."""
        sid = self.sids.pop(0) if self.sids else call_sid(0xC0000000 + len(self.calls))
        if self.makes:
            self.knows(sid, to_number=to, from_number=NUMBER, direction="outbound-api", status="queued")
        self._ask("create", to, url, status_url)
        return sid

    def end_call(self, *, sid: str) -> None:
        """Remember."""
        self._ask("end", sid)

    def knows(self, sid: str, **fields: Any) -> None:
        """Twilio knows of this call from now on: a caller's, live, if nothing else is said."""
        usual = {"status": "in-progress", "from_number": CALLER, "to_number": NUMBER, "direction": "inbound"}
        self.calls[sid] = TwilioCall(sid=sid, **{"created_at": timezone.now(), **usual, **fields})

    def call(self, *, sid: str) -> TwilioCall | None:
        """What is known of it."""
        self._ask("call", sid)
        return self.calls.get(sid)

    def calls_made(self, *, to: str, since: datetime) -> list[TwilioCall]:
        """Those that were made."""
        self._ask("made", to)
        made = [call for call in self.calls.values() if call.direction == "outbound-api" and call.to_number == to]
        return [call for call in made if call.created_at is None or call.created_at >= since]

    def live_calls(self, *, most: int) -> list[TwilioCall]:
        """Those that have not ended."""
        self._ask("live")
        return [call for call in self.calls.values() if call.is_live][:most]

    def recording(self, *, sid: str) -> TwilioRecording | None:
        """What is known of it."""
        self._ask("recording", sid)
        return self.recorded.get(sid)

    def recordings(self, *, since: datetime, until: datetime) -> Iterator[TwilioRecording]:
        """Those of that time, the latest first."""
        self._ask("recordings", since.isoformat(), until.isoformat())
        found = [each for each in self.recorded.values() if since <= each.created_at <= until]
        return iter(sorted(found, key=lambda each: each.created_at, reverse=True))

    def update_participant(self, *, conference: str, sid: str, changes: Mapping[str, Any]) -> None:
        """Remember."""
        self._ask("participant", conference, sid, *(f"{name}={value}" for name, value in sorted(changes.items())))

    def add_participant(self, *, conference: str, to: str, label: str, status_url: str) -> None:
        """Remember."""
        self._ask("add", conference, to, label, status_url)

    def _ask(self, *what: str) -> None:
        self.asked.append(what)
        if (error := self.error) is not None:
            self.error = None
            raise error


class Twilio:
    """Twilio as it calls us: signs, posts, and reads the TwiML."""

    def __init__(self) -> None:
        config = get_config()
        self.account, self.base = config.twilio_account_sid, config.public_base_url
        self.token = config.twilio_auth_token
        self.client = Client(raise_request_exception=False)

    def signature(self, url: str, params: dict[str, str]) -> str:
        """X-Twilio-Signature for a request to `url` with a form."""
        return str(RequestValidator(self.token).compute_signature(url, params))

    def post(self, path: str, *, sid: str = call_sid(1), **params: str | int) -> HttpResponse:
        """One signed delivery for the call `sid`."""
        form = {
            "CallSid": sid,
            "AccountSid": self.account,
            "From": CALLER,
            "To": NUMBER,
            **{name: str(value) for name, value in params.items()},
        }
        signature = self.signature(self.base + path, form)
        return self.client.post(path, form, headers={"X-Twilio-Signature": signature})  # type: ignore[return-value]

    def say(self, path: str, *, sid: str = call_sid(1), **params: str | int) -> list[str]:
        """Names of the verbs answered to one delivery, outermost first, nested ones after a slash."""
        return verbs(self.post(path, sid=sid, **params))


def verbs(response: HttpResponse) -> list[str]:
    """`["Gather/Say", "Hangup"]` for a TwiML answer."""
    assert response.status_code == 200, (response.status_code, response.content)
    root = ET.fromstring(response.content)
    assert root.tag == "Response", root.tag
    return ["/".join((verb.tag, *(noun.tag for noun in verb))) for verb in root]


def uses_postgres() -> bool:
    """Whether these tests run on the real PostgreSQL."""
    return str(settings.DATABASES["default"]["ENGINE"]).endswith("postgresql")
