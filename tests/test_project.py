"""The baked project, lived in: its own gates, its demo, its secrets, a colleague's clone."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import commit, git, run

SECRET = re.compile(r"^(DJANGO_SECRET_KEY|TWILIO_AUTH_TOKEN)=(?P<value>\S+)$", re.MULTILINE)


@pytest.fixture(scope="module")
def lived_in(baked: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bake under git, in which somebody has worked: environment, secrets and a demo are there."""
    folder = tmp_path_factory.mktemp("lived-in") / baked.name
    run("cp", "-R", baked, folder, cwd=baked)
    git(folder, "init", "--quiet", "--initial-branch", "main")
    commit(folder, "Baked")
    make(folder, "demo", "CALLS=3")
    for stage in ("testing", "staging", "production"):
        make(folder, "secrets", f"STAGE={stage}", check=False)
    return folder


def make(folder: Path, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """`make` in the project, as a person calls it: nothing that our own make or pytest set reaches it."""
    ours = ("MAKE", "PYTEST_", "VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return run("env", "-i", *(f"{name}={value}" for name, value in environment.items()), "make", *arguments, cwd=folder, check=check)


def secrets_of(folder: Path, stage: str) -> dict[str, str]:
    file = folder / "deploy" / stage / "secrets.env"
    return dict(line.split("=", 1) for line in file.read_text().splitlines() if line and not line.startswith("#"))
