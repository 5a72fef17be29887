"""Figures for whoever watches: /metrics, in Prometheus' text format, collected when asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone

from .bearer import may_look
from .conf import get_reading, reload
from .conf.fingerprint import digests, fingerprint
from .models import RunningProcess

PATH: Final = "/metrics"
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
Sample = tuple[Mapping[str, str], float]


class MetricsMiddleware:
    """Answers before the host check and the redirect to https, for it is asked by a pod's address, as probes are."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """The figures for who may read them; to others there is no such page."""
        if request.path_info != PATH:
            return self.get_response(request)
        if not may_look(request):
            return HttpResponse(status=404)
        return HttpResponse("\n".join(collect()) + "\n", content_type=CONTENT_TYPE)


def collect() -> Iterator[str]:
    """All families, line by line."""
    config, last = get_reading().config, reload.state.last
    labels = {"stage": config.stage, "fingerprint": fingerprint(digests(config))}
    yield from _family("config_info", "gauge", "The configuration this process runs with.", [(labels, 1)])
    results: list[Sample] = [
        ({"result": result}, reload.counts[result]) for result in (reload.APPLIED, reload.UNCHANGED, reload.REFUSED)
    ]
    yield from _family("config_reloads_total", "counter", "Reloads of this process, by their result.", results)
    good = last is None or last.result != reload.REFUSED
    yield from _family("config_last_reload_successful", "gauge", "0: the last one was refused.", [({}, int(good))])
    pending = len(last.pending) if last else 0
    yield from _family("config_pending_restart", "gauge", "Changed variables that a restart brings.", [({}, pending)])
    yield from _processes()


def _processes() -> Iterator[str]:
    try:
        running = list(RunningProcess.objects.alive(timezone.now()).values_list("role", "fingerprint"))
    except DatabaseError:
        return  # the other figures are the more wanted then
    by = Counter(running)
    samples: list[Sample] = [({"role": role, "fingerprint": mark}, count) for (role, mark), count in sorted(by.items())]
    yield from _family("config_processes", "gauge", "Running processes of the deploy, by configuration.", samples)
    most = max(Counter(mark for _, mark in running).values(), default=0)
    disagreeing: list[Sample] = [({}, len(running) - most)]
    yield from _family("config_disagreeing_processes", "gauge", "Processes that run with another one.", disagreeing)


def _family(name: str, kind: str, help_: str, samples: list[Sample]) -> Iterator[str]:
    name = f"call_center_{name}"
    yield f"# HELP {name} {help_}"
    yield f"# TYPE {name} {kind}"
    for labels, value in samples:
        inside = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        yield f"{name}{{{inside}}} {value:g}" if inside else f"{name} {value:g}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
