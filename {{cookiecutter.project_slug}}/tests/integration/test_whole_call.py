"""Whole calls over real HTTP: simulator, web processes and worker, and the laws that no call breaks."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any

import pytest

from tests.callcenter import LAWS, running

pytestmark = pytest.mark.integration

CALLS = 30


def stage(folder: Path) -> dict[str, str]:
    """Variables of a deploy of its own: the servers of these tests where there are some, else the embedded ones."""
    servers = {name: os.environ[name] for name in ("DATABASE_URL", "REDIS_URL") if name in os.environ}
    if "REDIS_URL" in servers:
        servers |= {"CELERY_BROKER_URL": servers["REDIS_URL"], "WEB_CONCURRENCY": "4"}
    return {
        "DJANGO_SETTINGS_MODULE": "config.settings.development",
        "DJANGO_SECRET_KEY": secrets.token_urlsafe(50),
        "TWILIO_AUTH_TOKEN": secrets.token_urlsafe(32),
        "DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}",
        "CELERY_BROKER_FOLDER": str(folder / "broker"),
        **servers,
    }


def check_the_laws(figures: dict[str, Any]) -> None:
    """Nobody is lost, nobody is in two calls, and every caller has exactly one outcome."""
    assert {name: figures[name] for name in LAWS} == dict.fromkeys(LAWS, 0), figures
    assert figures["received"] == CALLS == figures["ended_before_queue"] + figures["offered"]
    assert figures["offered"] == figures["answered"] + figures["abandoned"] + figures["overflowed"]
    assert figures["answered"] > 0


def test_every_call_of_a_busy_minute_comes_to_its_end(tmp_path: Path) -> None:
    with running(tmp_path, stage(tmp_path)) as center:
        figures = center.load(calls=CALLS, rate=5, agents=12)

    check_the_laws(figures)
