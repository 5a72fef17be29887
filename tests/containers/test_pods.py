"""The pods of the staging overlay, run: the Job by its command, then the Deployments', on real services."""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import run
from tests.manifests import read_env

from .balancer import Balancer
from .calls import ask, signed
from .deploy import PROCESSES, SHUT
from .engine import Engine, EngineError, Unavailable
from .pods import PROBES, Pods, gateway, podman
from .services import Services

pytestmark = pytest.mark.containers

FILES = ("app.env", "secrets.env")
CHECK = ("manage.py", "config", "check")
# Who it is, what it may, and whether it can write where its code is and where it must.
RIGHTS = """
import json, os, tempfile
status = dict(line.split(":", 1) for line in open("/proc/self/status").read().splitlines())
try:
    open("/app/written", "w")
except OSError as error:
    refused = error.strerror
print(json.dumps({
    "uid": os.getuid(), "capabilities": int(status["CapEff"], 16), "no_new_privileges": int(status["NoNewPrivs"]),
    "root": refused, "tmp": os.access(tempfile.gettempdir(), os.W_OK),
    "neighbours": [name for name in os.environ if name.endswith("_SERVICE_HOST")],
}))
"""


@pytest.fixture(scope="module")
def overlay(staged: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The staging overlay of a project that others do not change."""
    return shutil.copytree(staged, tmp_path_factory.mktemp("pods") / staged.name) / "deploy/staging"


@pytest.fixture(scope="module")
def pods(
    docker: Engine, image: str, overlay: Path, services: Services, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pods]:
    """The overlay's pods, none of them started; what they need is at their gateway, in databases of its own."""
    with contextlib.ExitStack() as stack:
        tag = f"{overlay.parents[1].name}:0.1.0"  # as the overlay has it
        docker("tag", image, tag)
        try:
            engine = stack.enter_context(podman(docker, tag))
        except Unavailable as missing:
            pytest.skip(str(missing))
        host = gateway(engine)
        database, redis = (stack.enter_context(Balancer.listening(host)) for _ in range(2))
        database.targets, redis.targets = [services.database.port], [services.redis.port]
        services.create_database("pods")
        with (overlay / "secrets.env").open("a") as secrets:
            secrets.write(f"DATABASE_URL=postgres://postgres@{host}:{database.port}/pods\n")
            secrets.write(f"REDIS_URL=redis://{host}:{redis.port}/2\n")
            secrets.write(f"CELERY_BROKER_URL=redis://{host}:{redis.port}/3\n")
        made = Pods(engine, overlay, tmp_path_factory.mktemp("played"))
        made.secret()
        yield made


@pytest.fixture(scope="module")
def played(pods: Pods) -> Pods:
    """Migrated by the Job, and running."""
    with pytest.raises(EngineError, match=r"init container .* exited with code 1"):
        pods.play("web")  # it waits for the migration, and podman gives up where a kubelet asks again
    pods.forget("web")
    assert pods.podman("wait", pods.play("migrate")).strip() == "0"
    for process in PROCESSES:
        pods.play(process)
    return pods


@pytest.mark.parametrize("process", PROCESSES)
def test_a_pod_runs_as_nobody_on_a_root_it_cannot_write_to(played: Pods, process: str) -> None:
    found = json.loads(played.podman("exec", played.container(process), "python", "-c", RIGHTS))
    assert found == {
        "uid": 10001,
        "capabilities": 0,
        "no_new_privileges": 1,
        "root": "Read-only file system",
        "tmp": True,
        "neighbours": [],
    }


def test_every_probe_passes_by_the_pods_own_address(played: Pods) -> None:
    (web,) = played.template("web")["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in web["ports"]}
    address = played.address("web")
    assert address.startswith("10.")
    asked = {name: web[name]["httpGet"] for name in PROBES}
    answered = {name: ask(ports[probe["port"]], probe["path"], address=address) for name, probe in asked.items()}
    assert {name: status for name, (status, _) in answered.items()} == dict.fromkeys(PROBES, 200), answered


def test_a_pod_answers_a_caller(played: Pods, overlay: Path) -> None:
    call = {"CallSid": "CA" + "9" * 32, "From": "+15550123456", "To": "+15550100000"}
    status, twiml = signed(overlay.parents[1], "/twilio/voice/", call, 8000, address=played.address("web"))
    assert (status, "<Response>" in twiml, "again=1" in twiml) == (200, True, False), twiml


def test_pod_docker_run_and_shell_have_one_configuration(
    played: Pods, docker: Engine, image: str, overlay: Path
) -> None:
    mounted = overlay.parent / "mounted"
    mounted.mkdir()
    for key, value in read_env(overlay / "tunables.env").items():
        (mounted / key).write_text(value)
    env_files = [part for name in FILES for part in ("--env-file", str(overlay / name))]
    folder = ["--env", "DJANGO_TWILIO_CONFIG_DIR=/etc/call-center", "--volume", f"{mounted}:/etc/call-center:ro"]
    shell = {"PATH": "/usr/bin:/bin", "DJANGO_TWILIO_CONFIG_DIR": str(mounted)}
    for name in FILES:
        shell |= read_env(overlay / name)

    told = run(sys.executable, "-B", *CHECK, cwd=overlay.parents[1], env=shell).stdout

    assert told.startswith("staging: ")
    assert docker("run", "--rm", "--no-healthcheck", *SHUT, *env_files, *folder, image, "python", *CHECK) == told
    for process in PROCESSES:
        assert played.podman("exec", played.container(process), "python", *CHECK) == told


@pytest.mark.parametrize("process", PROCESSES)
def test_a_pod_ends_in_order(played: Pods, process: str) -> None:
    grace = str(played.template(process)["spec"].get("terminationGracePeriodSeconds", 30))
    played.podman("stop", "--time", grace, played.container(process))
    code = played.podman("inspect", "--format", "{{.State.ExitCode}}", played.container(process))
    assert code.strip() == "0"
