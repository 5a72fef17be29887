"""The account the simulator plays, and its signature."""

from __future__ import annotations

import base64
import hashlib
import hmac
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

FAKE_SID = re.compile(r"AC0{8}[0-9a-f]{24}")


class RefusedError(Exception):
    """The simulator does not run like this; the text says why."""


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
    public_url: str = ""
    connect_to: str = ""
    proxy_headers: dict[str, str] = field(default_factory=dict)
    seed: int = 1
    ids: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not FAKE_SID.fullmatch(self.sid):
            raise RefusedError(
                f"account SID {self.sid!r} may be a real one: the simulator takes AC00000000 and 24 hexadecimal digits"
            )
        if not self.token:
            raise RefusedError("an auth token is needed: set TWILIO_AUTH_TOKEN to the one the app checks with")
        self.ids = random.Random(self.seed)

    def new_sid(self, prefix: str) -> str:
        """An identifier, the same ones for the same seed."""
        return f"{prefix}{self.ids.getrandbits(128):032x}"

    def signature(self, url: str, form: Mapping[str, str]) -> str:
        """X-Twilio-Signature of a request to `url` (without its fragment) with a form; empty for a GET."""
        signed = url + "".join(f"{name}{form[name]}" for name in sorted(form))
        digest = hmac.new(self.token.encode(), signed.encode(), hashlib.sha1).digest()
        return base64.b64encode(digest).decode()
