"""The image beside a bare `django-admin startproject` with gunicorn on the same base: `make bench-image`.

Size, build time, time from `docker run` to the first answer, and what each web worker after the first costs in memory.
Needs a container engine, as the container tests do. Exits with 1 when a limit is broken.
"""

from __future__ import annotations

import contextlib
import statistics
import sys
import tempfile
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

TEMPLATE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TEMPLATE))

from benchmarks.__main__ import COOKIECUTTER, quietly  # noqa: E402  # found by the line above
from tests.containers.calls import ask  # noqa: E402
from tests.containers.deploy import SHUT  # noqa: E402
from tests.containers.engine import Engine, engine  # noqa: E402
from tests.containers.images import assets, base_image  # noqa: E402
from tests.containers.services import free_port  # noqa: E402

ROUNDS = 5
SIZE_LIMIT = 1.6
READY_LIMIT = 2.0
WORKER_LIMIT_MB = 10.0
# What the staging deploy wants to hear; nothing is asked of these services until a caller is there.
STAGING = {
    "DJANGO_SETTINGS_MODULE": "config.settings.staging",
    "DJANGO_SECRET_KEY": uuid.uuid4().hex,
    "DJANGO_ALLOWED_HOSTS": "localhost",
    "PUBLIC_BASE_URL": "https://localhost",
    "DATABASE_URL": "postgres://nobody@127.0.0.1:1/none",
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "CELERY_BROKER_URL": "redis://127.0.0.1:1/1",
    "TWILIO_ACCOUNT_SID": "AC" + "5" * 32,
    "TWILIO_AUTH_TOKEN": uuid.uuid4().hex,
}
PEER = """ARG BASE_IMAGE
FROM ${BASE_IMAGE}
RUN python -m venv /opt/venv && /opt/venv/bin/pip install --no-cache-dir --quiet django gunicorn
ENV PATH=/opt/venv/bin:$PATH HOME=/tmp
RUN django-admin startproject peer /app && sed -i "s/ALLOWED_HOSTS = .*/ALLOWED_HOSTS = ['*']/" /app/peer/settings.py
WORKDIR /app
CMD exec gunicorn --bind 0.0.0.0:$PORT --workers $WEB_CONCURRENCY --threads 8 --preload --no-control-socket peer.wsgi
"""
MEMORY = """
import glob, re
children = open('/proc/1/task/1/children').read().split()
def private(pid):
    return sum(int(kb) for kb in re.findall(r'Private_\\w+: +(\\d+)', open(f'/proc/{pid}/smaps_rollup').read())) / 1024
print(*(private(pid) for pid in children))
"""


@dataclass(frozen=True)
class Figures:
    """What was measured of one image."""

    mib: float
    cold: float
    warm: float
    ready: float
    worker_mb: float


def measure(docker: Engine, base: str, folder: Path, path: str, env: dict[str, str]) -> Figures:
    """Build a folder twice, run it a few times, and remove it again."""
    tag = f"bench-{uuid.uuid4().hex[:8]}"
    named = ("--build-arg", f"BASE_IMAGE={base}", *assets(docker, base), "--tag", tag)
    build = ("build", "--network", "host", *named, folder)
    cold, warm = timed(docker, "build", "--no-cache", *build[1:]), timed(docker, *build)
    try:
        mib = int(docker("image", "inspect", "--format", "{{.Size}}", tag)) / 2**20
        rounds = [run(docker, tag, path, {**env, "WEB_CONCURRENCY": "4"}) for _ in range(ROUNDS)]
    finally:
        docker("image", "rm", "--force", tag)
    ready, workers = zip(*rounds, strict=True)
    return Figures(mib, cold, warm, statistics.median(ready), statistics.median(workers))


def timed(docker: Engine, *arguments: str | Path) -> float:
    """Seconds that a command takes."""
    began = time.monotonic()
    docker(*arguments)
    return time.monotonic() - began


def run(docker: Engine, tag: str, path: str, env: dict[str, str]) -> tuple[float, float]:
    """(seconds from `docker run` to the first answer, MB of its own that a worker holds)."""
    name, port = f"bench-{uuid.uuid4().hex[:8]}", free_port()
    variables = [part for item in {**env, "PORT": str(port)}.items() for part in ("--env", "=".join(item))]
    began = time.monotonic()
    docker("run", "--detach", "--no-healthcheck", "--name", name, *SHUT, *variables, tag)
    try:
        while not ask(port, path)[0]:
            if time.monotonic() - began > 60:
                raise SystemExit(docker("logs", name))
            time.sleep(0.01)
        ready = time.monotonic() - began
        time.sleep(2)  # until all workers are there
        with contextlib.suppress(ValueError):
            return ready, statistics.median(map(float, docker("exec", name, "python", "-c", MEMORY).split()))
        raise SystemExit(f"no workers in {tag}")
    finally:
        docker("rm", "--force", name)


def main() -> int:
    """Measure both, print them side by side; 1 when a limit is broken."""
    with tempfile.TemporaryDirectory() as name, engine() as docker:
        folder, base = Path(name), base_image(docker)
        quietly(*COOKIECUTTER, folder, TEMPLATE, cwd=folder)
        (folder / "peer").mkdir()
        (folder / "peer" / "Dockerfile").write_text(PEER)
        peer = measure(docker, base, folder / "peer", "/", {})
        ours = measure(docker, base, folder / "my-call-center", "/healthz/ready", STAGING)
    size, ready = ours.mib / peer.mib, ours.ready / peer.ready
    for what, one, other, note in (
        ("size, MiB", peer.mib, ours.mib, f"{size:.2f} times (limit {SIZE_LIMIT})"),
        ("build with no cache, s", peer.cold, ours.cold, f"{ours.cold / peer.cold:.2f} times"),
        ("build again, s", peer.warm, ours.warm, ""),
        ("docker run to first answer, s", peer.ready, ours.ready, f"{ready:.2f} times (limit {READY_LIMIT})"),
        ("memory of a worker's own, MB", peer.worker_mb, ours.worker_mb, f"(limit {WORKER_LIMIT_MB})"),
    ):
        print(f"{what:32}{one:8.2f} startproject{other:10.2f} ours   {note}")
    return int(size > SIZE_LIMIT or ready > READY_LIMIT or ours.worker_mb > WORKER_LIMIT_MB)


if __name__ == "__main__":
    sys.exit(main())
