"""Whether a worker or beat goes on, as its probe asks."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from config import alive
from tests.callcenter import ROOT


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of this test's own."""
    monkeypatch.setattr(alive, "FILE", tmp_path / "call-center-alive")
    return alive.FILE


def test_a_process_that_gave_a_sign_goes_on() -> None:
    alive.sign(sender="sweep")

    assert alive.main() == 0


def test_one_that_gave_none_for_long_does_not(file: Path) -> None:
    alive.sign()
    os.utime(file, (0, time.time() - alive.SILENT - 1))

    assert alive.main() == 1


def test_one_that_has_not_begun_is_left_in_peace() -> None:
    assert alive.main() == 0


def test_a_worker_goes_on_until_a_task_is_stuck() -> None:
    now = [0.0]
    tasks = alive.Tasks(clock=lambda: now[0])
    tasks.begin(task_id="quick")
    tasks.begin(task_id="stuck")
    tasks.end(task_id="quick")
    assert tasks.go_on()

    now[0] = alive.STUCK + 1
    assert not tasks.go_on()

    tasks.end(task_id="stuck")
    assert tasks.go_on()


def test_the_probe_needs_nothing_but_the_standard_library(file: Path) -> None:
    file.touch()
    os.utime(file, (0, time.time() - alive.SILENT - 1))
    asked = [sys.executable, "-I", "-S", "config/alive.py"]

    asking = subprocess.run(asked, cwd=ROOT, env={"TMPDIR": str(file.parent)}, check=False)

    assert asking.returncode == 1
