"""A process that is told to end while it loads or migrates ends, and leaves nothing half-done."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import psycopg
import pytest

from tests.callcenter import ROOT, CallCenter, stage
from tests.servers import Home, postgres

pytestmark = pytest.mark.integration
TERMINATED = 128 + signal.SIGTERM
TABLE = "django_twilio_call_call"
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
IGNORED = """
import os, signal, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)  # as the kernel has it for a container's first process
os.execv(sys.executable, [sys.executable, "manage.py", *sys.argv[1:]])
"""


def started(env: Mapping[str, str], *command: str) -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-c", IGNORED, *command]
    return subprocess.Popen(argv, cwd=ROOT, env={**os.environ, **env}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def until(holds: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert process.poll() is None, process.communicate()[0].decode()[-3000:]
        assert time.monotonic() < deadline
        time.sleep(0.02)


def handles_sigterm(process: subprocess.Popen[bytes]) -> bool:
    """Whether its own handler stands: the kernel says which signals a process catches."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    (caught,) = [int(line.split()[1], 16) for line in lines if line.startswith("SigCgt")]
    return bool(caught >> (signal.SIGTERM - 1) & 1)


@pytest.mark.parametrize("command", [("migrate",), ("gunicorn",), ("celery", "worker"), ("celery", "beat")])
def test_a_process_that_is_still_loading_ends(command: tuple[str, ...], tmp_path: Path) -> None:
    with stage(tmp_path) as env, started(env, *command) as process:
        until(lambda: handles_sigterm(process), process)  # and that is the first thing it does
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == TERMINATED


def test_a_migration_that_waits_for_a_lock_gives_up_and_leaves_nothing_half_done(tmp_path: Path) -> None:
    with stage(tmp_path) as env, Home.open() as home, postgres(home) as database:
        center = CallCenter(tmp_path, {**env, "DATABASE_URL": database})
        center.manage("migrate", "django_twilio_call", "0001", "--verbosity", "0")
        with psycopg.connect(database) as caller, psycopg.connect(database, autocommit=True) as watch:
            caller.execute(f"SELECT count(*) FROM {TABLE}")
            with started(center.environment(), "migrate") as process:
                until(lambda: watch.execute(WAITING).fetchone() == (1,), process)
                process.send_signal(signal.SIGTERM)
                assert process.wait(60) == TERMINATED
            assert watch.execute(WAITING).fetchone() == (0,)
        center.manage("migrate", "--verbosity", "0")  # what had been half-done would be in its way
        center.manage("migrate", "--check")
