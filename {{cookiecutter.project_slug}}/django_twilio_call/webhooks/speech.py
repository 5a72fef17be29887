"""Whom a caller hears, in which language, and with whose words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from twilio.twiml.voice_response import TwiML

from ..conf import Config
from ..constants import OverflowReason
from ..phrases import next_opening, phrase
from ..services.decisions import Closed, Speech

MINUTE: Final = 60


@dataclass(frozen=True, slots=True)
class Speaker:
    """Says phrases. A language without a voice of its own gets Twilio's."""

    language: str
    voice: str | None
    own: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, config: Config, speech: Speech | None = None) -> Speaker:
        """The speaker that a queue or a menu wants, else the configuration's."""
        wanted = speech or Speech()
        language = wanted.language or config.caller_language
        fits = language.partition("-")[0] == config.caller_language.partition("-")[0]
        return cls(language, wanted.voice or (config.caller_voice if fits else None), wanted.texts)

    def phrase(self, key: str, **values: Any) -> str:
        """A phrase in the speaker's language."""
        return phrase(key, self.language, self.own, **values)

    def say(self, parent: TwiML, *texts: str) -> None:
        """Append a <Say>."""
        parent.say(" ".join(texts), voice=self.voice, language=self.language)

    def opening(self, opening: datetime, asked: datetime) -> str:
        """When it opens next."""
        return next_opening(self.language, opening, asked, self.own)

    def why(self, reason: str, closed: Closed | None) -> str:
        """Why a queue does not serve the caller, and when it will where that is known."""
        text = self.phrase(reason if reason in (OverflowReason.CLOSED, OverflowReason.NOBODY) else "busy")
        known = closed is not None and closed.opening is not None
        return f"{text} {self.opening(closed.opening, closed.asked)}" if known else text  # type: ignore[union-attr,arg-type]

    def wait(self, seconds: int) -> str:
        """A wait, rounded up as people say it: to minutes, then to five of them."""
        minutes = -(-seconds // MINUTE)
        if minutes <= 1:
            return self.phrase("wait_short")
        if minutes > MINUTE:
            return self.phrase("wait_long")
        return self.phrase("wait", minutes=minutes if minutes <= 5 else -(-minutes // 5) * 5)
