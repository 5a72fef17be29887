"""What is done before the fork is not done after it, and it asks nobody."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from tests.callcenter import ROOT

# In a process of its own, as it is in gunicorn's: this one has long loaded everything.
PROGRAM = """
import json, os, sys, threading
from io import BytesIO

from config.wsgi import application

loaded, files = set(sys.modules), []
for name in os.listdir("/proc/self/fd"):
    try:
        files.append(os.readlink(f"/proc/self/fd/{name}"))
    except FileNotFoundError:  # what read that folder
        continue
found = {"files": files, "threads": threading.active_count()}
"""
# What config/gunicorn.conf.py has a worker do first, and then a call.
WORKER = """
from django_twilio_call import operations, tasks

__import__("random").seed("as gunicorn does")
operations.begin("web")
tasks.wake()
for method, path in (("GET", "/healthz/ready"), ("POST", "/twilio/voice/")):
    server = {"SERVER_NAME": "localhost", "SERVER_PORT": "443", "wsgi.url_scheme": "https", "wsgi.input": BytesIO()}
    application({**server, "REQUEST_METHOD": method, "PATH_INFO": path, "HTTP_HOST": "localhost"}, lambda *_: None)
found["new"] = sorted(set(sys.modules) - loaded)
"""
TELL = "\nprint(json.dumps(found))"


@contextlib.contextmanager
def listening() -> Iterator[socket.socket]:
    """A server that knows whether somebody has come."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


def outcome(database: int, broker: int, program: str) -> dict[str, Any]:
    """What a staging deploy finds with its services at these ports."""
    deploy = {
        "DJANGO_SETTINGS_MODULE": "config.settings.staging",
        "DJANGO_SECRET_KEY": secrets.token_urlsafe(50),
        "DJANGO_ALLOWED_HOSTS": "localhost",
        "PUBLIC_BASE_URL": "https://localhost",
        "DATABASE_URL": f"postgres://nobody@127.0.0.1:{database}/none",
        "REDIS_URL": f"redis://127.0.0.1:{broker}/0",
        "CELERY_BROKER_URL": f"redis://127.0.0.1:{broker}/1",
        "TWILIO_ACCOUNT_SID": "AC" + "5" * 32,
        "TWILIO_AUTH_TOKEN": secrets.token_urlsafe(32),
    }
    env = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", **deploy}
    argv = [sys.executable, "-c", program + TELL]
    done = subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def nobody_came(server: socket.socket) -> bool:
    try:
        server.accept()
    except BlockingIOError:
        return True
    return False


def test_before_the_fork_nobody_is_asked_and_nothing_is_open() -> None:
    with listening() as database, listening() as broker:
        found = outcome(database.getsockname()[1], broker.getsockname()[1], PROGRAM)

        assert nobody_came(database)
        assert nobody_came(broker)
    assert [name for name in found["files"] if name.startswith(("socket:", "anon_inode:"))] == []
    assert found["threads"] == 1


def test_a_worker_loads_no_module_for_its_first_row_message_and_call() -> None:
    assert outcome(1, 1, PROGRAM + WORKER)["new"] == []
