"""A million calls a day on two cores: 12 calls a second for ten minutes, and the highest rate that is held.

`make bench-million`, or `python benchmarks/million.py [--rate 12] [--seconds 600] [--search]`. PostgreSQL, Valkey,
gunicorn, worker and simulator run beside each other on this machine; a talk takes 20 s on average, and Erlang C says
how many agents answer 80 % within 20 s. Prints the laws' figures, the TwiML's times, what a call costs (CPU by kind of
process, statements) and which statements cost most. `--search` then holds rates for two minutes each, up or down from
there, and prints the highest with nobody lost and a p99 of at most 500 ms. Exits with 1 when a law was broken at the
first rate.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any, Final

import psycopg

PROJECT = Path(__file__).resolve().parent.parent / "{{cookiecutter.project_slug}}"
sys.path.insert(0, str(PROJECT))
sys.path.append(str(PROJECT.parent))

from benchmarks.calls import embedded  # noqa: E402  # found by the lines above
from tests.callcenter import LAWS, running  # noqa: E402  # the project's own
from tests.servers import Home, postgres, valkey  # noqa: E402

TALK: Final = 20.0
AROUND: Final = 3.0
"""Seconds of an agent's time beside the talk: the offer, the way into the conference, and a second of wrap-up."""
TARGET: Final = (0.8, 20.0)
"""Which share is to be answered within how many seconds."""
P99_LIMIT_MS: Final = 500.0
HOLD_SECONDS: Final = 120
RATES: Final = (2, 4, 6, 8, 10, 12, 13, 14, 15, 16, 18, 20, 24)
KINDS: Final = {"gunicorn": "web", "celery": "worker", "twilio_simulator": "simulator", "postgres": "database"}


def erlang_c(rate: float, handling: float) -> int:
    """The fewest agents that answer `TARGET` of `rate` calls a second, each `handling` seconds of an agent's time."""
    load, (share, within) = rate * handling, TARGET
    blocked, agents = 1.0, 0
    while True:
        agents += 1
        blocked = load * blocked / (agents + load * blocked)  # Erlang B, agent by agent: no factorial
        if agents <= load:
            continue
        waits = blocked / (1 - load / agents * (1 - blocked))
        if 1 - waits * 2.718281828 ** (-(agents - load) * within / handling) >= share:
            return agents


@dataclass
class Processors:
    """CPU seconds of this process's descendants by kind, read from the system twice a second."""

    ended: threading.Event = field(default_factory=threading.Event)
    spent: dict[int, tuple[str, float]] = field(default_factory=dict)

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Read until the block ends."""
        self._read()
        thread = threading.Thread(target=self._watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self.ended.set()
            thread.join()

    def by_kind(self) -> Counter[str]:
        """Seconds so far."""
        total: Counter[str] = Counter()
        for kind, seconds in self.spent.values():
            total[kind] += seconds  # type: ignore[assignment]  # a Counter of floats adds up as well
        return total

    def _watch(self) -> None:
        while not self.ended.wait(0.5):
            self._read()

    def _read(self) -> None:
        ticks = os.sysconf("SC_CLK_TCK")
        parents: dict[int, int] = {}
        found: dict[int, tuple[str, float]] = {}
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError, IndexError):
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                argv = (folder / "cmdline").read_text().replace("\0", " ")
                pid = int(folder.name)
                parents[pid] = int(fields[1])
                found[pid] = (_kind(argv), (int(fields[11]) + int(fields[12])) / ticks)
        ours = os.getpid()
        self.spent.update({pid: spent for pid, spent in found.items() if _descends(pid, ours, parents)})


def _kind(argv: str) -> str:
    if "valkey-server" in argv:
        return "valkey"
    return next((kind for word, kind in KINDS.items() if word in argv), "other")


def _descends(pid: int, ancestor: int, parents: dict[int, int]) -> bool:
    while pid in parents:
        pid = parents[pid]
        if pid == ancestor:
            return True
    return False


@contextlib.contextmanager
def servers(folder: Path, *extra: str) -> Iterator[dict[str, str]]:
    """PostgreSQL that counts statements, with `extra` parameters, and Valkey; gives web's and worker's environment."""
    counted = ("shared_preload_libraries=pg_stat_statements", "pg_stat_statements.track=all")
    with Home.open() as home, postgres(home, *counted, *extra) as database, valkey(home) as redis:
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute("CREATE EXTENSION pg_stat_statements")
        yield {
            **embedded(folder),
            # As in production: no DEBUG, which would keep every statement, and lines of JSON.
            "DJANGO_SETTINGS_MODULE": "config.settings.testing",
            "DJANGO_ALLOWED_HOSTS": "127.0.0.1",
            "DATABASE_URL": database,
            "REDIS_URL": redis,
            "CELERY_BROKER_URL": redis,
            "WEB_CONCURRENCY": "2",
            "WEB_THREADS": "8",
        }


def measure(rate: float, seconds: float, seed: int) -> dict[str, Any]:
    """One run; gives its figures."""
    agents = erlang_c(rate, TALK + AROUND)
    processors = Processors()
    with tempfile.TemporaryDirectory() as name, servers(Path(name)) as env, running(Path(name), env) as center:
        before = processors.by_kind()
        with processors.watched():
            before = processors.by_kind()
            calls = round(rate * seconds)
            figures = center.load(
                calls=calls, rate=rate, agents=agents, seed=seed, talk=TALK, timeout=int(seconds) + 600
            )
        spent = processors.by_kind()
        with psycopg.connect(env["DATABASE_URL"]) as connection:
            statements, busiest = _statements(connection)
            level = _service_level(connection)
    cost = {kind: round((spent[kind] - before[kind]) * 1000 / calls, 1) for kind in sorted(spent)}
    return {
        "rate": rate,
        "agents_by_erlang_c": agents,
        **figures,
        "answered_in_20_s": level,
        "cpu_ms_per_call": {**cost, "all": round(sum(cost.values()), 1)},
        "statements_per_call": round(statements / calls, 1),
        "busiest_statements": busiest,
        "machine_load": os.getloadavg()[0],
    }


def _statements(connection: psycopg.Connection[Any]) -> tuple[int, list[str]]:
    """How many ran, and the three that took the longest in sum."""
    rows = connection.execute(
        "SELECT calls, total_exec_time, query FROM pg_stat_statements ORDER BY total_exec_time DESC"
    ).fetchall()
    total = sum(row[1] for row in rows)
    shown = [f"{ms / total:.0%} of the time, {calls} times: {' '.join(text.split())[:160]}" for calls, ms, text in rows]
    return sum(row[0] for row in rows), shown[:3]


def _service_level(connection: psycopg.Connection[Any]) -> float:
    """The share of those offered to a queue who were answered within 20 s."""
    row = connection.execute(
        "SELECT count(*) FILTER (WHERE answered_at - enqueued_at <= interval '20 s')::float / greatest(count(*), 1)"
        " FROM django_twilio_call_queueentry"
    ).fetchone()
    return round(row[0], 3) if row else 0.0


def held(figures: dict[str, Any]) -> bool:
    """Whether no law was broken, and everybody came in."""
    ended = figures["answered"] + figures["abandoned"] + figures["overflowed"]
    counted = figures["received"] == figures["ended_before_queue"] + figures["offered"]
    return counted and figures["offered"] == ended and not any(figures[law] for law in LAWS)


def is_kept_up(figures: dict[str, Any]) -> bool:
    """Whether a rate is one that this machine holds."""
    return held(figures) and figures["p99_ms"] <= P99_LIMIT_MS


def search(first: dict[str, Any], seed: int) -> float:
    """The highest of `RATES` that is held, from the first run's: up as long as it goes, or down until it does."""

    def tried(rate: float) -> bool:
        figures = measure(rate, HOLD_SECONDS, seed)
        print(json.dumps(figures), flush=True)
        return is_kept_up(figures)

    begun: float = first["rate"]
    if is_kept_up(first):
        return max([begun, *takewhile(tried, (rate for rate in RATES if rate > begun))])
    return next(filter(tried, (rate for rate in reversed(RATES) if rate < begun)), 0.0)


def main() -> int:
    """The rate asked for, and the search."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=12)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--search", action="store_true")
    options = parser.parse_args()
    figures = measure(options.rate, options.seconds, options.seed)
    print(json.dumps(figures), flush=True)
    if options.search:
        best = search(figures, options.seed)
        print(json.dumps({"highest_rate_held": best, "p99_limit_ms": P99_LIMIT_MS}), flush=True)
    return 0 if held(figures) else 1


if __name__ == "__main__":
    sys.exit(main())
