"""Many callers on a value that lives a second and takes 150 ms to compute: how often it is, and who waits for it.

Computing is waiting, as for a database, so that 200 callers and it fit on two cores. Callers think between calls, the
longer the more of them there are: about 1,600 calls a second in every row, a fifth of what two cores can do, so that
callers wait for the cache and not for each other. The share of the cores that they took is printed. They have called
for a second, and have their connections, when the measured time begins. A life is a second, whoever renews it sooner:
a candidate that computes before the end pays for that in computations.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from . import stage
from .timing import percentile, table, verdict

LIFE: Final = 1
COMPUTING: Final = 0.15
SETTLING: Final = 1.0
SECONDS: Final = 4.0
CALLS_A_SECOND: Final = 1600
CROWDS: Final = ((32, 2), (200, 4))
REPEATED: Final = 3
MOST_COMPUTATIONS: Final = 1.5
MOST_WAIT: Final = 0.3
CANDIDATES: Final = (
    "cache_result",
    "Django get_or_set",
    "dogpile.cache, distributed lock",
    "dogpile.cache, thread lock",
)
OURS: Final = CANDIDATES[0]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run: computations for each life of the value, the calls' p99 in computing times, calls, share of cores."""

    computations: float
    wait: float
    calls: int
    cores: float


def main(*, full: bool) -> bool:
    """Measure and print; answers whether the limits were met."""
    del full
    met = True
    for callers, processes in CROWDS:
        outcomes = _measured(callers, processes)
        typical = {name: _median(each) for name, each in outcomes.items()}
        table(
            f"{callers} callers in {processes} processes, {SECONDS:g} s: medians of {REPEATED}",
            ("", "computed per life", "(all runs)", "p99 ÷ computing", "(all runs)", "calls", "cores busy"),
            [
                (
                    name,
                    f"{each.computations:.2f}",
                    " ".join(f"{run.computations:.2f}" for run in outcomes[name]),
                    f"{each.wait:.3f}",
                    " ".join(f"{run.wait:.2f}" for run in outcomes[name]),
                    f"{each.calls:,}",
                    f"{each.cores:.0%}",
                )
                for name, each in typical.items()
            ],
        )
        met = verdict("computations per expiry", typical[OURS].computations, MOST_COMPUTATIONS) and met
        met = verdict("p99 of the calls ÷ computing time", typical[OURS].wait, MOST_WAIT) and met
    if not stage.has("dogpile.cache"):
        print("  not measured: dogpile.cache is not installed")
    return met


def small() -> dict[str, float]:
    """Computations per expiry of a small crowd."""
    counted = {}
    for name in CANDIDATES[:2]:
        with stage.servers():
            counted[name] = _run(name, 8, 2).computations
    return counted


def _measured(callers: int, processes: int) -> dict[str, list[Outcome]]:
    names = [name for name in CANDIDATES if not name.startswith("dogpile") or stage.has("dogpile.cache")]
    outcomes: dict[str, list[Outcome]] = {name: [] for name in names}
    for _ in range(REPEATED):
        for name in names:
            with stage.servers():  # a server of its own for each run: nothing is left from the one before
                outcomes[name].append(_run(name, callers, processes))
    return outcomes


def _median(runs: list[Outcome]) -> Outcome:
    return Outcome(
        statistics.median(run.computations for run in runs),
        statistics.median(run.wait for run in runs),
        int(statistics.median(run.calls for run in runs)),
        statistics.median(run.cores for run in runs),
    )


def _run(name: str, callers: int, processes: int) -> Outcome:
    context = multiprocessing.get_context("spawn")
    ready, results = context.Barrier(processes), context.Queue()
    crowd = [
        context.Process(target=_work, args=(name, number, callers // processes, callers, ready, results))
        for number in range(processes)
    ]
    for process in crowd:
        process.start()
    reports = [results.get(timeout=120) for _ in crowd]
    for process in crowd:
        process.join()
    waits = [wait for report in reports for wait in report["waits"]]
    return Outcome(
        computations=sum(report["computations"] for report in reports) / (SECONDS / LIFE),
        wait=percentile(waits, 0.99) / COMPUTING,
        calls=len(waits),
        cores=sum(report["cpu"] for report in reports) / SECONDS / (os.cpu_count() or 1),
    )


def _work(name: str, number: int, threads: int, callers: int, ready: Any, results: Any) -> None:
    """One process: its threads call and think. The first process makes the value before anybody begins."""
    stage.set_up()
    computations: list[float] = []
    waits: list[list[float]] = [[] for _ in range(threads)]
    call = _caller(name, computations)
    if number == 0:
        call()
    ready.wait(60)
    begins = time.monotonic() + SETTLING
    crowd = [threading.Thread(target=_calls, args=(call, callers, begins, each)) for each in waits]
    for thread in crowd:
        thread.start()
    time.sleep(SETTLING)
    cpu = time.process_time()
    for thread in crowd:
        thread.join()
    results.put(
        {
            "computations": sum(began >= begins for began in computations),
            "waits": [wait for each in waits for wait in each],
            "cpu": time.process_time() - cpu,
        }
    )


def _calls(call: Callable[[], Any], callers: int, begins: float, waits: list[float]) -> None:
    thinking = callers / CALLS_A_SECOND
    time.sleep(random.uniform(0, thinking))
    while (now := time.monotonic()) < begins + SECONDS:
        call()
        if now >= begins:
            waits.append(time.monotonic() - now)
        time.sleep(random.uniform(0.5, 1.5) * thinking)


def _caller(name: str, computations: list[float]) -> Callable[[], Any]:
    """A call through a candidate to something that takes its time, and says when it began."""

    def compute() -> dict[str, float]:
        computations.append(time.monotonic())
        time.sleep(COMPUTING)
        return {"made": time.time()}

    if name == OURS:
        from django_twilio_call.cache import cache_result

        return cache_result(LIFE, "stampede", "metrics")(compute)  # type: ignore[no-any-return]
    if name.startswith("Django"):
        from django.core.cache import caches

        return lambda: caches["django"].get_or_set("stampede", compute, LIFE)
    from dogpile.cache import make_region

    url = os.environ["REDIS_URL"][:-1] + "5"
    arguments = {"url": url, "distributed_lock": "distributed" in name, "thread_local_lock": False, "lock_timeout": 5}
    region = make_region().configure("dogpile.cache.redis", expiration_time=LIFE, arguments=arguments)
    return lambda: region.get_or_create("stampede", compute)
