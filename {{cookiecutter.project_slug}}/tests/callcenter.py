"""A whole call center for tests and benchmarks: web, worker and simulator as processes of their own, on loopback."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django_twilio_call.constants import WebhookPolicy
from tests.servers import free_port, own_addresses

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 60
LAWS = ("lost", "double_booked", "webhook_errors")


@dataclass
class CallCenter:
    """Web and worker of one deploy; `env` is what a shell, `docker run` or a pod would set."""

    folder: Path
    env: dict[str, str]
    port: int = field(default_factory=free_port)
    simulator_port: int = field(default_factory=free_port)

    @property
    def url(self) -> str:
        """Where it is reached."""
        return f"http://127.0.0.1:{self.port}"

    def manage(self, *argv: str) -> str:
        """Run `manage.py`; gives what it printed."""
        return self._run(sys.executable, "manage.py", *argv).stdout

    def run(self, program: str) -> str:
        """Run a Python program in this deploy; gives what it printed."""
        return self._run(sys.executable, "-c", program).stdout

    def load(
        self,
        *,
        calls: int,
        rate: float,
        agents: int,
        seed: int = 1,
        talk: float = 2,
        timeout: int = 300,
        faults: str = "",
    ) -> dict[str, Any]:
        """Have the simulator call in, with scripted agents; gives the figures it ends with."""
        logins = self.folder / "logins.json"
        self.manage("demo", "--agents", str(agents), "--wrap-up", "1", "--json", str(logins))
        options = {
            "rate": rate,
            "calls": calls,
            "seed": seed,
            "talk": talk,
            "timeout": timeout,
            "faults": faults,
            "agents": logins,
            "port": self.simulator_port,
            "account-sid": "AC" + "0" * 32,
            "number": "+15550100000",
            "api-url": f"{self.url}/api/",
            "voice-url": f"{self.url}/twilio/voice/{WebhookPolicy.TWIML}",
            "status-url": f"{self.url}/twilio/status/{WebhookPolicy.CALLBACK}",
            "client-voice-url": f"{self.url}/twilio/agent/{WebhookPolicy.TWIML}",
            "fallback-url": f"{self.url}/twilio/fallback/",
            "journal": self.folder / "journal.jsonl",
        }
        argv = [part for name, value in options.items() for part in (f"--{name}", str(value))]
        done = self._run(sys.executable, "-m", "twilio_simulator", "load", *argv, check=False)
        try:
            figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        except (IndexError, ValueError):
            raise RuntimeError(f"the simulator gave no figures:\n{done.stderr[-4000:]}") from None
        return figures

    def environment(self) -> dict[str, str]:
        """The whole environment of its processes."""
        return {
            **os.environ,
            "PORT": str(self.port),
            "PUBLIC_BASE_URL": self.url,
            "TWILIO_API_BASE_URL": f"http://127.0.0.1:{self.simulator_port}",
            **self.env,
        }

    def _run(self, *argv: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(argv, cwd=ROOT, env=self.environment(), capture_output=True, text=True)
        if check and done.returncode:
            raise RuntimeError(
                f"{' '.join(argv)} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-4000:]}"
            )
        return done


@contextlib.contextmanager
def stage(folder: Path) -> Iterator[dict[str, str]]:
    """Variables of a deploy of its own: a share of the tests' servers, where there are none the embedded ones."""
    with own_addresses() as addresses:
        yield {
            "DJANGO_SETTINGS_MODULE": "config.settings.development",
            "DJANGO_SECRET_KEY": secrets.token_urlsafe(50),
            "TWILIO_AUTH_TOKEN": secrets.token_urlsafe(32),
            "DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}",
            "CELERY_BROKER_FOLDER": str(folder / "broker"),
            **(addresses and {**addresses, "WEB_CONCURRENCY": "4"}),
        }


@contextlib.contextmanager
def running(
    folder: Path, env: Mapping[str, str], *, beat_inside: bool = True, worker: bool = True
) -> Iterator[CallCenter]:
    """Migrate, start web and worker, wait until they answer; end them, and fail if they had already ended."""
    center = CallCenter(folder, dict(env))
    center.manage("migrate", "--verbosity", "0")
    argv = ["-m", "celery", "--app", "config.celery", "worker", "--pool", "threads", "--concurrency", "4"]
    beat = ["--beat", "--schedule", str(folder / "beat")] if beat_inside else []
    with contextlib.ExitStack() as stack:
        web = stack.enter_context(
            _process(center, "web", "-m", "gunicorn", "--config", "config/gunicorn.conf.py", "config.wsgi")
        )
        processes = {"web": web}
        if worker:
            processes["worker"] = stack.enter_context(_process(center, "worker", *argv, *beat))
        answers(f"{center.url}/healthz/ready", web)
        yield center
        for name, process in processes.items():
            if process.poll() is not None:
                raise RuntimeError(f"{name} ended by itself:\n{(folder / name).read_text()[-4000:]}")


@contextlib.contextmanager
def _process(center: CallCenter, name: str, *argv: str) -> Iterator[subprocess.Popen[bytes]]:
    with (center.folder / name).open("wb") as log:
        process = subprocess.Popen([sys.executable, *argv], cwd=ROOT, env=center.environment(), stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def answers(url: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until a process answers at a URL. Raises `RuntimeError` when it ends, or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(urllib.error.URLError, OSError), urllib.request.urlopen(url, timeout=1):
            return
        time.sleep(0.1)
    raise RuntimeError(f"nothing answers at {url}")
