"""Content security policy: everything from here, nothing inline, and the phone's own addresses."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

from ..conf import Config, get_config

HEADER = "Content-Security-Policy"


def policy(config: Config) -> str:
    """The header's value. The phone's signalling is the only foreign host: Twilio's, or the simulator's."""
    if config.twilio_backend == "simulator" and config.twilio_api_base_url:
        phone = [config.twilio_api_base_url.rstrip("/")]
    else:
        phone = [f"wss://voice-js.{config.twilio_edge or 'roaming'}.twilio.com", "https://eventgw.twilio.com"]
    directives = {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'", *phone],
        "media-src": ["'self'", "mediastream:"],
        "manifest-src": ["'self'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'none'"],
    }
    return "; ".join(f"{name} {' '.join(sources)}" for name, sources in directives.items())


class ContentSecurityPolicyMiddleware:
    """Puts the header on every answer. Django's own error pages, which only a developer sees, are left as they are."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer it."""
        answer = self.get_response(request)
        if not (settings.DEBUG and answer.status_code >= 400):
            answer.headers.setdefault(HEADER, policy(get_config()))
        return answer
