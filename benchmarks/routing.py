"""10,000 reservations by 16 processes on a real PostgreSQL, beside the least a database can do for one.

`make bench-routing`, or `python benchmarks/routing.py [--reservations 10000] [--workers 16]`. The yardstick is `SELECT
… FOR UPDATE SKIP LOCKED LIMIT 1`, `UPDATE`, `COMMIT` on the table of waiting callers: the same driver and processes, in
turns with ours. A process keeps its `RoutingService` for a turn, as `route` does for a pass. Exits with 1 when an agent
or a caller was booked twice, or a target was missed.
"""
# ruff: noqa: PLC0415  # Django can be imported once there is a database

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from statistics import quantiles
from typing import Any, Final, TypeAlias

PROJECT = Path(__file__).resolve().parent.parent / "{{cookiecutter.project_slug}}"
sys.path.insert(0, str(PROJECT))

TURNS: Final = 10
SMALL: Final = (100, 100)
LARGE: Final = (1000, 10_000)
"""(agents, callers who wait): each who is taken is followed by a new one, so the number stays."""
ENDED: Final = (
    "UPDATE django_twilio_call_queueentry SET state = 'answered' WHERE id = %(entry)s",
    "UPDATE django_twilio_call_reservation SET state = 'completed', ended_at = now() WHERE id = %(talk)s",
    "UPDATE django_twilio_call_agentstatespan SET ended_at = now() WHERE agent_id = %(agent)s AND ended_at IS NULL",
    "INSERT INTO django_twilio_call_agentstatespan (agent_id, state, reason, started_at)"
    " VALUES (%(agent)s, 'available', '', now())",
)
"""The end of a talk. Written out, so that what is not timed takes as little of the processors as it can."""
P99_LIMIT: Final = 2.0
P50_LIMIT: Final = 2.0
Work: TypeAlias = Callable[[int], list[float]]


@contextlib.contextmanager
def database() -> Iterator[None]:
    """A PostgreSQL of its own, which does not wait for the disk, and Django on it."""
    from tests.servers import Home, postgres

    with Home.open() as home, postgres(home) as url:
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "config.settings.testing",
            "DJANGO_SECRET_KEY": secrets.token_urlsafe(50),
            "TWILIO_AUTH_TOKEN": secrets.token_urlsafe(32),
            "DATABASE_URL": url,
        }
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        yield


def fill(agents: int, waiting: int) -> int:
    """A queue with so many agents, all available, and so many callers; answers its key."""
    from django.contrib.auth import get_user_model
    from django.db import connection
    from django.utils import timezone
    from django_twilio_call.models import Agent, AgentStateSpan, Queue, QueueMembership

    now = timezone.now()
    user: Any = get_user_model()
    name = f"q{agents}"
    users = user.objects.bulk_create(user(username=f"{name}-{number}") for number in range(agents))
    people = Agent.objects.bulk_create(Agent(user=each, name=each.username) for each in users)
    queue = Queue.objects.create(key=name, name=name)
    QueueMembership.objects.bulk_create(QueueMembership(queue=queue, agent=agent) for agent in people)
    AgentStateSpan.objects.bulk_create(
        AgentStateSpan(agent=agent, state="available", started_at=now - timedelta(seconds=agent.pk)) for agent in people
    )
    call_in(queue.pk, waiting)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return int(queue.pk)


def call_in(queue: int, callers: int) -> None:
    """So many new callers, who wait."""
    from django.utils import timezone
    from django_twilio_call.models import Call, QueueEntry

    now = timezone.now()
    calls = Call.objects.bulk_create(
        Call(sid=f"CA{secrets.token_hex(16)}", from_number="+14155550100", to_number="+15550100000", started_at=now)
        for _ in range(callers)
    )
    QueueEntry.objects.bulk_create(
        QueueEntry(call=call, queue_id=queue, priority=1, enqueued_at=now, rank_at=now) for call in calls
    )


def yardstick(queue: int) -> Work:
    """The least: take the first waiting caller."""
    from django.db import connection, transaction

    def work(count: int) -> list[float]:
        taken = []
        for _ in range(count):
            began = time.perf_counter()
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(
                    "SELECT id FROM django_twilio_call_queueentry WHERE queue_id = %s AND state = 'waiting'"
                    " ORDER BY rank_at, id LIMIT 1 FOR UPDATE SKIP LOCKED",
                    [queue],
                )
                (entry,) = cursor.fetchone()
                cursor.execute("UPDATE django_twilio_call_queueentry SET state = 'answered' WHERE id = %s", [entry])
            taken.append(time.perf_counter() - began)
            call_in(queue, 1)
        return taken

    return work


def reservations(queue: int) -> Work:
    """Ours: an agent promised to the first caller. Then, untimed, the call ends and another comes in."""
    from django.db import connection, transaction
    from django.utils import timezone
    from django_twilio_call.services import RoutingService

    def work(count: int) -> list[float]:
        taken: list[float] = []
        service = RoutingService()
        while len(taken) < count:
            now, began = timezone.now(), time.perf_counter()
            made = service.reserve(queue_id=queue, now=now)
            seconds = time.perf_counter() - began
            if made is None:  # all agents are reserved at this moment
                continue
            taken.append(seconds)
            with transaction.atomic(), connection.cursor() as cursor:
                for statement in ENDED:
                    cursor.execute(statement, {"entry": made.entry_id, "talk": made.pk, "agent": made.agent_id})
            call_in(queue, 1)
        return taken

    return work


def in_turns(works: dict[str, Work], workers: int, each: int) -> dict[str, list[float]]:
    """Do `each` of every work in all processes at once, one work after the other, turn by turn; gives their times."""
    from django.db import connection

    connection.close()
    context = multiprocessing.get_context("fork")
    barrier, results = context.Barrier(workers), context.SimpleQueue()

    def run() -> None:
        times: dict[str, list[float]] = {name: [] for name in works}
        for turn in range(TURNS + 1):
            for name, work in works.items():
                barrier.wait(300)
                done = work(each)
                times[name] += done if turn else []  # the first turn warms up
        results.put(times)

    processes = [context.Process(target=run, daemon=True) for _ in range(workers)]
    for process in processes:
        process.start()
    every = [results.get() for _ in processes]
    for process in processes:
        process.join()
    return {name: [seconds for times in every for seconds in times[name]] for name in works}


def double_bookings() -> int:
    """Pairs of reservations of one agent, or of one caller, that overlap in time."""
    from django.db import connection

    overlap = """
        SELECT count(*) FROM django_twilio_call_reservation a JOIN django_twilio_call_reservation b
        ON a.{0} = b.{0} AND a.id < b.id
        AND tstzrange(a.created_at, a.ended_at) && tstzrange(b.created_at, b.ended_at)
    """
    with connection.cursor() as cursor:
        found = 0
        for who in ("agent_id", "entry_id"):
            cursor.execute(overlap.format(who))
            found += cursor.fetchone()[0]
        return found


def figures(times: list[float]) -> dict[str, float]:
    """Milliseconds."""
    cuts = quantiles(times, n=100)
    return {"n": len(times), "p50_ms": round(cuts[49] * 1000, 2), "p99_ms": round(cuts[98] * 1000, 2)}


def main() -> int:
    """Both sizes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reservations", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=16)
    options = parser.parse_args()
    each = -(-options.reservations // (options.workers * TURNS))  # rounded up
    p50: list[float] = []
    held = True
    with database():
        for agents, waiting in (SMALL, LARGE):
            queue = fill(agents, waiting)
            times = in_turns({"yardstick": yardstick(queue), "ours": reservations(queue)}, options.workers, each)
            shown: dict[str, Any] = {name: figures(seconds) for name, seconds in times.items()}
            ratio = shown["ours"]["p99_ms"] / shown["yardstick"]["p99_ms"]
            p50.append(shown["ours"]["p50_ms"])
            print(json.dumps({"agents": agents, "waiting": waiting, **shown, "p99_ratio": round(ratio, 2)}), flush=True)
            held = held and (ratio <= P99_LIMIT or (agents, waiting) != SMALL)
        doubles = double_bookings()
    growth = p50[1] / p50[0]
    print(json.dumps({"processes": options.workers, "double_bookings": doubles, "p50_growth": round(growth, 2)}))
    return 0 if held and not doubles and growth < P50_LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
