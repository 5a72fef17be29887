"""Probes. They look at this process alone: a database outage must not restart every pod with callers on the line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponse

PATHS: Final = ("/healthz/live", "/healthz/ready")


class HealthMiddleware:
    """Answers the probes before the host check and the redirect to https: a kubelet asks by the pod's address."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """200 for a probe, and everything else goes on."""
        if request.path_info in PATHS:
            return HttpResponse("ok\n", content_type="text/plain")
        return self.get_response(request)
