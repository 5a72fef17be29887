"""What the doctor's checks look at, and what they find."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Final
from urllib.parse import urlsplit

from ..account import App, Number, Standing, TwilioAccount
from ..conf import Config

SETUP: Final = "manage.py twilio setup --apply"


class NothingToLookAt(Exception):
    """What a check would look at is not there: neither well nor ill."""


@dataclass(frozen=True, slots=True)
class Symptom:
    """Something that is not as it should be. A warning hurts some day, or some callers."""

    text: str
    fix: str
    state: str = "wrong"


class Patient:
    """This deploy and its account; what several checks look at is asked for once."""

    def __init__(self, config: Config, account: TwilioAccount, now: datetime) -> None:
        self.config, self.account, self.now = config, account, now
        self.base = urlsplit(config.public_base_url)
        self.real = config.twilio_backend == "twilio"

    @cached_property
    def standing(self) -> Standing:
        """What Twilio thinks of the account."""
        return self.account.standing()

    @cached_property
    def number(self) -> Number | None:
        """The number callers dial, if it is the account's."""
        return self.account.number(self.config.twilio_phone_number) if self.config.twilio_phone_number else None

    @cached_property
    def apps(self) -> list[App]:
        """The account's TwiML Apps."""
        return self.account.apps()

    def addresses(self) -> dict[str, str]:
        """The number's own addresses that are set, by Twilio's names."""
        names = ("voice_url", "status_callback", "voice_fallback_url")
        settings = self.number.settings if self.number else {}
        return {name: settings[name] for name in names if settings.get(name)}

    def ours(self) -> dict[str, str]:
        """Those that have the host of PUBLIC_BASE_URL."""
        return {name: url for name, url in self.addresses().items() if urlsplit(url).hostname == self.base.hostname}
