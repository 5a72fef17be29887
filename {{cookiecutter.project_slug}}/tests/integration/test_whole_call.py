"""Whole calls over real HTTP: simulator, web processes and worker, and the laws that no call breaks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.callcenter import LAWS, running, stage

pytestmark = pytest.mark.integration

CALLS = 30


def check_the_laws(figures: dict[str, Any]) -> None:
    """Nobody is lost, nobody is in two calls, and every caller has exactly one outcome."""
    assert {name: figures[name] for name in LAWS} == dict.fromkeys(LAWS, 0), figures
    assert figures["received"] == CALLS == figures["ended_before_queue"] + figures["offered"]
    assert figures["offered"] == figures["answered"] + figures["abandoned"] + figures["overflowed"]
    assert figures["answered"] > 0


def test_every_call_of_a_busy_minute_comes_to_its_end(tmp_path: Path) -> None:
    with stage(tmp_path) as env, running(tmp_path, env) as center:
        figures = center.load(calls=CALLS, rate=5, agents=12)

    check_the_laws(figures)
