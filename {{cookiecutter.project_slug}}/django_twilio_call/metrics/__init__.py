"""Figures for whoever watches: /metrics, in Prometheus' text format, collected when asked."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import CollectorRegistry

from ..bearer import may_look
from ..visitors import is_webhook
from . import pod
from .collector import Figures

__all__ = ["PATH", "MetricsMiddleware"]

PATH: Final = "/metrics"


class MetricsMiddleware:
    """Answers before the host check and the redirect to https, for it is asked by a pod's address, as probes are.

    Whatever else goes on; how long a webhook took is noted on its way.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self.registry = CollectorRegistry(auto_describe=False)
        self.registry.register(Figures())

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """The figures for who may read them; to others there is no such page."""
        if request.path_info == PATH:
            return self._figures() if may_look(request) else HttpResponse(status=404)
        if not is_webhook(request):
            return self.get_response(request)
        began = time.perf_counter()
        response = self.get_response(request)
        # A path nobody knows has no kind of its own: whoever tries paths would make a series with each.
        kind = request.path_info.split("/")[2] if response.status_code != 404 else "unknown"
        pod.observe(kind, time.perf_counter() - began)
        return response

    def _figures(self) -> HttpResponse:
        return HttpResponse(generate_latest(self.registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)
