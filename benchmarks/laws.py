"""The laws over 10,000 calls while webhooks go wrong and processes are killed: nobody is lost, nobody is booked twice.

`make bench-laws`, or `python benchmarks/laws.py [--calls 10000] [--rate 10] [--every 20]`. PostgreSQL, Valkey, web
processes, worker and simulator on this machine; 5 % of the webhooks come twice, 5 % late, 2 % are dropped and sent
again; every 20 s a web process or the worker is killed, in turns, and started again as a platform would. Exits with 1
when a law was broken.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

PROJECT = Path(__file__).resolve().parent.parent / "{{cookiecutter.project_slug}}"
sys.path.insert(0, str(PROJECT))
sys.path.append(str(PROJECT.parent))

from benchmarks.calls import embedded  # noqa: E402  # found by the lines above
from benchmarks.million import erlang_c, held  # noqa: E402
from tests.callcenter import CallCenter, answers  # noqa: E402  # the project's own
from tests.servers import Home, postgres, valkey  # noqa: E402

FAULTS: Final = "webhook:duplicate=0.05,webhook:delay=0.05@2,webhook:drop=0.02"
TALK: Final = 4.0
AROUND: Final = 4.0
WEB: Final = ("-m", "gunicorn", "--config", "config/gunicorn.conf.py", "config.wsgi")
WORKER: Final = ("manage.py", "celery", "worker", "--beat", "--pool", "threads", "--concurrency", "4")


@dataclass
class Kept:
    """A process that is started again whenever it ends, until it is let go."""

    center: CallCenter
    name: str
    argv: tuple[str, ...]
    process: subprocess.Popen[bytes] = field(init=False)
    starts: int = 0

    def start(self) -> None:
        """Once more."""
        self.starts += 1
        with (self.center.folder / self.name).open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *self.argv],
                cwd=PROJECT,
                env=self.center.environment(),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self) -> None:
        """All of it at once, as when a container is killed: beat is a child of the worker."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def end(self) -> None:
        """For good."""
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()


@dataclass
class Killer:
    """Kills a web process, then the worker, then a web process …; a dead worker is started again at once."""

    web: Kept
    worker: Kept
    every: float
    kills: Counter[str] = field(default_factory=Counter)
    ended: threading.Event = field(default_factory=threading.Event)

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """Until the block ends."""
        thread = threading.Thread(target=self._work, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self.ended.set()
            thread.join()

    def _work(self) -> None:
        turn, due = 0, time.monotonic() + self.every
        while not self.ended.wait(0.2):
            if self.worker.process.poll() is not None:
                self.worker.start()
            if time.monotonic() < due:
                continue
            due += self.every
            if turn % 2:
                self.worker.kill()
                self.kills["worker"] += 1
            elif children := _children(self.web.process.pid):
                os.kill(children[turn // 2 % len(children)], signal.SIGKILL)
                self.kills["web"] += 1
            turn += 1


def _children(parent: int) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, IndexError):
            if int((folder / "stat").read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(folder.name))
    return sorted(found)


@contextlib.contextmanager
def processes(center: CallCenter) -> Iterator[tuple[Kept, Kept]]:
    """Web and worker."""
    web, worker = Kept(center, "web", WEB), Kept(center, "worker", (*WORKER, "--schedule", str(center.folder / "beat")))
    for kept in (web, worker):
        kept.start()
    try:
        answers(f"{center.url}/healthz/ready", web.process)
        yield web, worker
    finally:
        for kept in (web, worker):
            kept.end()


def main() -> int:
    """So many calls."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--rate", type=float, default=10)
    parser.add_argument("--every", type=float, default=20, help="seconds between kills")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    agents = erlang_c(options.rate, TALK + AROUND)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        home = stack.enter_context(Home.open())
        database, redis = stack.enter_context(postgres(home)), stack.enter_context(valkey(home))
        servers = {"DATABASE_URL": database, "REDIS_URL": redis, "CELERY_BROKER_URL": redis, "WEB_CONCURRENCY": "3"}
        center = CallCenter(folder, {**embedded(folder), **servers})
        center.manage("migrate", "--verbosity", "0")
        web, worker = stack.enter_context(processes(center))
        killer = Killer(web, worker, options.every)
        with killer.at_work():
            figures: dict[str, Any] = center.load(
                calls=options.calls,
                rate=options.rate,
                agents=agents,
                seed=options.seed,
                talk=TALK,
                timeout=int(options.calls / options.rate) + 900,
                faults=FAULTS,
            )
    told = {**figures, "faults_asked": FAULTS, "kills": dict(killer.kills), "machine_load": os.getloadavg()[0]}
    print(json.dumps(told), flush=True)
    # An attempt that was dropped, or met a dead process, is not a law: Twilio tries again.
    figures["webhook_errors"] = 0
    return 0 if held(figures) and figures["received"] == options.calls else 1


if __name__ == "__main__":
    sys.exit(main())
