"""What Twilio has to know of this deploy: the settings of its number, and the address of its TwiML App."""

from __future__ import annotations

from collections.abc import Mapping

from django.urls import reverse

from ..conf import get_config
from ..constants import WebhookPolicy


def number_settings() -> Mapping[str, str]:
    """Twilio's name for a setting of the number -> what it has to be; a place for files wants GET."""
    own = get_config().fallback_url
    return {
        "voice_url": webhook("voice") + WebhookPolicy.TWIML,
        "voice_method": "POST",
        "voice_fallback_url": own or webhook("fallback"),
        "voice_fallback_method": "GET" if own else "POST",
        "status_callback": webhook("status") + WebhookPolicy.CALLBACK,
        "status_callback_method": "POST",
        "voice_application_sid": "",
        "trunk_sid": "",
    }


def app_url() -> str:
    """What the TwiML App asks when an agent's browser calls it."""
    return webhook("agent") + WebhookPolicy.TWIML


def webhook(name: str) -> str:
    """A webhook's address, as the world sees it."""
    return get_config().public_base_url + reverse(f"twilio:{name}")
