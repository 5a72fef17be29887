"""What callers notice of a server that is killed, paused, full or silent: nothing fails, and nothing wrong is read.

Each caller asks, and at every tenth call changes what it asks for and invalidates it. A value is wrong when it is older
than a change whose invalidation was acknowledged before the call; those that were not acknowledged, because the server
was away, count as acknowledged as soon as the process uses the server again. One caller shows what time-outs a call
pays; eight in one process, with a few ms between their calls, show races.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from . import stage
from .server import FAULTS, Server, until
from .timing import table, verdict
from .witness import TAG, Seen, World

CROWDS: Final = (1, 8)
BEFORE, AFTER = 1.0, 2.0
MOST_TIME_OUTS: Final = 3
MOST_SKIPPED: Final = 1.0  # µs


def main(*, full: bool) -> bool:
    """Treat the server badly and print; answers whether the limits were met."""
    del full
    with _server() as server:
        met = _all_faults(server)
        return _skipped(server) and met


def small() -> dict[str, float]:
    """What eight callers notice of a server that is killed and comes back."""
    with _server() as server:
        world, answer = _asked()
        seen = _during(next(iter(FAULTS.values())), server, world, answer, CROWDS[-1])
        return {
            "failed": sum(each.failed for each in seen),
            "wrong": sum(each.wrong for each in seen),
            "outages": world.link.outages,
        }


@contextlib.contextmanager
def _server() -> Iterator[Server]:
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder))
        os.environ |= {"REDIS_URL": server.url, "DATABASE_URL": f"sqlite:///{folder}/db.sqlite3"}
        stage.set_up(queue=300)
        try:
            server.start()
            yield server
        finally:
            server.kill()


def _asked() -> tuple[World, Callable[[], int]]:
    from django_twilio_call.cache import cache_result
    from django_twilio_call.cache.results import guard

    world = World(guard.store.link())
    return world, cache_result(service_type="queue", key_prefix="fault", tags=[TAG])(lambda: world.version)


def _all_faults(server: Server) -> bool:
    world, answer = _asked()
    rows, alone, everybody = [], [], []
    for crowd in CROWDS:
        for name, fault in FAULTS.items():
            outages = world.link.outages
            seen = _during(fault, server, world, answer, crowd)
            everybody += seen
            alone += seen if crowd == 1 else []
            paid = [each for caller in seen for each in caller.slow]
            rows.append(
                (
                    f"{name}; {crowd} caller{'s' * (crowd > 1)}",
                    f"{sum(each.calls for each in seen):,}",
                    sum(each.failed for each in seen),
                    sum(each.wrong for each in seen),
                    world.link.outages - outages,
                    max(len(each.slow) for each in seen),
                    f"{max((sum(each.slow) for each in seen), default=0):.2f}",
                    f"{max(paid, default=0):.2f}",
                )
            )
    head = ("", "calls", "failed", "wrong", "outages", "time-outs of a caller", "s in all", "longest call")
    table("A server treated badly", head, rows)
    met = verdict("failed calls", sum(each.failed for each in everybody), 0)
    met = verdict("wrong values", sum(each.wrong for each in everybody), 0) and met
    return verdict("time-outs of a lone caller", max(len(each.slow) for each in alone), MOST_TIME_OUTS) and met


def _during(fault: Any, server: Server, world: World, answer: Callable[[], int], crowd: int) -> list[Seen]:
    """Callers before, during and after a fault, until the server has been used again for a while."""
    seen = [Seen() for _ in range(crowd)]
    over = threading.Event()

    def calls(mine: Seen) -> None:
        while not over.is_set():
            mine.call(world, answer)
            time.sleep(0.002 * crowd)

    threads = [threading.Thread(target=calls, args=(each,)) for each in seen]
    for thread in threads:
        thread.start()
    try:
        time.sleep(BEFORE)
        with fault(server):
            pass
        until(lambda: not world.link.away)
        time.sleep(AFTER)
    finally:
        over.set()
        for thread in threads:
            thread.join()
    return seen


def _skipped(server: Server) -> bool:
    """With the server away, what a call costs that is not even tried."""
    from django_twilio_call.cache import cache_result
    from django_twilio_call.cache.link import StoreAway
    from django_twilio_call.cache.results import guard

    link = guard.store.link()
    server.kill()
    answer = cache_result(service_type="queue", key_prefix="skipped")(lambda: 1)
    while not link.away:
        answer()

    def skip() -> None:
        try:
            link.call(_never)
        except StoreAway:
            return

    costs = {"Link.call": _cost(skip), "an empty function": _cost(_nothing), "cache_result, computing 1": _cost(answer)}
    table("A skipped call, µs", ("", "µs"), [(name, f"{each:.2f}") for name, each in costs.items()])
    return verdict("µs for Link.call to skip", costs["Link.call"] - costs["an empty function"], MOST_SKIPPED)


def _cost(call: Callable[[], Any], times: int = 20_000) -> float:
    rounds = []
    for _ in range(11):
        began = time.process_time()
        for _ in range(times):
            call()
        rounds.append((time.process_time() - began) / times)
    return statistics.median(rounds) * 1e6


def _never(client: Any) -> None:
    raise SystemExit(f"{client} was asked")


def _nothing() -> None:
    pass
