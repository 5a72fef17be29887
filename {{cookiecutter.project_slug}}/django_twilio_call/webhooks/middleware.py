"""Where Twilio's requests leave the way that people's go."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase
from django.urls import Resolver404, resolve

from ..visitors import is_webhook


class WebhookMiddleware:
    """Answers a webhook here: it has no session, no language and no page, and a caller waits for each step.

    What stands before it in MIDDLEWARE sees webhooks, what stands behind does not.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer it, or pass on what is none."""
        if not is_webhook(request):
            return self.get_response(request)
        try:
            match = resolve(request.path_info)
        except Resolver404:
            return self.get_response(request)
        request.resolver_match = match
        answer: HttpResponseBase = match.func(request, *match.args, **match.kwargs)
        return answer
