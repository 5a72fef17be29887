"""A hit through `cache_result`: its CPU over a raw MGET of the same keys and bytes, and its round trips."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import date
from typing import Any, Final

from . import stage
from .timing import cpu_per_call, table, verdict

MOST_OVER_MGET: Final = 60.0  # µs
COUNTED: Final = 200
QUEUES: Final = 10
DAY: Final = date(2026, 3, 2)
RAW_GET: Final = "raw GET of the value"
RAW_MGET: Final = "raw MGET of value and marks"
TYPED: Final = "cache_result, a hit"
PLAIN: Final = "cache_result, plain rows"
UNPACKED: Final = "  unpacking the value alone"


def main(*, full: bool) -> bool:
    """Measure and print; answers whether the limits were met."""
    del full
    with stage.servers():
        stage.set_up(query_caches=True, analytics=3600)
        from .services import ReportService

        typed, client, keys = _ours(ReportService.report)
        plain, _, _ = _ours(ReportService.rows)
        size, trips = len(client.get(keys[0])), round_trips(client, typed)
        raw = {RAW_GET: lambda: client.get(keys[0]), RAW_MGET: lambda: client.mget(keys)}
        peers = {**_of_values(), **_of_queries()}
        took = cpu_per_call({**raw, TYPED: typed, PLAIN: plain, UNPACKED: _unpacking(client, keys[0]), **peers})
    get, mget, hit = took[RAW_GET], took[RAW_MGET], took[TYPED]
    table(
        f"A hit: CPU µs per call; value of {size} bytes, {len(keys)} keys",
        ("", "µs", "over MGET", "× raw GET"),
        [(name, f"{each:.0f}", f"{each - mget:+.0f}", f"{each / get:.2f}") for name, each in took.items()],
    )
    for name in stage.PEERS:
        if not stage.has(name):
            print(f"  not measured: {name} is not installed")
    print(f"  × raw GET {hit / get:.2f}, of plain rows {took[PLAIN] / get:.2f} (best prototype 1.52)")
    met = verdict("µs over a raw MGET", hit - mget, MOST_OVER_MGET)
    return verdict("round trips for a hit", trips, 1) and met


def small() -> dict[str, float]:
    """Round trips alone: microseconds are nothing to assert."""
    with stage.servers():
        stage.set_up(analytics=3600)
        from .services import ReportService

        ours = {name: _ours(getattr(ReportService, name)) for name in ("report", "rows")}
        return {name: round_trips(client, call) for name, (call, client, _) in ours.items()}


def _ours(method: Any) -> tuple[Callable[[], Any], Any, list[str]]:
    """A hit of a cached method, the client it goes through, and the keys it reads, as they are called there."""
    from django_twilio_call.cache.kept import generation
    from django_twilio_call.cache.results import guard
    from django_twilio_call.cache.store import GENERATION_OF_ALL

    from .services import ReportService

    name = method.__name__

    def call() -> Any:
        return getattr(ReportService(), name)(day=DAY, queue_key="support")

    call()
    tags = method._marks((), {"day": DAY, "queue_key": "support"})
    names = (method.key(day=DAY, queue_key="support"), GENERATION_OF_ALL, *map(generation, tags))
    backend = guard.store.backend
    return call, backend.link.client, [backend.make_key(each) for each in names]


def _unpacking(client: Any, key: str) -> Callable[[], Any]:
    """What of our time the value's bytes take alone, which a raw MGET leaves as they are."""
    from django_twilio_call.cache import codec
    from django_twilio_call.cache.kept import from_bytes

    kept = from_bytes(client.get(key))
    return lambda: codec.loads(kept.payload)


def round_trips(client: Any, call: Callable[[], Any]) -> float:
    """Commands that the server processed for one call."""

    def processed() -> int:
        return int(client.info("stats")["total_commands_processed"])

    before = processed()
    for _ in range(COUNTED):
        call()
    return (processed() - before - 1) / COUNTED  # one is the question itself


def _of_values() -> dict[str, Callable[[], Any]]:
    """Hits of the same value, by peers that keep values."""
    from django.core.cache import caches

    from .services import report

    value = report(DAY)
    calls: dict[str, Callable[[], Any]] = {}
    for name in ("django", "django-redis"):
        if name in caches.settings:
            caches[name].set("report", value, 3600)
            calls[f"{name}: cache.get"] = lambda cache=caches[name]: cache.get("report")  # type: ignore[misc]
    if stage.has("dogpile.cache"):
        from dogpile.cache import make_region

        url = os.environ["REDIS_URL"][:-1] + "5"
        region = make_region().configure("dogpile.cache.redis", expiration_time=3600, arguments={"url": url})
        region.set("report", value)
        calls["dogpile.cache: region.get"] = lambda: region.get("report")
    return calls


def _of_queries() -> dict[str, Callable[[], Any]]:
    """Hits of a query of as many bytes, by peers that keep those; and the query itself, on SQLite."""
    from django.core.management import call_command
    from django_twilio_call.models import Queue

    call_command("migrate", verbosity=0)
    Queue.objects.bulk_create([Queue(key=f"queue-{n}", name=f"Queue number {n}") for n in range(QUEUES)])
    calls: dict[str, Callable[[], Any]] = {"no cache: the query on SQLite": lambda: _query(Queue)}
    if stage.has("cacheops"):
        calls["cacheops: queryset.cache()"] = lambda: list(Queue.objects.filter(is_active=True).cache())
    if stage.has("cachalot"):
        from cachalot.api import cachalot_disabled

        def uncached() -> list[Any]:
            with cachalot_disabled():
                return _query(Queue)

        calls = {name: uncached if name.startswith("no cache") else call for name, call in calls.items()}
        calls["cachalot: the query"] = lambda: _query(Queue)
    _check_hits({name: call for name, call in calls.items() if not name.startswith("no cache")})
    return calls


def _query(model: Any) -> list[Any]:
    return list(model.objects.filter(is_active=True))


def _check_hits(calls: dict[str, Callable[[], Any]]) -> None:
    """Raises `SystemExit` when a second call still asks the database: then it would not be a hit that is measured."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    for name, call in calls.items():
        call()
        with CaptureQueriesContext(connection) as asked:
            call()
        if len(asked):
            raise SystemExit(f"{name} does not hit: {len(asked)} queries")
