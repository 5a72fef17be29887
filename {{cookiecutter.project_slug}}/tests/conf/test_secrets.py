"""Secrets are made once, kept, and never shown."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from django_twilio_call.conf.secrets import add_missing, main

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project without any secret."""
    for stage in ("development", "staging"):
        (tmp_path / "deploy" / stage).mkdir(parents=True)
    return tmp_path


def secrets_of(root: Path, stage: str) -> Path:
    return root / "deploy" / stage / "secrets.env"


def test_the_generated_ones_are_made_for_their_owner_alone(root: Path) -> None:
    added, missing = add_missing("development", root / "deploy" / "development")

    assert (added, missing) == (["DJANGO_SECRET_KEY", "TWILIO_AUTH_TOKEN"], [])
    assert secrets_of(root, "development").stat().st_mode & 0o777 == 0o600


def test_what_is_there_stays_byte_for_byte(root: Path) -> None:
    file = secrets_of(root, "development")
    file.write_text("# mine\nTWILIO_AUTH_TOKEN=kept\nOTHER=x")

    add_missing("development", file.parent)

    assert file.read_text().startswith("# mine\nTWILIO_AUTH_TOKEN=kept\nOTHER=x\nDJANGO_SECRET_KEY=")
    assert add_missing("development", file.parent) == ([], [])


def test_what_only_the_operator_knows_is_named_and_not_invented(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "deploy" / "staging" / "app.env").write_text("PUBLIC_BASE_URL=https://calls.example.com\n")

    assert main(["--stage", "staging"], root) == 0

    said = capsys.readouterr().out
    assert "TWILIO_AUTH_TOKEN" in said
    assert "DATABASE_URL" in said
    assert "PUBLIC_BASE_URL" not in said
    assert "TWILIO_AUTH_TOKEN" not in secrets_of(root, "staging").read_text()


@pytest.mark.parametrize("stage", ["prod", "../x", "testing"])
def test_a_stage_without_a_folder_is_refused(root: Path, stage: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--stage", stage], root) == 2
    assert stage in capsys.readouterr().err


def test_a_file_nobody_can_read_is_left_alone(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = secrets_of(root, "development")
    file.write_text("TWILIO_AUTH_TOKEN='canary'\n")

    assert main(["--stage", "development"], root) == 1
    assert file.read_text() == "TWILIO_AUTH_TOKEN='canary'\n"
    assert "canary" not in capsys.readouterr().err


def test_the_command_needs_no_settings() -> None:
    argv = [sys.executable, "manage.py", "config", "secrets", "--stage", "nowhere"]

    done = subprocess.run(argv, cwd=ROOT, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("--stage 'nowhere'")
