"""The phone in a browser: which driver it has, and what it signs in with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.contrib.staticfiles.storage import staticfiles_storage
from django.http import HttpResponse, JsonResponse

from ..access_tokens import TOKEN_SECONDS, access_token
from ..conf import get_config
from ..exceptions import TelephonyError

SDK: Final = "vendor/twilio-voice/twilio.min.js"


@dataclass(frozen=True, slots=True)
class Phone:
    """`simulator`: its address, `sdk`: where Twilio's library is. Both "": there is no phone, and the page says so."""

    identity: str
    simulator: str
    sdk: str
    edge: str


def of(identity: str) -> Phone:
    """The phone of an agent or a supervisor."""
    config = get_config()
    if config.twilio_backend == "simulator":
        return Phone(identity, config.twilio_api_base_url, "", "")
    return Phone(identity, "", _sdk(), config.twilio_edge or "roaming")


def token(identity: str) -> HttpResponse:
    """What a phone signs in with, or 503 and why there is none."""
    try:
        return JsonResponse({"token": access_token(identity=identity), "seconds": TOKEN_SECONDS})
    except TelephonyError as error:
        return JsonResponse({"message": str(error)}, status=503)


def _sdk() -> str:
    """`make assets` fetches it, and so does the image's build; without it there is nothing to link to."""
    try:
        url = staticfiles_storage.url(SDK)
    except ValueError:  # not among those that were collected
        return ""
    return url if _is_there() else ""


def _is_there() -> bool:
    from django.contrib.staticfiles import finders

    return staticfiles_storage.exists(SDK) or finders.find(SDK) is not None
