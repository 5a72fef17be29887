"""What the tests in containers share, all of them in one process: engine, base, image, services and a deploy."""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import run
from tests.manifests import read_env

from .calls import TOKEN, TWILIO
from .deploy import PROCESSES, Deploy
from .engine import Engine, Unavailable, engine
from .images import assets, base_image
from .services import Services, free_port, postgres_and_valkey


@pytest.fixture(scope="session")
def docker() -> Iterator[Engine]:
    with contextlib.ExitStack() as stack:
        try:
            yield stack.enter_context(engine())
        except Unavailable as missing:
            pytest.skip(str(missing))


@pytest.fixture(scope="session")
def base(docker: Engine) -> str:
    try:
        return base_image(docker)
    except Unavailable as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def image(docker: Engine, base: str, staged: Path) -> Iterator[str]:
    tag = f"{staged.name}:test"
    images = ("--build-arg", f"BASE_IMAGE={base}", *assets(docker, base))
    docker("build", "--network", "host", *images, "--tag", tag, staged)
    yield tag
    docker("image", "rm", "--force", tag)


@pytest.fixture(scope="session")
def staged(baked: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bake whose staging deploy has its secrets: those that can be generated, and the operator's."""
    project = shutil.copytree(baked, tmp_path_factory.mktemp("staged") / baked.name)
    run(sys.executable, "manage.py", "config", "secrets", "--stage", "staging", cwd=project)
    with (project / "deploy/staging/secrets.env").open("a") as secrets:
        secrets.writelines(f"{key}={value}\n" for key, value in TWILIO.items())
    return project


@pytest.fixture(scope="session")
def services(staged: Path) -> Iterator[Services]:
    with postgres_and_valkey(staged) as found:
        yield found


@pytest.fixture(scope="session")
def tunables(staged: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder as the kubelet mounts it, a file for each key."""
    folder = tmp_path_factory.mktemp("tunables")
    for key, value in read_env(staged / "deploy/staging/tunables.env").items():
        (folder / key).write_text(value)
    folder.chmod(0o755)
    return folder


@pytest.fixture(scope="session")
def staging(docker: Engine, image: str, staged: Path, services: Services, tunables: Path) -> Iterator[Deploy]:
    """The staging deploy, migrated and running, with a simulator's address for Twilio's."""
    addresses = {**services.addresses, "PORT": str(free_port()), "DJANGO_TWILIO_METRICS_TOKEN": TOKEN}
    addresses["TWILIO_API_BASE_URL"] = f"http://127.0.0.1:{free_port()}"
    files = ("deploy/staging/app.env", "deploy/staging/secrets.env")
    deploy = Deploy(docker, image, staged, files, addresses, tunables=tunables)
    deploy.once(*deploy.command("migrate"))
    try:
        for process in PROCESSES:
            deploy.start(process)
        yield deploy
    finally:
        deploy.remove(*PROCESSES)
