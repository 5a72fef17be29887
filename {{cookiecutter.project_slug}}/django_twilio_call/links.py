"""The addresses Twilio calls us at, absolute, with what Twilio should do when we do not answer."""

from __future__ import annotations

from urllib.parse import urlencode

from django.urls import reverse

from .conf import get_config
from .constants import WebhookPolicy


def twiml_url(name: str, **query: str | int) -> str:
    """URL of the TwiML webhook `name`."""
    return _url(name, query) + WebhookPolicy.TWIML


def callback_url(name: str, **query: str | int) -> str:
    """URL of the status callback `name`."""
    return _url(name, query) + WebhookPolicy.CALLBACK


def _url(name: str, query: dict[str, str | int]) -> str:
    path = reverse(f"twilio:{name}")
    return f"{get_config().public_base_url}{path}" + (f"?{urlencode(query)}" if query else "")
