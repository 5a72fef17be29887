"""Real processes: a changed configuration reaches web, worker and beat, and no request is lost on the way."""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.callcenter import CallCenter, running
from tests.conf.deploys import Mounted

pytestmark = pytest.mark.integration
RING = "DJANGO_TWILIO_RING_TIMEOUT"


@pytest.fixture
def mount(tmp_path: Path) -> Mounted:
    """What the processes watch."""
    made = Mounted(tmp_path / "mounted")
    made.hold(**{RING: "21"})
    return made


@pytest.fixture
def center(mount: Mounted, tmp_path: Path) -> Iterator[CallCenter]:
    """Web, worker and beat, on SQLite."""
    env = {
        "DJANGO_SETTINGS_MODULE": "config.settings.development",
        "DJANGO_SECRET_KEY": secrets.token_urlsafe(50),
        "TWILIO_AUTH_TOKEN": secrets.token_urlsafe(32),
        "DATABASE_URL": f"sqlite:///{tmp_path / 'db.sqlite3'}",
        "CELERY_BROKER_FOLDER": str(tmp_path / "broker"),
        **dict.fromkeys(("CELERY_BROKER_URL", "REDIS_URL"), ""),
        "DJANGO_TWILIO_CONFIG_DIR": str(mount.folder),
    }
    with running(tmp_path, env) as center:
        eventually(lambda: set(configurations(center)) >= {"web", "worker", "beat"})
        yield center


def configurations(center: CallCenter) -> dict[str, str]:
    """Fingerprints by role, as the metrics tell them."""
    with urllib.request.urlopen(f"{center.url}/metrics", timeout=5) as response:
        said = response.read().decode()
    return {role: mark for mark, role in re.findall(r'config_processes\{fingerprint="(\w+)",role="(\w+)"\}', said)}


def all_alike(found: dict[str, str]) -> bool:
    return len(set(found.values())) == 1


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_a_change_reaches_every_process_and_a_hang_up_loses_no_request(center: CallCenter, mount: Mounted) -> None:
    before, failed, done = configurations(center), list[str](), threading.Event()

    def ask() -> None:
        while not done.is_set():
            try:
                urllib.request.urlopen(f"{center.url}/healthz/live", timeout=10).close()
            except OSError as error:
                failed.append(repr(error))

    clients = [threading.Thread(target=ask) for _ in range(2)]
    for client in clients:
        client.start()
    mount.hold(**{RING: "22"})
    eventually(lambda: all_alike(found := configurations(center)) and found != before)
    swapped = configurations(center)
    mount.hold(**{RING: "soon"})
    time.sleep(1.5)
    refused = configurations(center)
    mount.hold(**{RING: "23"})
    os.kill(parent(center, "web"), signal.SIGHUP)
    os.kill(process(center, "worker"), signal.SIGHUP)
    eventually(lambda: not set(configurations(center).values()) & set(swapped.values()))
    done.set()
    for client in clients:
        client.join()

    assert refused == swapped
    assert failed == []
    eventually(lambda: all_alike(configurations(center)))
    assert center.manage("config", "drift").count("agrees") == 3


def process(center: CallCenter, role: str) -> int:
    """A process of that role."""
    said = center.manage("shell", "--no-imports", "--command", SHOW)
    return int(json.loads(said)[role])


def parent(center: CallCenter, role: str) -> int:
    """The process that started it: gunicorn's master."""
    status = Path(f"/proc/{process(center, role)}/status").read_text()
    return int(status.partition("PPid:")[2].split()[0])


SHOW = (
    "import json; from django_twilio_call.models import RunningProcess as P; "
    "print(json.dumps(dict(P.objects.values_list('role', 'pid'))))"
)
