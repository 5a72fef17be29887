"""Errors reach Sentry where a deploy names it, and nothing that is somebody's own goes with them."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from config.sentry import FILTERED, scrubbed

ROOT = Path(__file__).resolve().parents[2]
CALLER = "+15551234567"
SECRETS = {
    "DJANGO_SECRET_KEY": "k" * 40 + "-of-this-test",
    "TWILIO_AUTH_TOKEN": "the-auth-token-of-this-test",
    "CELERY_BROKER_URL": "redis://:pass%2Fword@broker.example.com/1",
}
# A request that fails in a view, one that is refused, a task that fails, and a line of the log.
PROGRAM = f"""
import logging, sys
import django
django.setup()
logging.getLogger("calls").error("no line for %s with %s", {CALLER!r}, {SECRETS["TWILIO_AUTH_TOKEN"]!r})
logging.getLogger("calls").error("the broker refused pass/word, and redis://:pass%2Fword@broker.example.com/1")
from django.test import Client
from django_twilio_call import health
def fails(*_): raise LookupError("nobody is called {CALLER}")
health.live = fails
from django.urls import path
from config import urls
urls.urlpatterns.append(path("fails/", fails))
client = Client(raise_request_exception=False)
headers = {{"X-Twilio-Signature": "a-signature"}}
headers |= {{"Authorization": "Bearer a-bearer-token", "Cookie": "known-by=a-session"}}
client.post("/fails/?From=%2B15551234567", {{"From": {CALLER!r}, "Body": "a-form-field"}}, headers=headers)
if "sentry_sdk" in sys.modules:
    sys.modules["sentry_sdk"].flush()
print("sentry_sdk" in sys.modules)
"""


class Sink(ThreadingHTTPServer):
    """Sentry as far as it takes what it is sent."""

    def __init__(self) -> None:
        self.envelopes: list[str] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def dsn(self) -> str:
        return f"http://public@127.0.0.1:{self.server_port}/7"

    def events(self) -> list[dict[str, Any]]:
        """Each envelope is lines of JSON, an event one that has a level."""
        lines = [json.loads(line) for envelope in self.envelopes for line in envelope.splitlines()]
        return [line for line in lines if "level" in line]


class _Handler(BaseHTTPRequestHandler):
    server: Sink

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        packed = self.headers.get("Content-Encoding") == "gzip"
        self.server.envelopes.append((gzip.decompress(body) if packed else body).decode())
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def imported(tmp_path: Path, dsn: str) -> bool:
    """Run a process of a deploy with this DSN; whether it loaded the SDK."""
    env = {**os.environ, **SECRETS, "DATABASE_URL": f"sqlite:///{tmp_path / 'db'}", "SENTRY_DSN": dsn}
    env |= {"DJANGO_SETTINGS_MODULE": "config.settings.development", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=env, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1] == "True"


def test_errors_are_reported_without_numbers_secrets_and_forms(sink: Sink, tmp_path: Path) -> None:
    assert imported(tmp_path, sink.dsn)

    logged, address, *requests = sink.events()
    assert logged["logentry"]["formatted"] == "no line for +155***67 with [filtered]"
    assert "the broker refused [filtered], and [filtered]" in json.dumps(address)
    assert "nobody is called +155***67" in json.dumps(requests)
    assert {event["environment"] for event in sink.events()} == {"development"}
    said = "".join(sink.envelopes)
    private = [*SECRETS.values(), CALLER, "%2B15551234567", "pass/word", "a-bearer-token", "a-session", "a-form-field"]
    assert [word for word in [*private, "a-signature"] if word in said] == []


def test_without_a_dsn_nothing_is_loaded(tmp_path: Path) -> None:
    assert not imported(tmp_path, "")


def test_what_is_deep_inside_is_scrubbed_too() -> None:
    event = {"extra": [{"X-Twilio-Signature": "abc", "to": (CALLER, 5, None, Path("/tmp/tok-en"))}], CALLER: True}
    assert scrubbed(event, ["tok-en"]) == {
        "extra": [{"X-Twilio-Signature": FILTERED, "to": ["+155***67", 5, None, "/tmp/[filtered]"]}],
        "+155***67": True,
    }
