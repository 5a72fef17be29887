"""The addresses Twilio calls us at, for webhooks: services need them as well, so they are a floor further down."""

from __future__ import annotations

from ..links import callback_url, twiml_url

__all__ = ["callback_url", "twiml_url"]
