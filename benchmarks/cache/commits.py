"""In real time, with readers in other processes: from a commit to its invalidation, and who dies in between."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import statistics
import threading
import time
from typing import Any, Final

from . import stage
from .timing import percentile, table, verdict

PROCESSES, THREADS = 2, 4
EDITS: Final = 500
EVERY: Final = 0.01
THINKING: Final = 0.01
LIFE: Final = 4
"""Seconds that the answer lives whose change nobody told the cache of."""


def main() -> bool:
    """Measure and print; answers whether the limits were met. Django is set up, with real servers."""
    met = _edits_beside_readers()
    return _killed_between() and met


def _edits_beside_readers() -> bool:
    """Every edit renames a queue by its number; readers compare the menu with the last acknowledged one."""
    from django.db import transaction
    from django_twilio_call.models import Queue

    context = multiprocessing.get_context("spawn")
    acknowledged, over = context.Value("q", 0), context.Event()
    ready, results = context.Barrier(PROCESSES + 1), context.Queue()
    Queue.objects.filter(key="q1").update(name="0")
    readers = [
        context.Process(target=_read, args=(acknowledged, over, ready, results), daemon=True) for _ in range(PROCESSES)
    ]
    for process in readers:
        process.start()
    ready.wait(60)
    after_commit: list[float] = []
    whole: list[float] = []
    for number in range(1, EDITS + 1):
        committed: list[float] = []
        began = time.perf_counter()
        with transaction.atomic():
            transaction.on_commit(lambda committed=committed: committed.append(time.perf_counter()))  # type: ignore[misc]
            Queue.objects.filter(key="q1").update(name=str(number))
        ended = time.perf_counter()
        acknowledged.value = number
        after_commit.append(ended - committed[0])
        whole.append(ended - began)
        time.sleep(random.uniform(0.5, 1.5) * EVERY)
    over.set()
    reports = [results.get(timeout=60) for _ in readers]
    for process in readers:
        process.join()
    reads, wrong = (sum(report[name] for report in reports) for name in ("reads", "wrong"))
    table(
        f"{EDITS} edits beside {PROCESSES * THREADS} readers in {PROCESSES} processes",
        ("", "median ms", "p99 ms", "max ms"),
        [
            (name, *(f"{1000 * each:.2f}" for each in (statistics.median(took), percentile(took, 0.99), max(took))))
            for name, took in (("commit to invalidation", after_commit), ("the whole transaction", whole))
        ],
    )
    print(f"  {reads:,} reads, {sum(report['computed'] for report in reports):,} computations")
    return verdict("reads older than an acknowledged invalidation", wrong, 0)


def _read(acknowledged: Any, over: Any, ready: Any, results: Any) -> None:
    """A process of readers."""
    stage.set_up()
    from django.db import connection
    from django_twilio_call.cache import counters
    from django_twilio_call.services import IVRService

    found: list[tuple[int, int]] = []

    def reads() -> None:
        number = wrong = 0
        while not over.is_set():
            least = acknowledged.value
            names = {key: name for _, key, name in IVRService().options()}
            wrong += int(names["q1"]) < least
            number += 1
            time.sleep(random.uniform(0.5, 1.5) * THINKING)
        found.append((number, wrong))
        connection.close()

    threads = [threading.Thread(target=reads) for _ in range(THREADS)]
    ready.wait(60)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    numbers = {"reads": sum(each for each, _ in found), "wrong": sum(wrong for _, wrong in found)}
    results.put({**numbers, "computed": counters.of("ivr").computations})


def _killed_between() -> bool:
    """A process that is killed after its commit and before its invalidation: readers are wrong until the time-out."""
    from django_twilio_call.cache import cache_result
    from django_twilio_call.services import IVRService

    menu = cache_result(LIFE, "healed", "ivr")(lambda: IVRService.options.function(IVRService()))
    context = multiprocessing.get_context("spawn")
    ready, go = context.Event(), context.Event()
    killed = context.Process(target=_commit_and_die, args=(ready, go))
    killed.start()
    if not ready.wait(60):
        raise SystemExit("the process did not start")
    before = menu.refresh()
    kept_at = time.monotonic()
    go.set()
    killed.join()
    died_after = time.monotonic() - kept_at
    if killed.exitcode != -signal.SIGKILL or IVRService.options.function(IVRService()) == before:
        raise SystemExit("the process was to commit and be killed")
    stale, last = 0, 0.0
    while (asked_after := time.monotonic() - kept_at) < 2 * LIFE and menu() == before:
        stale, last = stale + 1, asked_after
        time.sleep(0.01)
    print(f"\nKilled between commit and invalidation: {died_after:.1f} s after the answer was kept for {LIFE} s")
    print(f"  {stale:,} reads of the old answer, then healed")
    return verdict("s from keeping to the last read of the old answer", last, LIFE, " s")


def _commit_and_die(ready: Any, go: Any) -> None:
    stage.set_up()
    from django.db import transaction
    from django_twilio_call.models import Queue

    Queue.objects.first()  # connected
    ready.set()
    go.wait(60)
    with transaction.atomic():
        transaction.on_commit(lambda: os.kill(os.getpid(), signal.SIGKILL))  # first: before the invalidation
        Queue.objects.filter(key="q2").update(name="committed, and nobody was told")
