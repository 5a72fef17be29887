"""Wallboard and reports over 1,000,000 calls, beside the same figures from raw rows; and 200 wallboards for a minute.

`make bench-reports`, or `python benchmarks/reports.py [--calls 1000000] [--boards 200] [--seconds 60]`. PostgreSQL and
Valkey, two web workers and a worker on this machine; 30 days of calls are put in by plain SQL and counted by the
project's own rebuild. The board changes every second, and boards poll as the page does. Exits with 1 when all boards
together cost more than 15 % of one core (web, database and Valkey, less what they cost when nobody looks).
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
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import psycopg

PROJECT = Path(__file__).resolve().parent.parent / "{{cookiecutter.project_slug}}"
sys.path.insert(0, str(PROJECT))
sys.path.append(str(PROJECT.parent))

from benchmarks.million import Processors, servers  # noqa: E402  # found by the lines above
from tests.callcenter import CallCenter, running  # noqa: E402  # the project's own

LIMIT: Final = 0.15
POLL_SECONDS: Final = 2.0
DAYS: Final = 30
QUEUES, AGENTS = 10, 300

VISIT: Final = "CASE WHEN mod(n, 100) < 85 THEN 'answered' WHEN mod(n, 100) < 95 THEN 'abandoned' ELSE 'overflowed' END"
CAME: Final = "(%(begin)s::timestamptz + n * (interval '1 day' * %(days)s / %(calls)s))"
WAITED: Final = "interval '1 second' * (mod(n * 7919::bigint, 60))"
TALKED: Final = "interval '1 second' * (60 + mod(n * 104729::bigint, 240))"
ANSWERED: Final = f"({CAME} + {WAITED})"
NUMBERS: Final = "FROM generate_series(1, %(calls)s) AS n"
FILL: Final = (
    "INSERT INTO django_twilio_call_call (id, sid, role, direction, from_number, to_number, status, sequence,"
    " started_at, answered_at, ended_at, duration) SELECT n, 'CA' || lpad(to_hex(n), 32, '0'), 'customer', 'inbound',"
    f" '+1415555' || mod(n, 10000), '+15550100000', 'completed', 5, {CAME}, {CAME}, {ANSWERED} + {TALKED}, 100"
    f" {NUMBERS}",
    "INSERT INTO django_twilio_call_queueentry (id, call_id, queue_id, state, priority, enqueued_at, rank_at, requires,"
    " answered_at, ended_at, overflow_reason, overflow_to, is_counted)"
    f" SELECT n, n, (SELECT min(id) FROM django_twilio_call_queue) + mod(n, {QUEUES}), {VISIT}, 1, {CAME}, {CAME}, '',"
    f" CASE WHEN mod(n, 100) < 85 THEN {ANSWERED} END, {ANSWERED}, '', '', true {NUMBERS}",
    "INSERT INTO django_twilio_call_reservation (entry_id, agent_id, state, created_at, accepted_at, expires_at,"
    f" ended_at, is_counted) SELECT n, (SELECT min(id) FROM django_twilio_call_agent) + mod(n, {AGENTS}), 'completed',"
    f" {ANSWERED} - interval '5 s', {ANSWERED} - interval '1 s', {ANSWERED}, {ANSWERED} + {TALKED}, true {NUMBERS}"
    " WHERE mod(n, 100) < 85",
    *(
        "INSERT INTO django_twilio_call_agentstatespan (agent_id, state, reason, started_at, ended_at, is_counted)"
        f" SELECT agent_id, '{state}', '', {begin}, {end}, true FROM django_twilio_call_reservation"
        for state, begin, end in (
            ("available", "created_at - interval '60 s'", "created_at"),
            ("busy", "accepted_at", "ended_at"),
            ("wrap_up", "ended_at", "ended_at + interval '20 s'"),
        )
    ),
    "ANALYZE",
)
RAW: Final = {
    "wallboard": "SELECT queue_id, count(*), count(*) FILTER (WHERE state = 'answered'), count(*) FILTER (WHERE state ="
    " 'answered' AND answered_at - enqueued_at <= interval '20 s'), sum(answered_at - enqueued_at)"
    " FROM django_twilio_call_queueentry WHERE enqueued_at >= %(today)s GROUP BY queue_id",
    "report": "SELECT date(enqueued_at), queue_id, count(*), count(*) FILTER (WHERE e.state = 'answered'),"
    " count(*) FILTER (WHERE e.state = 'answered' AND answered_at - enqueued_at <= interval '20 s'),"
    " count(*) FILTER (WHERE e.state = 'abandoned'), sum(answered_at - enqueued_at), sum(r.ended_at - answered_at)"
    " FROM django_twilio_call_queueentry e LEFT JOIN django_twilio_call_reservation r ON r.entry_id = e.id"
    " WHERE enqueued_at >= %(begin)s GROUP BY 1, 2",
}


def fill(database: str, calls: int) -> dict[str, Any]:
    """Queues, agents, calls of 30 days up to now, and their intervals; answers how long that took."""
    from django.contrib.auth import get_user_model
    from django.utils import timezone
    from django_twilio_call.models import Agent, AgentStateSpan, Queue
    from django_twilio_call.services import IntervalService
    from django_twilio_call.services.reporting import midnight

    now = timezone.now()
    user: Any = get_user_model()
    Queue.objects.bulk_create(Queue(key=f"q{number}", name=f"Queue {number}") for number in range(QUEUES))
    users = user.objects.bulk_create(user(username=f"agent{number}") for number in range(AGENTS))
    agents = Agent.objects.bulk_create(Agent(user=each, name=each.username) for each in users)
    began, begin = time.perf_counter(), now - timedelta(days=DAYS)
    with psycopg.connect(database, autocommit=True) as connection:
        for statement in FILL:
            params = {"begin": begin, "days": DAYS, "calls": calls} if "%(" in statement else None
            connection.execute(statement, params)
    AgentStateSpan.objects.bulk_create(
        AgentStateSpan(agent=agent, state="available", started_at=now - timedelta(seconds=agent.pk)) for agent in agents
    )
    filled, first = time.perf_counter(), timezone.localdate(begin)
    for number in range(DAYS + 2):
        day = first + timedelta(days=number)
        IntervalService().rebuild(begin=midnight(day), end=midnight(day + timedelta(days=1)))
    return {"fill_s": round(filled - began, 1), "count_s": round(time.perf_counter() - filled, 1)}


def timed(work: Callable[[], object], times: int = 5) -> float:
    """Milliseconds, the least of some."""
    found = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return round(min(found) * 1000, 1)


def pages(database: str) -> Iterator[dict[str, Any]]:
    """Each page with nothing kept, and once more; and the same figures from raw rows."""
    from django.contrib.auth import get_user_model
    from django.core.cache import cache
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext
    from django.utils import timezone
    from django_twilio_call.console import wallboard

    client, today = Client(), timezone.localdate()
    people: Any = get_user_model().objects
    client.force_login(people.create_superuser("supervisor"))
    first = today - timedelta(days=DAYS)
    began = {"today": timezone.localtime().replace(hour=0, minute=0, second=0), "begin": timezone.now()}
    began["begin"] -= timedelta(days=DAYS)

    def get(path: str, *, kept: bool) -> None:
        if not kept:
            cache.clear()
            wallboard.forget()
        answer = client.get(path, headers={"Host": "127.0.0.1"})
        assert answer.status_code == 200, answer.content  # noqa: S101

    for name, path in (("wallboard", "/"), ("report", f"/reports/?first={first}&last={today}")):
        with CaptureQueriesContext(connection) as queries:
            get(path, kept=False)
        with psycopg.connect(database) as raw:
            yield {
                "page": name,
                "queries": len(queries),
                "ms": timed(lambda path=path: get(path, kept=False)),  # type: ignore[misc]
                "kept_ms": timed(lambda path=path: get(path, kept=True)),  # type: ignore[misc]
                "of_queries_ms": round(sum(float(query["time"]) for query in queries.captured_queries) * 1000),
                "raw_rows_ms": timed(lambda name=name, raw=raw: raw.execute(RAW[name], began).fetchall()),  # type: ignore[misc]
            }


class Board(threading.Thread):
    """Some boards that poll in turn, as the page does: with what they show, and with their cookies."""

    def __init__(self, center: CallCenter, sessions: list[str], until: float) -> None:
        super().__init__(daemon=True)
        self.port, self.until = center.port, until
        self.boards = [{"cookies": {"sessionid": session}, "version": "", "connection": None} for session in sessions]
        self.answers: dict[int, int] = {}

    def run(self) -> None:
        """Poll each every two seconds, evenly spread."""
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
    """A caller comes, or goes, every second: no board is ever up to date for long."""
    ended = threading.Event()

    def change() -> None:
        with psycopg.connect(database, autocommit=True) as connection:
            while not ended.wait(1):
                connection.execute(
                    "UPDATE django_twilio_call_queueentry SET state = CASE state WHEN 'waiting' THEN 'overflowed' ELSE"
                    " 'waiting' END WHERE id = (SELECT min(id) FROM django_twilio_call_queueentry WHERE id % 100 = 99)"
                )

    thread = threading.Thread(target=change, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def boards(center: CallCenter, database: str, number: int, seconds: float) -> dict[str, Any]:
    """What so many boards cost, beside as long a time in which nobody looks."""
    from django.contrib.auth import get_user_model
    from django.test import Client

    sessions = []
    for person in get_user_model().objects.all()[:number]:
        client = Client()
        client.force_login(person)
        sessions.append(client.cookies["sessionid"].value)
    processors = Processors()
    with processors.watched(), changing(database):
        time.sleep(1)
        start = processors.by_kind()
        time.sleep(seconds)
        idle = processors.by_kind()
        until = time.monotonic() + seconds
        threads = [Board(center, sessions[place::20], until) for place in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        busy = processors.by_kind()
    answers: dict[int, int] = {}
    for thread in threads:
        for status, count in thread.answers.items():
            answers[status] = answers.get(status, 0) + count
    kinds = ("web", "database", "valkey")
    share = {kind: round(((busy[kind] - idle[kind]) - (idle[kind] - start[kind])) / seconds, 4) for kind in kinds}
    return {"boards": len(sessions), "answers": answers, "cores": share, "cores_in_all": round(sum(share.values()), 4)}


def main() -> int:
    """All of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--boards", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, servers(Path(name)) as env, running(Path(name), env) as center:
        os.environ |= {
            **center.environment(),
            "DJANGO_SETTINGS_MODULE": "config.settings.development",
            "DJANGO_LOG_LEVEL": "WARNING",
        }
        import django

        django.setup()
        database = env["DATABASE_URL"]
        print(json.dumps({"calls": options.calls, **fill(database, options.calls)}), flush=True)
        for line in pages(database):
            print(json.dumps(line), flush=True)
        cost = boards(center, database, options.boards, options.seconds)
        print(json.dumps({**cost, "limit": LIMIT, "machine_load": os.getloadavg()[0]}), flush=True)
    return 0 if cost["cores_in_all"] <= LIMIT and set(cost["answers"]) <= {200, 204} else 1


if __name__ == "__main__":
    sys.exit(main())
