"""Invalidating a service that keeps a thousand, a hundred thousand, a million answers: in GETs' time."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import redis

from . import stage
from .timing import table, time_per_call, verdict

SIZES: Final = (1_000, 100_000, 1_000_000)
MOST_GETS: Final = 5.0
BATCH: Final = 10_000
WRITTEN: Final = 2_000
"""Answers written at a time."""

REPEATED: Final = 3
"""How often a deletion is measured: each wants its keys written anew. Once at a million."""

VALUE: Final = b"x" * 100


def main(*, full: bool) -> bool:
    """Measure and print; answers whether the limits were met."""
    rows: list[tuple[Any, ...]] = []
    met = True
    with stage.servers() as url:
        stage.set_up()
        from django_twilio_call.cache.results import guard

        client = guard.store.backend.link.client
        patient = redis.Redis.from_url(url, socket_timeout=60)  # ours gives up after a quarter second
        for size in SIZES:
            took = _ours(client, size)
            gets = took["invalidate"] / took["GET"]
            rows.append((f"{size:,} keys: invalidate_service_cache", _ms(took["invalidate"]), f"{gets:.2f}"))
            patient.flushdb()  # the peers' keys are to be alone, as ours were
            if size <= SIZES[1] or full:
                for name, microseconds in _peers(patient, size).items():
                    rows.append((f"{size:,} keys: {name}", _ms(microseconds), f"{microseconds / took['GET']:,.0f}"))
            met = verdict(f"{size:,} keys, GETs", gets, MOST_GETS) and met
    table("Invalidating a service", ("", "ms", "GETs"), rows)
    if not full:
        print("  not measured: a million keys, key by key; that takes --full")
    if not stage.has("django-redis"):
        print("  not measured: django-redis is not installed")
    return met


def small() -> dict[str, float]:
    """Commands that the server processes to invalidate a service, by how many answers it keeps."""
    counted = {}
    with stage.servers():
        stage.set_up()
        from django_twilio_call.cache import invalidate_service_cache
        from django_twilio_call.cache.results import guard

        client = guard.store.backend.link.client
        for size in (10, 1000):
            keys = _keys(size)
            guard.put_many((key, "s:queue", 3600.0, number) for number, key in enumerate(keys))
            _check_kept(guard, keys[-1], "s:queue", size - 1)
            before = client.info("stats")["total_commands_processed"]
            invalidate_service_cache("queue")
            counted[str(size)] = client.info("stats")["total_commands_processed"] - before - 1  # the question itself
            if guard.peek(keys[-1], ["s:queue"], "gone") != "gone":
                raise SystemExit("the service was not invalidated")
    return counted


def _ms(microseconds: float) -> str:
    return f"{microseconds / 1000:,.2f}"


def _ours(client: Any, size: int) -> dict[str, float]:
    """µs of one GET and of one invalidation of a service with so many answers, taking turns."""
    from django_twilio_call.cache import invalidate_service_cache
    from django_twilio_call.cache.kept import generation
    from django_twilio_call.cache.results import guard

    keys = _keys(size)
    tag = "s:queue"
    entries = [(key, tag, 3600.0, number) for number, key in enumerate(keys)]
    for begin in range(0, size, WRITTEN):
        if not guard.put_many(entries[begin : begin + WRITTEN]):
            raise SystemExit("the answers could not be written")
    make_key = guard.store.backend.make_key
    value, mark = make_key(keys[0]), make_key(generation(tag))
    _check_kept(guard, keys[-1], tag, size - 1)

    def invalidate() -> None:
        # A mark to delete each time, as somebody who reads in between makes one.
        client.set(mark, b"12345678")
        began = time.perf_counter()
        invalidate_service_cache("queue")
        spent.append(time.perf_counter() - began)

    spent: list[float] = []
    took = time_per_call({"GET": lambda: client.get(value), "both": invalidate})
    if guard.peek(keys[-1], [tag], "gone") != "gone":
        raise SystemExit("the service was not invalidated")
    return {"GET": took["GET"], "invalidate": statistics.median(spent) * 1e6}


def _check_kept(guard: Any, key: str, tag: str, value: Any) -> None:
    """Raises `SystemExit` when what was written does not count: then there is nothing to invalidate."""
    if guard.peek(key, [tag]) != value:
        raise SystemExit("the answers are not kept")


def _keys(size: int) -> list[str]:
    return [f"cc:queue:metrics:i{number}" for number in range(size)]


def _peers(client: Any, size: int) -> dict[str, float]:
    """µs that others take to delete so many keys one by one."""
    from django.core.cache import caches

    ways: dict[str, tuple[Any, Callable[[], Any]]] = {
        "SCAN and UNLINK": (client, lambda: _scan_and_unlink(client, "peer:queue:*"))
    }
    if "django-redis" in caches.settings:
        cache: Any = caches["django-redis"]
        theirs = cache.client.get_client(write=True)
        # Its keys are ":1:" and ours; a pattern is made the same way.
        ways["django-redis delete_pattern"] = (theirs, lambda: cache.delete_pattern("peer:queue:*"))
        ways["django-redis delete_pattern, itersize 10,000"] = (
            theirs,
            lambda: cache.delete_pattern("peer:queue:*", itersize=BATCH),
        )
    times = REPEATED if size < SIZES[2] else 1
    took: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(times):
        for name, (connection, delete) in ways.items():
            prefix = "" if connection is client else ":1:"
            _fill(connection, f"{prefix}peer:queue:", size)
            began = time.perf_counter()
            delete()
            took[name].append(time.perf_counter() - began)
    return {name: statistics.median(each) * 1e6 for name, each in took.items()}


def _fill(client: Any, prefix: str, size: int) -> None:
    for begin in range(0, size, BATCH):
        client.mset({f"{prefix}{number}": VALUE for number in range(begin, min(begin + BATCH, size))})


def _scan_and_unlink(client: Any, pattern: str) -> None:
    """The best that can be done key by key: in steps of ten thousand."""
    for keys in _steps(client.scan_iter(pattern, count=BATCH)):
        client.unlink(*keys)


def _steps(keys: Iterator[Any]) -> Iterator[list[Any]]:
    step: list[Any] = []
    for key in keys:
        step.append(key)
        if len(step) == BATCH:
            yield step
            step = []
    if step:
        yield step
