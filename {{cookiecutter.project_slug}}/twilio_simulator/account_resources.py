"""The account as its owner sets it up: its phone number, TwiML Apps and API keys."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from . import shapes
from .account import Account
from .account_standing import Standing, missing, refused
from .calls import rfc2822
from .http import Reply, Request

FIRST_APP: Final = "AP" + "0" * 32
"""The TwiML App there is from the beginning, where agents' phones have an address."""

NUMBER_FIELDS: Final[Mapping[str, str]] = {
    "FriendlyName": "friendly_name",
    "VoiceUrl": "voice_url",
    "VoiceMethod": "voice_method",
    "VoiceFallbackUrl": "voice_fallback_url",
    "VoiceFallbackMethod": "voice_fallback_method",
    "StatusCallback": "status_callback",
    "StatusCallbackMethod": "status_callback_method",
    "VoiceApplicationSid": "voice_application_sid",
    "TrunkSid": "trunk_sid",
}
APP_FIELDS: Final = {name: NUMBER_FIELDS[name] for name in tuple(NUMBER_FIELDS)[:7]}
A_DAY: Final = 86_400
"""The longest life of a token, in seconds."""
METHODS: Final = ("GET", "POST")
Route = tuple[str, str, Callable[..., Reply]]


@dataclass(slots=True)
class Kept:
    """A resource as it was last set; `sid` and dates are its own."""

    sid: str
    values: dict[str, str]
    created: float = field(default_factory=time.time)
    updated: float = field(default_factory=time.time)

    def shown(self) -> shapes.Json:
        """What all resources have, and its values; an empty SID is none."""
        values = {name: value if value or not name.endswith("_sid") else None for name, value in self.values.items()}
        dates = {"date_created": rfc2822(self.created), "date_updated": rfc2822(self.updated)}
        return {"sid": self.sid, **dates, **values}


class AccountResources:
    """Takes effect at once: the next caller is answered at the voice URL that was set."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.number = Kept(account.new_sid("PN"), {**_blank(NUMBER_FIELDS), "friendly_name": account.number})
        self.apps: dict[str, Kept] = {}
        self.keys: dict[str, Kept] = {}
        self._secrets: dict[str, str] = {}
        if account.client_voice_url:
            self.apps[FIRST_APP] = Kept(FIRST_APP, {**_blank(APP_FIELDS), "friendly_name": "agents"})
        sid = r"([A-Z]{2}[0-9a-f]{32})"
        self.routes: tuple[Route, ...] = (
            ("GET", "IncomingPhoneNumbers", self._numbers),
            ("GET", f"IncomingPhoneNumbers/{sid}", self._number),
            ("POST", f"IncomingPhoneNumbers/{sid}", self._set_number),
            ("GET", "Applications", self._apps),
            ("POST", "Applications", self._new_app),
            ("GET", f"Applications/{sid}", self._app),
            ("POST", f"Applications/{sid}", self._set_app),
            ("DELETE", f"Applications/{sid}", self._drop_app),
            ("GET", "Keys", self._keys),
            ("POST", "Keys", self._new_key),
            ("GET", f"Keys/{sid}", self._key),
            ("DELETE", f"Keys/{sid}", self._drop_key),
            ("POST", "Tokens", self._new_token),
            *Standing(account).routes,
        )

    def knows(self, login: tuple[str, str]) -> bool:
        """Whether somebody may come in: with the account's token, or with an API key."""
        user, password = login
        return login == (self.account.sid, self.account.token) or self._secrets.get(user) == password

    # --- numbers ---

    def _numbers(self, request: Request) -> Reply:
        wanted = request.fields.get("PhoneNumber", "")
        rows = [self._shown_number()] if re.sub(r"[^+\d]", "", wanted) in self.account.number else []
        return Reply(200, shapes.page("incoming_phone_numbers", rows, request.path))

    def _number(self, _: Request, sid: str) -> Reply:
        return Reply(200, self._shown_number()) if sid == self.number.sid else missing(f"IncomingPhoneNumber {sid}")

    def _set_number(self, request: Request, sid: str) -> Reply:
        if sid != self.number.sid:
            return missing(f"IncomingPhoneNumber {sid}")
        if no := _refusal(request, NUMBER_FIELDS):
            return no
        asked = request.fields
        _set(self.number, request, NUMBER_FIELDS)
        account = self.account
        account.voice_url = asked.get("VoiceUrl", account.voice_url)
        account.fallback_url = asked.get("VoiceFallbackUrl", account.fallback_url)
        account.status_url = asked.get("StatusCallback", account.status_url)
        account.voice_method = asked.get("VoiceMethod", account.voice_method)
        account.fallback_method = asked.get("VoiceFallbackMethod", account.fallback_method)
        account.status_method = asked.get("StatusCallbackMethod", account.status_method)
        return Reply(200, self._shown_number())

    def _shown_number(self) -> shapes.Json:
        account = self.account
        urls = {
            "voice_url": account.voice_url,
            "voice_fallback_url": account.fallback_url,
            "status_callback": account.status_url,
        }
        nothing = "address_sid identity_sid emergency_address_sid bundle_sid "
        nothing += "sms_application_sid sms_fallback_url sms_url"
        return {
            **self.number.shown(),
            **urls,
            "account_sid": account.sid,
            "api_version": shapes.VERSION,
            "phone_number": account.number,
            "address_requirements": "none",
            "beta": False,
            "capabilities": {"voice": True, "sms": False, "mms": False, "fax": False},
            "origin": "twilio",
            "status": "in-use",
            "voice_caller_id_lookup": False,
            "voice_receive_mode": "voice",
            "emergency_status": "Inactive",
            "emergency_address_status": "unregistered",
            "uri": shapes.uri(account.sid, f"IncomingPhoneNumbers/{self.number.sid}"),
            **dict.fromkeys(("sms_method", "sms_fallback_method"), "POST"),
            **dict.fromkeys(nothing.split()),
        }

    # --- TwiML Apps ---

    def _apps(self, request: Request) -> Reply:
        name = request.fields.get("FriendlyName")
        rows = [self._shown_app(app) for app in self.apps.values() if name in (None, app.values["friendly_name"])]
        return Reply(200, shapes.page("applications", rows, request.path))

    def _new_app(self, request: Request) -> Reply:
        if no := _refusal(request, APP_FIELDS):
            return no
        app = Kept(self.account.new_sid("AP"), _blank(APP_FIELDS))
        self.apps[app.sid] = app
        return Reply(201, self._changed_app(app, request))

    def _app(self, _: Request, sid: str) -> Reply:
        return Reply(200, self._shown_app(self.apps[sid])) if sid in self.apps else missing(f"Application {sid}")

    def _set_app(self, request: Request, sid: str) -> Reply:
        if sid not in self.apps:
            return missing(f"Application {sid}")
        return _refusal(request, APP_FIELDS) or Reply(200, self._changed_app(self.apps[sid], request))

    def _drop_app(self, _: Request, sid: str) -> Reply:
        return Reply(204) if self.apps.pop(sid, None) else missing(f"Application {sid}")

    def _changed_app(self, app: Kept, request: Request) -> shapes.Json:
        """Agents' phones call the first App: they bring no token that would name another."""
        _set(app, request, APP_FIELDS)
        if self._is_first(app):
            self.account.client_voice_url = request.fields.get("VoiceUrl", self.account.client_voice_url)
        return self._shown_app(app)

    def _shown_app(self, app: Kept) -> shapes.Json:
        nothing = "message_status_callback sms_fallback_url sms_status_callback sms_url"
        return {
            **app.shown(),
            **({"voice_url": self.account.client_voice_url} if self._is_first(app) else {}),
            "account_sid": self.account.sid,
            "api_version": shapes.VERSION,
            "voice_caller_id_lookup": False,
            "public_application_connect_enabled": False,
            "uri": shapes.uri(self.account.sid, f"Applications/{app.sid}"),
            **dict.fromkeys(("sms_method", "sms_fallback_method"), "POST"),
            **dict.fromkeys(nothing.split()),
        }

    def _is_first(self, app: Kept) -> bool:
        return next(iter(self.apps), "") == app.sid

    # --- network traversal ---

    def _new_token(self, request: Request) -> Reply:
        """What a softphone shows the servers that find a way through its network. Here there are none."""
        ttl = request.fields.get("Ttl", str(A_DAY))
        if not ttl.isascii() or not ttl.isdecimal() or not 1 <= int(ttl) <= A_DAY:
            return refused(400, 20001, f"Ttl must be 1 to {A_DAY}, not {ttl}")
        made, url = rfc2822(time.time()), "stun:127.0.0.1:3478"
        return Reply(
            201,
            {
                "account_sid": self.account.sid,
                "date_created": made,
                "date_updated": made,
                "username": secrets.token_hex(32),
                "password": secrets.token_urlsafe(32),
                "ttl": ttl,
                "ice_servers": [{"url": url, "urls": url}],
            },
        )

    # --- API keys ---

    def _keys(self, request: Request) -> Reply:
        return Reply(200, shapes.page("keys", [key.shown() for key in self.keys.values()], request.path))

    def _new_key(self, request: Request) -> Reply:
        """The only answer that has the secret."""
        key = Kept(self.account.new_sid("SK"), {"friendly_name": request.fields.get("FriendlyName", "")})
        self.keys[key.sid], self._secrets[key.sid] = key, secrets.token_urlsafe(24)
        return Reply(201, {**key.shown(), "secret": self._secrets[key.sid]})

    def _key(self, _: Request, sid: str) -> Reply:
        return Reply(200, self.keys[sid].shown()) if sid in self.keys else missing(f"Key {sid}")

    def _drop_key(self, _: Request, sid: str) -> Reply:
        self._secrets.pop(sid, None)
        return Reply(204) if self.keys.pop(sid, None) else missing(f"Key {sid}")


def _blank(names: Mapping[str, str]) -> dict[str, str]:
    return {key: "POST" if key.endswith("_method") else "" for key in names.values()}


def _set(kept: Kept, request: Request, names: Mapping[str, str]) -> None:
    asked = request.fields
    kept.values.update({key: asked[name] for name, key in names.items() if name in asked})
    kept.updated = time.time()


def _refusal(request: Request, names: Mapping[str, str]) -> Reply | None:
    """What Twilio says to an address it could not call: a laptop's is one, but here it can."""
    for name in names:
        value = request.fields.get(name, "")
        if name.endswith(("Url", "Callback")) and value and urlsplit(value).scheme not in ("http", "https"):
            return refused(400, 21402, f"{name} is not valid: {value}")
        if name.endswith("Method") and name in request.fields and value not in METHODS:
            return refused(400, 21403, f"{name} is not valid: {value}")
    return None
