"""Wallboard, reports and history over 1,000,000 calls, beside the same figures from raw rows; and 200 wallboards.

`make bench-reports`, or `python benchmarks/reports.py [--calls 1000000] [--boards 200] [--seconds 60]`. PostgreSQL,
Valkey and one web worker on this machine; 30 days of calls are put in by plain SQL and counted by the project's own
rebuild. Every statement of a page is explained: how many rows it read of what grows with the calls, and for how long.
The board changes every second, and boards poll as the page does. Exits with 1 when

- a wallboard or a report read more of those rows than go on now: all else is to come from interval counts,
- a page took more queries than it may, whatever there is,
- the statements of a page of the history took longer than 100 ms together, or
- all boards cost more than 15 % of one core (web, database and Valkey, less what they cost when nobody looks).
"""
# ruff: noqa: PLC0415, S608  # Django can be imported once there is a database; statements are fixed texts

from __future__ import annotations

import argparse
import contextlib
import gzip
import http.client
import json
import os
import re
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import psycopg

PROJECT = Path(__file__).resolve().parent.parent / "{{cookiecutter.project_slug}}"
sys.path.insert(0, str(PROJECT))
sys.path.append(str(PROJECT.parent))

from benchmarks.million import Processors, servers  # noqa: E402  # found by the lines above
from tests.callcenter import CallCenter, running  # noqa: E402  # the project's own

BOARDS_LIMIT: Final = 0.15
HISTORY_LIMIT_MS: Final = 100.0
MOST_QUERIES, MOST_OF_A_CALL = 12, 25
"""Of a page, and of the timeline of one call; the tests say that their number does not grow."""
BOARD: Final = PROJECT / "django_twilio_call/templates/console/_board.html"
POLL_SECONDS: Final = float(re.findall(r"every ([0-9]+)s", BOARD.read_text())[0])
DAYS: Final = 30
QUEUES, SHIFTS, SHIFT = 10, 3, 100
AGENTS: Final = SHIFTS * SHIFT
"""In three shifts a day, as many in each."""
GOING_ON, WAITING = 150, 50
"""Of the last calls so many go on, and so many of these wait; the others talk, each with another agent of a shift."""
LIVE_ROWS: Final = 4 * (AGENTS + GOING_ON)
"""Rows that a page may read of what goes on now: it asks for it by queue and by agent, and more than once."""
PREFIX: Final = "django_twilio_call_"
GROWING: Final = ("call", "queueentry", "reservation", "agentstatespan")

NUMBER: Final = (
    "'+1' || CASE WHEN mod(caller, 2) = 0 THEN 2000000000 + caller * 79999 ELSE 4150000000 + caller * 79 END"
)
"""100,000 callers, half of them from one town. The arithmetic is SQL's, of `caller` as bigint."""
FILL: Final = (
    f"""
    CREATE TEMPORARY TABLE visit AS
    SELECT n, mod(n * 7919::bigint, 100000) AS caller, came, state, went,
        CASE WHEN state = 'answered' THEN over ELSE went END AS over,
        (SELECT min(id) FROM {PREFIX}queue) + mod(n, {QUEUES}) AS queue_id,
        (SELECT min(id) FROM {PREFIX}agent) + {SHIFT} * (extract(hour FROM came)::int * {SHIFTS} / 24) + mod(n, {SHIFT})
            AS agent_id
    FROM (
        SELECT n, came,
            CASE WHEN later < {WAITING} THEN 'waiting' WHEN mod(n, 100) < 85 THEN 'answered'
                WHEN mod(n, 100) < 95 THEN 'abandoned' ELSE 'overflowed' END AS state,
            CASE WHEN later >= {WAITING} THEN came + waited END AS went,
            CASE WHEN later >= {GOING_ON} THEN came + waited + talked END AS over
        FROM (
            SELECT n, %(calls)s - n AS later,
                %(now)s::timestamptz - interval '1 day' * {DAYS} * (%(calls)s - n) / %(calls)s AS came,
                interval '1 second' * mod(n * 7919::bigint, 60) AS waited,
                interval '1 second' * (60 + mod(n * 104729::bigint, 160)) AS talked
            FROM generate_series(1, %(calls)s) AS n
        ) AS plan
    ) AS course
    """,
    f"""
    INSERT INTO {PREFIX}call (id, sid, role, direction, from_number, to_number, status, sequence, started_at,
        answered_at, ended_at, duration)
    SELECT n, 'CA' || lpad(to_hex(n), 32, '0'), 'customer', 'inbound', {NUMBER}, '+15550100000',
        CASE WHEN over IS NULL THEN 'in-progress' ELSE 'completed' END, 5, came, came, over,
        extract(epoch FROM over - came) FROM visit
    """,
    f"""
    INSERT INTO {PREFIX}queueentry (id, call_id, queue_id, state, priority, enqueued_at, rank_at, requires,
        answered_at, ended_at, overflow_reason, overflow_to, is_counted)
    SELECT n, n, queue_id, state, 1, came, came, '', CASE WHEN state = 'answered' THEN went END, went, '', '',
        went IS NOT NULL FROM visit
    """,
    f"""
    INSERT INTO {PREFIX}reservation (entry_id, agent_id, state, created_at, accepted_at, expires_at, ended_at,
        is_counted)
    SELECT n, agent_id, CASE WHEN over IS NULL THEN 'accepted' ELSE 'completed' END, went - interval '5 s',
        went - interval '1 s', went, over, over IS NOT NULL FROM visit WHERE state = 'answered'
    """,
    f"""
    INSERT INTO {PREFIX}agentstatespan (agent_id, state, reason, started_at, ended_at, is_counted)
    SELECT agent_id, span.state, '', span.began, span.ended, true FROM {PREFIX}reservation, LATERAL (VALUES
        ('available', created_at - interval '60 s', created_at),
        ('busy', accepted_at, ended_at),
        ('wrap_up', ended_at, ended_at + interval '20 s')
    ) AS span (state, began, ended) WHERE ended_at IS NOT NULL
    """,
    f"""
    INSERT INTO {PREFIX}agentstatespan (agent_id, state, reason, started_at, is_counted)
    SELECT agent.id, CASE WHEN talk.id IS NULL THEN 'available' ELSE 'busy' END, '',
        coalesce(talk.accepted_at, %(now)s::timestamptz - interval '1 minute'), false
    FROM {PREFIX}agent AS agent
    LEFT JOIN {PREFIX}reservation AS talk ON talk.agent_id = agent.id AND talk.state = 'accepted'
    """,
)
"""One call in ten is abandoned, one in twenty overflows; `went` is when they left the queue, `over` the call's end."""
RAW: Final = {
    "wallboard": f"""
    SELECT queue_id, count(*), count(*) FILTER (WHERE state = 'answered'),
        count(*) FILTER (WHERE state = 'answered' AND answered_at - enqueued_at <= interval '20 s'),
        sum(answered_at - enqueued_at)
    FROM {PREFIX}queueentry WHERE enqueued_at >= %(today)s GROUP BY queue_id
    """,
    "report": f"""
    SELECT date(enqueued_at), queue_id, count(*), count(*) FILTER (WHERE entry.state = 'answered'),
        count(*) FILTER (WHERE entry.state = 'answered' AND answered_at - enqueued_at <= interval '20 s'),
        count(*) FILTER (WHERE entry.state = 'abandoned'), sum(answered_at - enqueued_at),
        sum(talk.ended_at - answered_at)
    FROM {PREFIX}queueentry AS entry LEFT JOIN {PREFIX}reservation AS talk ON talk.entry_id = entry.id
    WHERE enqueued_at >= %(begin)s GROUP BY 1, 2
    """,
}
"""What the pages' figures would cost without interval counts."""


def fill(database: str, calls: int, now: datetime) -> dict[str, Any]:
    """Queues, agents, calls of 30 days up to now, and their intervals; answers how many seconds that took."""
    from django.contrib.auth import get_user_model
    from django.utils import timezone
    from django_twilio_call.models import Agent, Queue
    from django_twilio_call.services import IntervalService
    from django_twilio_call.services.reporting import midnight

    user: Any = get_user_model()
    Queue.objects.bulk_create(Queue(key=f"q{number}", name=f"Queue {number}") for number in range(QUEUES))
    users = user.objects.bulk_create(user(username=f"agent{number}") for number in range(AGENTS))
    Agent.objects.bulk_create(Agent(user=each, name=each.username) for each in users)
    began = time.perf_counter()
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")  # nobody looks for what rows refer to: it is there
        with without_indexes(connection):
            for statement in FILL:
                connection.execute(statement, {"now": now, "calls": calls})
        connection.execute("VACUUM ANALYZE")  # what autovacuum would do in between
    filled, days = time.perf_counter(), []
    for number in range(DAYS + 1):
        day, start = timezone.localdate(now) - timedelta(days=number), time.perf_counter()
        IntervalService().rebuild(begin=midnight(day), end=midnight(day + timedelta(days=1)))
        days.append(time.perf_counter() - start)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
    return {
        "fill_s": round(filled - began, 1),
        "count_s": round(sum(days), 1),
        "longest_day_s": round(max(days), 2),
    }


@contextlib.contextmanager
def without_indexes(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Without those of the tables that are filled, which are made again at the end: so it takes half the time."""
    found = connection.execute(
        "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid::regclass::text"
        " = ANY(%s) AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)",
        [[PREFIX + name for name in GROWING]],
    ).fetchall()
    for name, _ in found:
        connection.execute(f"DROP INDEX {name}")
    yield
    connection.execute("SET maintenance_work_mem = '256MB'")
    for _, definition in found:
        connection.execute(definition)


def timed(work: Callable[[], object], times: int = 5) -> float:
    """Milliseconds, the least of some."""
    found = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return round(min(found) * 1000, 1)


class Reader:
    """A supervisor's browser, without a socket: asks for pages, and has their statements explained."""

    def __init__(self) -> None:
        from django.contrib.auth import get_user_model
        from django.test import Client

        people: Any = get_user_model().objects
        self.client = Client(headers={"Host": "127.0.0.1"})
        self.client.force_login(people.create_superuser("supervisor"))

    def get(self, path: str, *, kept: bool = True) -> Any:
        """The answer; `kept`: by answers that are kept, where they are."""
        from django.core.cache import cache
        from django_twilio_call.console import wallboard

        if not kept:
            cache.clear()
            wallboard.forget()
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.content  # noqa: S101
        return answer

    def cost(self, path: str) -> dict[str, Any]:
        """With nothing kept: queries, milliseconds in the database, rows read of what grows; and the page's times."""
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        self.get(path, kept=False)  # what a process imports and connects to once
        with CaptureQueriesContext(connection) as queries:
            self.get(path, kept=False)
        read, spent = Counter[str](), 0.0
        for query in queries.captured_queries:
            if (sql := query["sql"]).startswith(("SELECT", "(SELECT")):
                explain(sql, Counter())  # what it reads is at hand then, as it is for the page's times
                spent += explain(sql, read)
        return {
            "queries": len(queries),
            "database_ms": round(spent, 1),
            "rows_read": dict(read),
            "ms": timed(lambda: self.get(path, kept=False)),
            "kept_ms": timed(lambda: self.get(path)),
        }


def explain(sql: str, read: Counter[str]) -> float:
    """Run a statement: its milliseconds, and to `read` the rows it took of each table that grows with the calls."""
    from django.db import connection

    def look(plan: dict[str, Any]) -> None:
        table = plan.get("Relation Name", "").removeprefix(PREFIX)
        if table in GROWING:
            rows = sum(plan.get(name, 0) for name in ("Actual Rows", *REMOVED))
            read[table] += round(rows * plan["Actual Loops"])
        for part in plan.get("Plans", ()):
            look(part)

    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {sql}")
        (found,) = cursor.fetchone()[0]
    look(found["Plan"])
    return float(found["Planning Time"] + found["Execution Time"])


REMOVED: Final = ("Rows Removed by Filter", "Rows Removed by Index Recheck")


def pages(reader: Reader, database: str, now: datetime) -> Iterator[dict[str, Any]]:
    """Wallboard and reports, and the same figures from raw rows."""
    from django.utils import timezone

    today = timezone.localdate(now)
    first = today - timedelta(days=DAYS)
    began = {"today": timezone.localtime(now).replace(hour=0, minute=0, second=0), "begin": now - timedelta(days=DAYS)}
    month = urlencode({"first": first, "last": today})
    for name, path, raw in (
        ("wallboard", "/", "wallboard"),
        ("report of today", "/reports/", "wallboard"),
        ("report of 30 days", f"/reports/?{month}", "report"),
        ("report of 30 days, one queue", f"/reports/?{month}&queue=q1", "report"),
    ):
        cost = reader.cost(path)
        with psycopg.connect(database) as connection:
            rows_ms = timed(lambda raw=raw: connection.execute(RAW[raw], began).fetchall(), 3)  # type: ignore[misc]
        met = sum(cost["rows_read"].values()) <= LIVE_ROWS and cost["queries"] <= MOST_QUERIES
        yield {"page": name, **cost, "raw_rows_ms": rows_ms, "most_rows": LIVE_ROWS, "met": met}


def history(reader: Reader, calls: int, now: datetime) -> Iterator[dict[str, Any]]:
    """The record's first page, a deep one, and searches, for what is frequent, rare, or not there."""
    from django_twilio_call.models import Agent, Queue

    deep, day = now - timedelta(days=DAYS * 0.9), now - timedelta(days=DAYS / 2)
    agent, queue = Agent.objects.order_by("pk")[13].pk, Queue.objects.order_by("pk")[3].pk
    asked: dict[str, dict[str, Any]] = {
        "first page": {},
        "deep page": {"before": f"{deep.isoformat()}_{calls}"},
        "number": {"number": "+14150000079"},
        "prefix of 600 calls": {"number": "+1415123"},
        "prefix of 60,000 calls": {"number": "+14151"},
        "prefix of none": {"number": "+14159999"},
        "the center's own number": {"number": "+15550100000"},
        "a day": {"since": f"{day:%Y-%m-%dT%H:%M}", "until": f"{day + timedelta(days=1):%Y-%m-%dT%H:%M}"},
        "agent": {"agent": agent},
        "queue": {"queue": queue},
        "agent and queue": {"agent": agent, "queue": queue},
        "agent and number": {"agent": agent, "number": "+14151"},
        "queue and number": {"queue": queue, "number": "+1415123"},
    }
    paths = {name: f"/calls/?{urlencode(query)}" for name, query in asked.items()}
    for name, path in {**paths, "sid": f"/calls/CA{calls // 2:032x}/"}.items():
        cost = reader.cost(path)
        shown = reader.get(path).content.count(b'href="/calls/CA')  # lines of the history; a call's own page has none
        most = MOST_QUERIES if name in paths else MOST_OF_A_CALL
        met = cost["database_ms"] <= HISTORY_LIMIT_MS and cost["queries"] <= most
        yield {"history": name, "shown": shown, **cost, "limit_ms": HISTORY_LIMIT_MS, "met": met}


class Board(threading.Thread):
    """Some boards that poll in turn, as the page does: with what they show, and with their cookies."""

    def __init__(self, center: CallCenter, sessions: list[str], until: float) -> None:
        super().__init__(daemon=True)
        self.port, self.until = center.port, until
        self.boards = [{"cookies": {"sessionid": session}, "version": "", "connection": None} for session in sessions]
        self.answers: dict[int, int] = {}

    def run(self) -> None:
        """Poll each as often as the page says, evenly spread."""
        due = time.monotonic()
        while due < self.until:
            for board in self.boards:
                due += POLL_SECONDS / len(self.boards)
                time.sleep(max(0.0, due - time.monotonic()))
                self._poll(board)

    def _poll(self, board: dict[str, Any]) -> None:
        cookies = "; ".join(f"{name}={value}" for name, value in board["cookies"].items())
        headers = {"Cookie": cookies, "HX-Request": "true", "Accept-Encoding": "gzip"}
        for _ in range(2):  # the server ends connections that were idle
            connection = board["connection"] or http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
            board["connection"] = connection
            try:
                connection.request("GET", f"/live/?v={board['version']}", headers=headers)
                answer = connection.getresponse()
                body = answer.read()
                break
            except (http.client.HTTPException, OSError):
                connection.close()
                board["connection"] = None
        else:
            self.answers[0] = self.answers.get(0, 0) + 1
            return
        self.answers[answer.status] = self.answers.get(answer.status, 0) + 1
        if ticket := re.search(r"wallboard=([^;]+)", answer.headers.get("Set-Cookie", "")):
            board["cookies"]["wallboard"] = ticket[1]
        if answer.status == 200:
            found = re.search(rb"[?]v=(\w+)", gzip.decompress(body))
            board["version"] = found[1].decode() if found else ""


@contextlib.contextmanager
def changing(database: str) -> Iterator[None]:
    """The last caller leaves the line, or comes back, every second: no board is ever up to date for long."""
    ended = threading.Event()

    def change() -> None:
        with psycopg.connect(database, autocommit=True) as connection:
            while not ended.wait(1):
                connection.execute(
                    f"UPDATE {PREFIX}queueentry SET state = CASE state WHEN 'waiting' THEN 'overflowed' ELSE 'waiting'"
                    f" END WHERE id = (SELECT max(id) FROM {PREFIX}queueentry)"
                )

    thread = threading.Thread(target=change, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def boards(center: CallCenter, database: str, number: int, seconds: float) -> dict[str, Any]:
    """What so many boards that are open cost, each with its ticket, beside as long a time in which nobody looks."""
    from django.contrib.auth import get_user_model
    from django.test import Client

    sessions = []
    for person in get_user_model().objects.all()[:number]:
        client = Client()
        client.force_login(person)
        sessions.append(client.cookies["sessionid"].value)
    processors, settled = Processors(), 2 * POLL_SECONDS
    with processors.watched(), changing(database):
        time.sleep(1)
        start = processors.by_kind()
        time.sleep(seconds)
        idle = processors.by_kind()
        until = time.monotonic() + settled + seconds
        threads = [Board(center, sessions[place::20], until) for place in range(20)]
        for thread in threads:
            thread.start()
        time.sleep(settled)
        opened = processors.by_kind()
        for thread in threads:
            thread.join()
        busy = processors.by_kind()
    answers: dict[int, int] = {}
    for thread in threads:
        for status, count in thread.answers.items():
            answers[status] = answers.get(status, 0) + count
    kinds = ("web", "database", "valkey")
    share = {kind: round(((busy[kind] - opened[kind]) - (idle[kind] - start[kind])) / seconds, 4) for kind in kinds}
    cores = sum(share.values())
    return {
        "boards": len(sessions),
        "answers": answers,
        "cores": share,
        "cores_in_all": round(cores, 4),
        "limit": BOARDS_LIMIT,
        "met": cores <= BOARDS_LIMIT and set(answers) <= {200, 204},
    }


def main() -> int:
    """All of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--boards", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()
    met = True
    with tempfile.TemporaryDirectory() as name, servers(Path(name), "max_wal_size=8GB") as env:
        env |= {
            "DJANGO_LOG_LEVEL": "WARNING",
            "WEB_CONCURRENCY": "1",
        }
        center = CallCenter(Path(name), env)
        center.manage("migrate", "--verbosity", "0")
        os.environ |= center.environment()
        import django

        django.setup()
        from django.utils import timezone

        database, now = env["DATABASE_URL"], timezone.now()
        print(json.dumps({"calls": options.calls, **fill(database, options.calls, now)}), flush=True)
        reader = Reader()
        for line in chain(pages(reader, database, now), history(reader, options.calls, now)):
            print(json.dumps(line), flush=True)
            met = met and line["met"]
        with running(Path(name), env, worker=False) as center:
            cost = boards(center, database, options.boards, options.seconds)
        met = met and cost["met"]
        print(json.dumps({**cost, "machine_load": os.getloadavg()[0]}), flush=True)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
