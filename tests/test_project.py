"""The baked project, lived in: its own gates, its demo, its secrets, a colleague's clone."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import commit, git, run

OURS = ("MAKE", "MFLAGS", "PYTEST_", "PYTHONDONTWRITEBYTECODE", "RUFF_", "MYPY_", "VIRTUAL_ENV", "CALLS")
STAGES = ("development", "testing", "staging", "production")


@pytest.fixture(scope="module")
def lived_in(baked: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bake in its first commit, where somebody has made the secrets of every stage."""
    folder = shutil.copytree(baked, tmp_path_factory.mktemp("lived-in") / baked.name)
    git(folder, "init", "--quiet", "--initial-branch", "main")
    commit(folder, "Baked")
    for stage in STAGES:
        make(folder, "secrets", f"STAGE={stage}")
    return folder


def environment() -> dict[str, str]:
    """What a person's shell has: nothing that our own make and pytest set."""
    return {name: value for name, value in os.environ.items() if not name.startswith(OURS)}


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run("make", *arguments, cwd=folder, env=environment())


def secrets_of(folder: Path, stage: str) -> dict[str, str]:
    lines = (folder / "deploy" / stage / "secrets.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def figures(output: str) -> dict[str, Any]:
    """The one JSON object that the demo prints."""
    return dict(json.loads(next(line for line in output.splitlines() if line.startswith("{"))))


@contextlib.contextmanager
def started(folder: Path, *arguments: str) -> Iterator[Iterator[str]]:
    """`make` in a terminal of its own, so to speak, and the lines it prints; Ctrl-C at the end."""
    with subprocess.Popen(
        ["make", *arguments],
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield iter(process.stdout.readline, "")
        finally:
            os.killpg(process.pid, signal.SIGINT)
            process.wait(60)


def the_line_with(text: str, lines: Iterator[str]) -> str:
    seen = []
    for line in lines:
        seen.append(line)
        if text in line:
            return line
    raise AssertionError(f"{text!r} was not said:\n{''.join(seen)}")


def url_in(line: str) -> str:
    found = re.search(r"http://127\.0\.0\.1:\d+", line)
    assert found, line
    return found[0]


def answers(url: str) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310
        return bool(response.status == 200)
    return False


def test_the_demo_loses_no_call(lived_in: Path) -> None:
    told = make(lived_in, "demo", "CALLS=4")

    counted = figures(told.stdout)
    assert (counted["received"], counted["lost"], counted["double_booked"], counted["webhook_errors"]) == (4, 0, 0, 0)
    assert counted["offered"] == counted["answered"] + counted["abandoned"] + counted["overflowed"]
    assert re.search(r"login: \S+ +password: \S+", told.stdout + told.stderr)


def test_the_demo_stays_open_when_asked_to(lived_in: Path) -> None:
    with started(lived_in, "demo", "CALLS=1", "STAY=1") as lines:
        address = url_in(the_line_with("Still open", lines))
        assert answers(f"{address}/accounts/login/")

    assert not answers(f"{address}/accounts/login/")


def test_run_opens_a_call_center_and_ctrl_c_closes_it(lived_in: Path) -> None:
    with started(lived_in, "run") as lines:
        address = url_in(the_line_with("is open at", lines))
        assert answers(f"{address}/healthz/ready")

    assert not answers(f"{address}/healthz/live")
    assert left_behind(lived_in) == []


def left_behind(folder: Path) -> list[str]:
    """Command lines of processes that still run in a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (process / "cwd").readlink() == folder:
                found.append((process / "cmdline").read_text().replace("\0", " "))
    return found


def test_two_can_run_beside_each_other(lived_in: Path) -> None:
    with started(lived_in, "run") as first, started(lived_in, "run") as second:
        assert url_in(the_line_with("is open at", first)) != url_in(the_line_with("is open at", second))


def test_lint_types_contracts_and_checks_pass(lived_in: Path) -> None:
    make(lived_in, "check")


def test_its_own_tests_pass_on_sqlite_and_on_real_servers(lived_in: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # All of them on SQLite have passed in place, before these; so have those in which no server has a part.
    both = make(lived_in, "test", "PYTEST=tests/webhooks/test_walk.py")
    whole = make(
        lived_in, "test-services", "PYTEST=-m 'not browser or integration' --ignore=tests/simulator --ignore=tests/conf"
    )

    endings = re.findall(r"^=+ (\d+ passed.*) =+$|^(\d+ passed.*)$", both.stdout + whole.stdout, re.MULTILINE)
    with capsys.disabled():
        print(*("".join(ending) for ending in endings), sep="\n")
    assert len(endings) == 3


def test_no_secret_reaches_git(lived_in: Path) -> None:
    git(lived_in, "add", "--all")
    tracked = {name: (lived_in / name).read_text(errors="replace") for name in git(lived_in, "ls-files").splitlines()}
    values = {value for stage in STAGES for value in secrets_of(lived_in, stage).values() if value}

    assert len(values) >= len(STAGES)
    assert [name for name, text in tracked.items() if any(value in text for value in values)] == []
    assert [name for name in tracked if "secrets.env" in name] == []


def test_secrets_are_their_owners_alone_and_stay(lived_in: Path) -> None:
    before = secrets_of(lived_in, "production")

    make(lived_in, "secrets", "STAGE=production")

    assert secrets_of(lived_in, "production") == before
    assert stat.S_IMODE((lived_in / "deploy/production/secrets.env").stat().st_mode) == 0o600


def test_a_colleagues_clone_starts_like_a_fresh_bake(lived_in: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    git(lived_in, "clone", "--quiet", ".", str(clone))

    counted = figures(make(clone, "demo", "CALLS=1").stdout)

    assert (counted["received"], counted["lost"]) == (1, 0)
    assert secrets_of(clone, "development") != secrets_of(lived_in, "development")
    assert git(clone, "status", "--porcelain") == ""


def test_living_in_it_leaves_git_clean(lived_in: Path) -> None:
    assert git(lived_in, "status", "--porcelain") == ""
