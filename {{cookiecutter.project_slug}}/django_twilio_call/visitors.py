"""Who asks: Twilio, or somebody at an address behind the proxies that this deploy has."""

from __future__ import annotations

import ipaddress
from typing import Final

from django.http import HttpRequest

from .conf import get_config

WEBHOOKS: Final = "/twilio/"


def is_webhook(request: HttpRequest) -> bool:
    """Whether it is Twilio that asks, or who pretends to be: the signature says which."""
    return request.path_info.startswith(WEBHOOKS)


def address_of(request: HttpRequest) -> str:
    """The visitor's address, or "" where none can be read.

    Each proxy of ours appends whom it heard from to X-Forwarded-For; what stands further left the visitor wrote.
    """
    address = request.META.get("REMOTE_ADDR", "")
    if proxies := get_config().trusted_proxies:
        heard = [each.strip() for each in request.headers.get("X-Forwarded-For", "").split(",") if each.strip()]
        address = heard[-proxies] if len(heard) >= proxies else address
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return ""
