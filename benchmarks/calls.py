"""500 calls at 10 a second: on the embedded default, and with four web workers on PostgreSQL and Valkey.

`make bench-calls`, or `python benchmarks/calls.py [--calls 500] [--rate 10] [--agents 60] [--seed 1]`. Prints the
simulator's figures for each, and exits with 1 when a law is broken.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import secrets
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent / "{{cookiecutter.project_slug}}"
sys.path.insert(0, str(PROJECT))

from tests.callcenter import LAWS, running  # noqa: E402  # the project's own, found by the line above
from tests.servers import Home, postgres, valkey  # noqa: E402


def embedded(folder: Path) -> dict[str, str]:
    """SQLite, the cache in the web process, messages in a folder: what a newcomer has."""
    return {
        "DJANGO_SETTINGS_MODULE": "config.settings.development",
        "DJANGO_SECRET_KEY": secrets.token_urlsafe(50),
        "TWILIO_AUTH_TOKEN": secrets.token_urlsafe(32),
        "DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}",
        "CELERY_BROKER_FOLDER": str(folder / "broker"),
    }


@contextlib.contextmanager
def real(folder: Path) -> Iterator[dict[str, str]]:
    """Four web workers on PostgreSQL and Valkey."""
    with Home.open() as home, postgres(home) as database, valkey(home) as redis:
        servers = {"DATABASE_URL": database, "REDIS_URL": redis, "CELERY_BROKER_URL": redis, "WEB_CONCURRENCY": "4"}
        yield {**embedded(folder), **servers}


def measure(name: str, env: dict[str, str], folder: Path, options: argparse.Namespace) -> bool:
    """Run the calls, print the figures; answers whether all laws held."""
    began = time.monotonic()
    with running(folder, env) as center:
        figures: dict[str, Any] = center.load(
            calls=options.calls, rate=options.rate, agents=options.agents, seed=options.seed, timeout=options.timeout
        )
    print(json.dumps({"deploy": name, "seconds": round(time.monotonic() - began, 1), **figures}), flush=True)
    ended = figures["answered"] + figures["abandoned"] + figures["overflowed"]
    conserved = (
        figures["received"] == figures["ended_before_queue"] + figures["offered"] and figures["offered"] == ended
    )
    return conserved and figures["received"] == options.calls and not any(figures[law] for law in LAWS)


def main() -> int:
    """Both deploys, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=500)
    parser.add_argument("--rate", type=float, default=10)
    parser.add_argument("--agents", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--timeout", type=int, default=600)
    options = parser.parse_args()
    held = []
    with tempfile.TemporaryDirectory() as folder:
        held.append(measure("SQLite, one web process", embedded(Path(folder)), Path(folder), options))
    with tempfile.TemporaryDirectory() as folder, real(Path(folder)) as env:
        held.append(measure("PostgreSQL and Valkey, four web workers", env, Path(folder), options))
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
