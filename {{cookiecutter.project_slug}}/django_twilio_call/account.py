"""The account with Twilio: its number, TwiML Apps and API keys, what Twilio decides about it, and what it reaches."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from .conf import get_config
from .exceptions import TelephonyError
from .telephony import connect

if TYPE_CHECKING:
    from twilio.rest import Client

NUMBER_SETTINGS: Final = (
    "voice_url",
    "voice_method",
    "voice_fallback_url",
    "voice_fallback_method",
    "status_callback",
    "status_callback_method",
    "voice_application_sid",
    "trunk_sid",
)
"""In Twilio's words. With an application or a trunk, Twilio does not look at the URLs."""


@dataclass(frozen=True, slots=True)
class Number:
    """A phone number; `settings` has a text for each of `NUMBER_SETTINGS`, empty where there is none."""

    sid: str
    number: str
    settings: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class App:
    """A TwiML App."""

    sid: str
    name: str
    voice_url: str
    voice_method: str


@dataclass(frozen=True, slots=True)
class Standing:
    """`type` is Trial or Full, `status` active, suspended or closed, `at` what time Twilio has, if it says."""

    type: str
    status: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What an address answered; status 0: nothing did, and `problem` says why."""

    status: int
    content_type: str = ""
    location: str = ""
    problem: str = ""


class TwilioAccount:
    """Asks and sets. Raises `TelephonyError` where Twilio refuses or does not answer."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def number(self, phone_number: str) -> Number | None:
        """The number in this account."""
        with _asking("IncomingPhoneNumbers"):
            found = self._client.incoming_phone_numbers.list(phone_number=phone_number, limit=20)
        return next((_number(each) for each in found if each.phone_number == phone_number), None)

    def set_number(self, sid: str, **settings: str) -> None:
        """Change some of `NUMBER_SETTINGS`."""
        with _asking(f"IncomingPhoneNumbers/{sid}"):
            self._client.incoming_phone_numbers(sid).update(**settings)

    def apps(self) -> list[App]:
        """All TwiML Apps."""
        with _asking("Applications"):
            found = self._client.applications.list()
        return [App(each.sid, each.friendly_name, each.voice_url or "", each.voice_method or "") for each in found]

    def make_app(self, name: str, voice_url: str) -> str:
        """A new TwiML App; gives its SID."""
        with _asking("Applications"):
            made = self._client.applications.create(friendly_name=name, voice_url=voice_url, voice_method="POST")
        return str(made.sid)

    def set_app(self, sid: str, voice_url: str) -> None:
        """Have a TwiML App ask there."""
        with _asking(f"Applications/{sid}"):
            self._client.applications(sid).update(voice_url=voice_url, voice_method="POST")

    def keys(self) -> dict[str, str]:
        """SID -> name of the API keys."""
        with _asking("Keys"):
            return {each.sid: each.friendly_name or "" for each in self._client.keys.list()}

    def make_key(self, name: str) -> tuple[str, str]:
        """A new API key: SID, and the secret, which nobody is told again."""
        with _asking("Keys"):
            made = self._client.new_keys.create(friendly_name=name)
        return str(made.sid), str(made.secret)

    def standing(self) -> Standing:
        """What Twilio thinks of the account."""
        with _asking("Accounts"):
            answer = self._client.request("GET", f"{self._client.api.base_url}/2010-04-01/Accounts/{self._sid}.json")
        if answer.status_code != 200:
            raise TelephonyError(f"Accounts/{self._sid}: HTTP {answer.status_code}", status=answer.status_code)
        said = json.loads(answer.text)
        date = {name.lower(): value for name, value in (answer.headers or {}).items()}.get("date", "")
        return Standing(said["type"], said["status"], parsedate_to_datetime(date) if date else None)

    def voice_region(self, phone_number: str) -> str:
        """In which region Twilio handles calls to the number."""
        with _asking("routes: PhoneNumbers"):
            return str(self._client.routes.v2.phone_numbers(phone_number).fetch().voice_region or "us1")

    def callable_codes(self) -> set[str]:
        """Calling codes (`49`) of the countries that may be called."""
        with _asking("voice: DialingPermissions"):
            found = self._client.voice.v1.dialing_permissions.countries.list(low_risk_numbers_enabled=True)
        return {code.lstrip("+") for country in found for code in country.country_codes}

    def approved_profiles(self) -> int:
        """How many customer profiles Twilio has approved."""
        with _asking("trusthub: CustomerProfiles"):
            return len(self._client.trusthub.v1.customer_profiles.list(status="twilio-approved", limit=20))

    def newest_recording(self) -> str:
        """Address of a recording's sound; empty without one."""
        with _asking("Recordings"):
            found = self._client.recordings.list(limit=1)
        base = get_config().twilio_api_base_url or self._client.get_hostname(self._client.api.base_url)
        return f"{base}/2010-04-01/Accounts/{self._sid}/Recordings/{found[0].sid}.mp3" if found else ""

    @property
    def _sid(self) -> str:
        return str(self._client.account_sid)


def get_account(*, token: str = "", api_key: bool = False) -> TwilioAccount:
    """By the auth token (or another one): a standard API key may not look at keys. `api_key`: by that all the same."""
    config = get_config()
    username, password = config.twilio_account_sid, token or config.twilio_auth_token
    if api_key:
        username, password = config.twilio_api_key, config.twilio_api_secret
    telephony = connect(
        account_sid=config.twilio_account_sid,
        username=username,
        password=password,
        api_base_url=config.twilio_api_base_url,
        region=config.twilio_region,
        edge=config.twilio_edge,
        timeout=config.request_timeout,
        pool_size=1,
    )
    return TwilioAccount(telephony.client)


def ask(method: str, url: str, *, token: str = "") -> Answer:
    """Ask an address as Twilio would, signed if there is a token, and follow no redirect."""
    import urllib3
    from twilio.request_validator import RequestValidator

    form = {"AccountSid": get_config().twilio_account_sid} if method == "POST" else {}
    headers = {"Content-Type": "application/x-www-form-urlencoded"} if form else {}
    if token:
        headers["X-Twilio-Signature"] = RequestValidator(token).compute_signature(url, form)
    options: dict[str, Any] = {"timeout": get_config().request_timeout, "redirect": False, "retries": False}
    try:
        answer = urllib3.request(method, url, body=urlencode(form) or None, headers=headers, **options)
    except urllib3.exceptions.HTTPError as error:
        return Answer(0, problem=type(error).__name__)
    return Answer(answer.status, answer.headers.get("Content-Type", ""), answer.headers.get("Location", ""))


def _number(found: Any) -> Number:
    return Number(found.sid, found.phone_number, {name: getattr(found, name) or "" for name in NUMBER_SETTINGS})


@contextmanager
def _asking(what: str) -> Iterator[None]:
    """Twilio's errors in our words. Of a list that is refused, its client tells no more than the answer."""
    from twilio.base.exceptions import TwilioException, TwilioRestException

    try:
        yield
    except TwilioRestException as error:
        raise TelephonyError(f"{what}: {error.msg}", code=error.code, status=error.status) from error
    except TwilioException as error:
        status = getattr(error.args[-1], "status_code", None)
        raise TelephonyError(f"{what}: {error.args[0]} (HTTP {status})", status=status) from error
