"""While a release rolls out, the one before it serves on the new schema: no call may be lost meanwhile."""

from __future__ import annotations

import contextlib
import json
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from .conftest import bake, run
from .containers.calls import ask
from .containers.services import free_port, postgres_and_valkey
from .releases import at, history, releases

MEANWHILE, AFTERWARDS, RATE, AGENTS = 24, 6, 3, 10
START_SECONDS = 60
WEB = "-m gunicorn --config config/gunicorn.conf.py config.wsgi:application"
WORKER = "-m celery --quiet --app config.celery worker --beat --schedule {beat} --pool threads --concurrency 4"


@pytest.fixture(scope="module")
def previous(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bake of the newest release that is not this commit itself."""
    found = releases()
    if not found:
        pytest.skip("no release before this one")
    folder = tmp_path_factory.mktemp("previous")
    source = history(folder / "template")
    return bake(at(source, list(found.values())[-1], folder / "then"), folder / "baked")


@contextlib.contextmanager
def started(project: Path, env: Mapping[str, str], *processes: str) -> Iterator[None]:
    """Processes of a project, asked to end with the block; one that ended before is a failure."""
    with contextlib.ExitStack() as stack:
        log = stack.enter_context((project / "log").open("w+"))
        running = []
        for process in processes:
            argv = [sys.executable, *shlex.split(process)]
            running.append(subprocess.Popen(argv, cwd=project, env=env, stdout=log, stderr=log))
        try:
            yield
            log.seek(0)
            assert [each.poll() for each in running] == [None] * len(running), log.read()[-6000:]
        finally:
            for each in running:
                each.terminate()
                each.wait(60)


def load(project: Path, env: Mapping[str, str], calls: int) -> subprocess.Popen[str]:
    """Simulated callers, who begin to call."""
    url, port = env["PUBLIC_BASE_URL"], env["TWILIO_API_BASE_URL"].rpartition(":")[2]
    demo = ["-B", "manage.py", "demo", "--agents", str(AGENTS), "--wrap-up", "1", "--json", "logins.json"]
    run(sys.executable, *demo, cwd=project, env=env)
    argv = shlex.split(
        f"-m twilio_simulator load --port {port} --account-sid AC{'0' * 32} --number +15550100000 --api-url {url}/api/"
        f" --agents logins.json --calls {calls} --rate {RATE} --talk 1 --seed 3 --timeout 120"
        f" --voice-url={url}/twilio/voice/#rc=2&rp=ct,rt,5xx --status-url={url}/twilio/status/#rc=5&rp=all"
        f" --client-voice-url={url}/twilio/agent/#rc=2&rp=ct,rt,5xx --fallback-url={url}/twilio/fallback/"
    )
    return subprocess.Popen([sys.executable, *argv], cwd=project, env=env, stdout=-1, stderr=-1, text=True)


def test_the_previous_release_serves_while_this_one_migrates_and_afterwards(previous: Path, baked: Path) -> None:
    port = free_port()
    with postgres_and_valkey(previous) as services:
        env = {
            "PATH": "/usr/bin:/bin",
            "PYTHONDONTWRITEBYTECODE": "1",
            "DJANGO_SETTINGS_MODULE": "config.settings.development",
            "DJANGO_SECRET_KEY": "a-key-for-the-tests-alone-that-is-long-enough-to-be-taken",
            "TWILIO_AUTH_TOKEN": "an-auth-token-for-the-tests-alone",
            **services.addresses,
            "PORT": str(port),
            "PUBLIC_BASE_URL": f"http://127.0.0.1:{port}",
            "TWILIO_API_BASE_URL": f"http://127.0.0.1:{free_port()}",
        }
        migrate = [sys.executable, "-B", "manage.py", "migrate", "--no-input", "--verbosity", "0"]
        run(*migrate, cwd=previous, env=env)
        with started(previous, env, WEB, WORKER.format(beat=previous / "beat")):
            deadline = time.monotonic() + START_SECONDS
            while ask(port, "/healthz/ready")[0] != 200 and time.monotonic() < deadline:
                time.sleep(0.1)
            with load(previous, env, MEANWHILE) as callers:
                run(*migrate, cwd=baked, env=env)
                check(callers, MEANWHILE)
            with load(previous, env, AFTERWARDS) as callers:
                check(callers, AFTERWARDS)
        run(*migrate, "--check", cwd=baked, env=env)


def check(callers: subprocess.Popen[str], calls: int) -> None:
    """Wait for their end: nobody is lost, nobody in two calls, and there were conversations."""
    told, complaints = callers.communicate(timeout=240)
    figures = json.loads(told.splitlines()[-1])
    laws = {name: figures[name] for name in ("received", "lost", "double_booked")}
    assert laws == {"received": calls, "lost": 0, "double_booked": 0}, f"{figures}\n{complaints[-6000:]}"
    assert figures["answered"] > calls / 2
