"""Deploys for the tests: complete environments of a stage, and folders with env files."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from django_twilio_call.conf.reader import Reading, reading
from django_twilio_call.conf.variables import DEPLOYED
from django_twilio_call.exceptions import ConfigurationError

CANARY = "canary-5ecret"
SECRETS = {"DJANGO_SECRET_KEY": f"{CANARY}-{'k' * 50}", "TWILIO_AUTH_TOKEN": f"{CANARY}-token"}
OPERATOR = {
    "DJANGO_ALLOWED_HOSTS": "calls.example.com",
    "DATABASE_URL": f"postgres://app:{CANARY}@db:5432/calls",
    "REDIS_URL": f"redis://:{CANARY}@redis:6379/0",
    "CELERY_BROKER_URL": f"redis://:{CANARY}@redis:6379/1",
    "PUBLIC_BASE_URL": "https://calls.example.com",
    "TWILIO_ACCOUNT_SID": "AC" + "1" * 32,
}


def environment(stage: str = "testing", **more: str) -> dict[str, str]:
    """A complete environment of a stage."""
    return {**SECRETS, **(OPERATOR if stage in DEPLOYED else {}), **more}


def read(stage: str = "testing", **more: str) -> Reading:
    """What that comes to."""
    return reading(environment(stage, **more), stage)


def problems(environ: Mapping[str, str], stage: str = "testing") -> list[str]:
    """Everything that is wrong with an environment."""
    try:
        reading(environ, stage)
    except ConfigurationError as error:
        return list(error.problems)
    return []


def deploy(root: Path, stage: str, **files: str) -> Path:
    """A folder `root`/deploy/<stage> with files, given by their names without .env."""
    folder = root / "deploy" / stage
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / f"{name}.env").write_text(content)
    return folder


def lines(**values: str) -> str:
    """An env file's content."""
    return "".join(f"{name}={value}\n" for name, value in values.items())


class Mounted:
    """A mounted ConfigMap, renewed as the kubelet does: a new folder, one swap of `..data`, the old folder removed."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.version = folder, 0
        folder.mkdir()

    def hold(self, **values: str) -> None:
        """Another content, at one moment."""
        self.version += 1
        new, old = self.folder / f"..v{self.version}", self.folder / f"..v{self.version - 1}"
        new.mkdir()
        for key, value in values.items():
            (new / key).write_text(value)
        (self.folder / "..data_tmp").symlink_to(new.name)
        (self.folder / "..data_tmp").rename(self.folder / "..data")
        for key in values:
            if not (self.folder / key).is_symlink():
                (self.folder / key).symlink_to(f"..data/{key}")
        shutil.rmtree(old, ignore_errors=True)
