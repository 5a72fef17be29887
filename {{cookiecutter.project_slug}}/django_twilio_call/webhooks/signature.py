"""Did Twilio sign this request, for the URL it knows us by?"""

from __future__ import annotations

import functools
import logging

from django.http import HttpRequest, QueryDict
from twilio.request_validator import RequestValidator

from ..conf import get_config

logger = logging.getLogger(__name__)

FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")


def signed_url(request: HttpRequest) -> str:
    """The URL Twilio signed: scheme and host from the configuration, never from headers a proxy or a stranger sets."""
    query = request.META.get("QUERY_STRING", "")
    return f"{get_config().public_base_url}{request.path}" + (f"?{query}" if query else "")


def is_signed(request: HttpRequest) -> bool:
    """Whether the signature is right. When not, the log names the URL we computed, which is what is usually wrong."""
    config = get_config()
    if not config.webhook_validate:  # the catalogue allows that in development only
        return True
    url = signed_url(request)
    signature = request.headers.get("X-Twilio-Signature", "")
    params = _signed_params(request)
    tokens = filter(None, (config.twilio_auth_token, config.twilio_auth_token_secondary))
    signed = params is not None and any(_validator(token).validate(url, params, signature) for token in tokens)
    if signed and _our_account(request):
        return True
    logger.warning(
        "webhook refused: signature %s for %s %s; PUBLIC_BASE_URL must be the address Twilio calls",
        "does not match" if signature else "missing",
        request.method,
        url,
    )
    return False


def _signed_params(request: HttpRequest) -> QueryDict | str | dict[str, str] | None:
    """What is signed beside the URL: a form's fields, or any other body by its hash, or nothing.

    None for a body that no hash in the URL vouches for: its signature says nothing about it.
    """
    if request.method != "POST" or (request.content_type not in FORM_TYPES and not request.body):
        return {}
    if request.content_type in FORM_TYPES:
        return request.POST
    return request.body.decode("utf-8", "replace") if "bodySHA256" in request.GET else None


def _our_account(request: HttpRequest) -> bool:
    account = request.POST.get("AccountSid") or request.GET.get("AccountSid")
    return account is None or account == get_config().twilio_account_sid


@functools.lru_cache(maxsize=4)
def _validator(token: str) -> RequestValidator:
    return RequestValidator(token)
