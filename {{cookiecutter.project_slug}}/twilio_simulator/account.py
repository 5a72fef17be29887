"""The account the simulator plays, and its signature."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

FAKE_SID = re.compile(r"AC0{8}[0-9a-f]{24}")
REAL_TOKEN = re.compile(r"[0-9a-f]{32}")


class RefusedError(Exception):
    """The simulator does not run like this; the text says why."""


@dataclass(slots=True)
class Standing:
    """What Twilio decides about an account, and a test may decide otherwise.

    `calling_codes` are those of the countries that may be called, `profiles` counts approved customer profiles,
    `clock_offset` is by how many seconds Twilio's clock is ahead; with `open_media` recordings want no login.
    """

    type: str = "Full"
    voice_region: str = "us1"
    calling_codes: tuple[str, ...] = ("1", "33", "41", "43", "44", "49", "61", "353")
    profiles: int = 1
    clock_offset: float = 0.0
    open_media: bool = False


@dataclass(slots=True)
class Account:
    """Credentials, one phone number, and where its webhooks go.

    `public_url` is the address webhooks are signed for and `connect_to` (host:port) the one they are sent to, as a
    proxy in front of the app would have it; both empty: the URLs as they are.
    """

    sid: str
    token: str = field(repr=False)
    number: str = "+15550100000"
    voice_url: str = ""
    status_url: str = ""
    client_voice_url: str = ""
    fallback_url: str = ""
    voice_method: str = "POST"
    status_method: str = "POST"
    fallback_method: str = "POST"
    public_url: str = ""
    connect_to: str = ""
    proxy_headers: Mapping[str, str] = field(default_factory=dict)
    standing: Standing = field(default_factory=Standing)

    def __post_init__(self) -> None:
        if not FAKE_SID.fullmatch(self.sid):
            raise RefusedError(
                f"account SID {self.sid!r} may be a real one: the simulator takes AC00000000 and 24 hexadecimal digits"
            )
        if not self.token:
            raise RefusedError("an auth token is needed: set TWILIO_AUTH_TOKEN to the one the app checks with")
        if REAL_TOKEN.fullmatch(self.token):
            raise RefusedError(
                "the auth token looks like one of Twilio's, 32 hexadecimal digits, and those are not taken here:"
                " set TWILIO_AUTH_TOKEN to another one, here and in the app"
            )

    def new_sid(self, prefix: str) -> str:
        """An identifier, never the same twice: an app with a database remembers those of the last run.

        So no seed decides it.
        """
        return prefix + secrets.token_hex(16)

    def signature(self, url: str, form: Mapping[str, str]) -> str:
        """X-Twilio-Signature of a request to `url` with a form; the form is empty for a GET."""
        signed = signed_url(url) + "".join(f"{name}{form[name]}" for name in sorted(form))
        digest = hmac.new(self.token.encode(), signed.encode(), hashlib.sha1).digest()
        return base64.b64encode(digest).decode()


def signed_url(url: str) -> str:
    """What Twilio signs of a URL: neither user, password and fragment nor, for https, the port."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    if parts.scheme == "https":
        host = re.sub(r":\d*$", "", host)
    return urlunsplit(parts._replace(netloc=host, fragment=""))
