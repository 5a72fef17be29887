"""Probes. They look at this process alone: a database outage must not restart every pod with callers on the line.

What all processes share has a path of its own, for people and alerts, which says nothing to the world.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponse, JsonResponse

from .bearer import may_look
from .dependencies import dependencies

PATHS: Final = ("/healthz/live", "/healthz/ready")
DEPENDENCIES: Final = "/healthz/dependencies"


class HealthMiddleware:
    """Answers the probes before the host check and the redirect to https: a kubelet asks by the pod's address."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """200 for a probe, and everything else goes on."""
        if request.path_info in PATHS:
            return HttpResponse("ok\n", content_type="text/plain")
        if request.path_info == DEPENDENCIES:
            return _dependencies() if may_look(request) else HttpResponse(status=404)
        return self.get_response(request)


def _dependencies() -> HttpResponse:
    found = dependencies()
    return JsonResponse(found, status=200 if all(found.values()) else 503)
