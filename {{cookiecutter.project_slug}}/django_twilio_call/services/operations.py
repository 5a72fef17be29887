"""How the deploy runs: its processes, what the cache did in all of them, and what waits to be sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from django.db.models import Count, Min, Q

from ..cache import get_cache_manager
from ..cache.counters import Counters
from ..constants import OutboxState
from ..exceptions import CacheError
from ..models import Outbox, RunningProcess
from ..transport import COUNTED
from .base import BaseService


@dataclass(frozen=True, slots=True)
class ProcessLine:
    """One process; `agrees` is whether it runs with the configuration most of them run with."""

    role: str
    host: str
    pid: int
    fingerprint: str
    agrees: bool
    pending: tuple[str, ...]
    refused: bool
    started_at: datetime
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class CacheLine:
    """One service's cache over all processes since they began; times in seconds, `hit_rate` 0 to 1."""

    service: str
    timeout: int
    hits: int
    misses: int
    stale: int
    computations: int
    uncached: int
    errors: int
    invalidations: int
    computed_s: float
    saved_s: float
    hit_rate: float | None


@dataclass(frozen=True, slots=True)
class Overview:
    """All of it. `server` is what the cache's server says of itself, `problem` why it does not."""

    processes: tuple[ProcessLine, ...]
    cache: tuple[CacheLine, ...]
    server: dict[str, Any]
    problem: str
    outbox_waiting: int
    outbox_oldest_s: float | None
    outbox_failed: int
    outbox_in_doubt: int
    twilio: Mapping[str, int]
    """What came of REST requests in all processes since they began, by the names in `transport.COUNTED`."""


class OperationsService(BaseService):
    """For whoever is woken at night."""

    service_type = "operations"

    def overview(self, *, now: datetime) -> Overview:
        """The state of things at `now`, in two queries and one question to the cache's server."""
        running = list(RunningProcess.objects.alive(now))
        server, problem = self._server()
        outbox = Outbox.objects.aggregate(
            waiting=Count("pk", filter=Q(state__in=OutboxState.OPEN_STATES)),
            oldest=Min("created_at", filter=Q(state__in=OutboxState.OPEN_STATES)),
            failed=Count("pk", filter=Q(state=OutboxState.FAILED)),
            in_doubt=Count("pk", filter=Q(state=OutboxState.SUBMISSION_UNKNOWN)),
        )
        return Overview(
            processes=tuple(_lines(running)),
            cache=tuple(self.cache_lines(process.figures.get("cache", {}) for process in running)),
            server=server,
            problem=problem,
            outbox_waiting=outbox["waiting"],
            outbox_oldest_s=(now - outbox["oldest"]).total_seconds() if outbox["oldest"] else None,
            outbox_failed=outbox["failed"],
            outbox_in_doubt=outbox["in_doubt"],
            twilio={name: sum(p.figures.get("twilio", {}).get(name, 0) for p in running) for name in COUNTED},
        )

    def cache_lines(self, snapshots: Iterable[dict[str, dict[str, Any]]]) -> Iterable[CacheLine]:
        """Counters of several processes, added up by service."""
        total: dict[str, Counters] = {}
        for snapshot in snapshots:
            for service, figures in snapshot.items():
                counters = total.setdefault(service, Counters())
                for field in fields(Counters):
                    setattr(counters, field.name, getattr(counters, field.name) + figures.get(field.name, 0))
        for service, counters in sorted(total.items()):
            counted = {field.name: getattr(counters, field.name) for field in fields(Counters)}
            timeout = self.config.get_cache_timeout(service)
            yield CacheLine(service=service, timeout=timeout, hit_rate=counters.hit_rate, **counted)

    def _server(self) -> tuple[dict[str, Any], str]:
        try:
            stats = get_cache_manager().get_cache_stats()
        except CacheError as error:
            return {}, str(error)
        return {"backend": stats["backend"], **stats["server"]}, ""


def _lines(running: list[RunningProcess]) -> Iterable[ProcessLine]:
    marks = [process.fingerprint for process in running]
    usual = max(set(marks), key=marks.count, default="")
    for process in running:
        yield ProcessLine(
            role=process.role,
            host=process.host,
            pid=process.pid,
            fingerprint=process.fingerprint,
            agrees=process.fingerprint == usual,
            pending=tuple(process.pending),
            refused=process.refused,
            started_at=process.started_at,
            seen_at=process.seen_at,
        )
