"""The addresses Twilio calls us at, absolute, with what Twilio should do when we do not answer."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from django.urls import reverse

from ..conf import get_config

TWIML_POLICY: Final = "#rc=2&rp=ct,rt,5xx&ct=2000&rt=4000&tt=14000"
"""Ask twice more, and soon: a caller is listening. Safe because a repeated request gets the same answer."""

CALLBACK_POLICY: Final = "#rc=5&rp=all"
"""Nobody is listening: ask as often as Twilio allows, so that no event is lost."""


def twiml_url(name: str, **query: str | int) -> str:
    """URL of the TwiML webhook `name`."""
    return _url(name, query) + TWIML_POLICY


def callback_url(name: str, **query: str | int) -> str:
    """URL of the status callback `name`."""
    return _url(name, query) + CALLBACK_POLICY


def _url(name: str, query: dict[str, str | int]) -> str:
    path = reverse(f"twilio:{name}")
    return f"{get_config().public_base_url}{path}" + (f"?{urlencode(query)}" if query else "")
