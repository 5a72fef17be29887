"""The twelve factors, one test each (https://12factor.net), on a bake. What needs an engine is in containers/."""

from __future__ import annotations

import ast
import contextlib
import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml

from .conftest import git, run
from .containers.calls import ask
from .containers.services import free_port
from .manifests import DEPLOYED, OVERLAYS, containers, of_kind, pods, read_env, render
from .test_keys import OPERATORS

PACKAGES = ("config", "django_twilio_call")
START_SECONDS = 20
STOP_SECONDS = 5


@dataclass(frozen=True)
class Served:
    """A web process that ran: how long it took to answer and to end, how it ended, and what it wrote."""

    ready_after: float
    ended_after: float
    exit_code: int
    stdout: str
    port: int


@pytest.fixture(scope="module")
def deploy(baked: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bake with staging's generated secrets."""
    project = shutil.copytree(baked, tmp_path_factory.mktemp("factors") / baked.name)
    run(sys.executable, "-B", "manage.py", "config", "secrets", "--stage", "staging", cwd=project)
    return project


def environment(project: Path, **more: str) -> dict[str, str]:
    """What the staging deploy's process is given."""
    files = [read_env(project / "deploy/staging" / f"{name}.env") for name in ("app", "secrets")]
    return {"PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1", **files[0], **files[1], **OPERATORS, **more}


@pytest.fixture(scope="module")
def served(deploy: Path) -> Served:
    """Started as the image starts it, asked until it answers, and told to end."""
    port = free_port()
    argv = [sys.executable, "manage.py", "gunicorn"]
    began = time.monotonic()
    with subprocess.Popen(argv, cwd=deploy, env=environment(deploy, PORT=str(port)), stdout=-1, text=True) as process:
        while ask(port, "/healthz/ready")[0] != 200 and time.monotonic() - began < START_SECONDS:
            time.sleep(0.05)
        ready = time.monotonic()
        ask(port, "/accounts/login/", Host="elsewhere.example.com")
        process.send_signal(signal.SIGTERM)
        stdout, _ = process.communicate(timeout=60)
    return Served(ready - began, time.monotonic() - ready, process.returncode, stdout, port)


def setting(project: Path, expression: str, env: Mapping[str, str]) -> str:
    """What an expression over Django's settings is in a process with this environment."""
    program = f"from django.conf import settings; print({expression})"
    return run(sys.executable, "-c", program, cwd=project, env=env).stdout.strip()


def third_party(project: Path) -> set[str]:
    """Top-level modules that the running code imports from elsewhere."""
    found = set()
    for path in (path for package in PACKAGES for path in (project / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.partition(".")[0])
    return found - sys.stdlib_module_names - set(PACKAGES)


def normal(name: str) -> str:
    """A distribution's name as an index spells it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_1_codebase_one_image_serves_all_deploys(baked: Path) -> None:
    images = {c["image"] for stage in DEPLOYED for c in containers(render(baked / "deploy" / stage), ours=True)}
    assert len(images) == 1
    assert "deploy" not in re.sub(r"^#.*$", "", (baked / ".dockerignore").read_text(), flags=re.MULTILINE)


def test_2_dependencies_are_declared_with_hashes_and_nothing_else_is_imported(baked: Path) -> None:
    text = (baked / "requirements.txt").read_text()
    locked = {normal(name) for name in re.findall(r"^([\w.-]+)(?:\[\w+\])?==", text, re.MULTILINE)}
    brings = packages_distributions()
    for module in third_party(baked):
        assert {normal(name) for name in brings[module]} & locked, module
    for file in ("Dockerfile", "Makefile"):
        assert "--require-hashes" in (baked / file).read_text()


def test_3_config_is_the_environment(deploy: Path) -> None:
    def fingerprint(**more: str) -> str:
        check = ["manage.py", "config", "check"]
        return run(sys.executable, *check, cwd=deploy, env=environment(deploy, **more)).stdout

    assert fingerprint() == fingerprint()
    assert fingerprint() != fingerprint(DJANGO_TWILIO_RING_TIMEOUT="31")


def test_3_config_no_value_of_a_deploy_stands_in_code(baked: Path) -> None:
    values = {value for stage in DEPLOYED for value in read_env(baked / "deploy" / stage / "app.env").values()}
    telling = {value for value in values if "." in value and not value.startswith("config.settings.")}
    assert telling
    for path in (path for package in PACKAGES for path in (baked / package).rglob("*.py")):
        assert [value for value in telling if value in path.read_text()] == [], path


@pytest.mark.parametrize(
    ("variable", "expression", "without"),
    [
        ("DATABASE_URL", "settings.DATABASES['default']['ENGINE']", "sqlite3"),
        ("REDIS_URL", "settings.CACHES['default']['BACKEND']", "LocMem"),
        ("CELERY_BROKER_URL", "settings.CELERY_BROKER_URL", "filesystem"),
    ],
)
def test_4_backing_services_are_attached_by_variable(
    deploy: Path, variable: str, expression: str, without: str
) -> None:
    env = environment(deploy, DJANGO_SETTINGS_MODULE="config.settings.development", TWILIO_BACKEND="simulator")
    attached = setting(deploy, expression, env)
    env = {name: value for name, value in env.items() if name not in ("DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL")}
    assert without not in attached
    assert without in setting(deploy, expression, env)
    assert setting(deploy, expression, {**env, variable: OPERATORS[variable]}) == attached


def test_5_build_release_run_a_release_is_an_image_and_a_configuration(project: Path) -> None:
    overlay = project / "deploy/staging"
    before = render(overlay)
    with (overlay / "app.env").open("a") as env:
        env.write("DJANGO_TWILIO_RING_TIMEOUT=21\n")
    after = render(overlay)
    one, other = ({container["image"] for container in containers(each)} for each in (before, after))
    assert one == other
    assert all(pod not in pods(before) for pod in pods(after)), "pods of another release"


@pytest.mark.parametrize("stage", OVERLAYS)
def test_6_processes_keep_nothing(baked: Path, stage: str) -> None:
    manifests = render(baked / "deploy" / stage)
    assert of_kind(manifests, "PersistentVolumeClaim", "StatefulSet") == []
    for pod in pods(manifests, ours=True):
        kinds = {kind for volume in pod["volumes"] for kind in volume if kind != "name"}
        assert kinds <= {"emptyDir", "configMap"}
        assert all(each["securityContext"]["readOnlyRootFilesystem"] == "true" for each in pod["containers"])


def test_7_port_binding_is_a_variable(served: Served) -> None:
    assert served.ready_after < START_SECONDS


@pytest.mark.parametrize(("redis", "workers"), [("redis://127.0.0.1:1/0", {"1": 1, "4": 4}), ("", {"1": 1, "4": 1})])
def test_8_concurrency_is_a_number_of_processes(deploy: Path, redis: str, workers: dict[str, int]) -> None:
    program = "import runpy; print(runpy.run_path('config/gunicorn.conf.py')['workers'])"
    more = {"DJANGO_SETTINGS_MODULE": "config.settings.development", "REDIS_URL": redis}
    for asked, given in workers.items():
        env = environment(deploy, WEB_CONCURRENCY=asked, **more)
        assert int(run(sys.executable, "-c", program, cwd=deploy, env=env).stdout) == given


def test_9_disposability_it_starts_soon_and_ends_in_order(served: Served) -> None:
    assert (served.exit_code, served.ended_after < STOP_SECONDS) == (0, True)


def test_10_parity_the_same_services_stand_behind_every_deploy_here(baked: Path) -> None:
    compose = yaml.safe_load((baked / "compose.yaml").read_text())["services"]
    images = {c["image"] for c in containers(render(baked / "deploy/development"))}
    for service in ("postgres", "redis"):
        assert compose[service]["image"].partition(":-")[2].rstrip("}") in images


def test_11_logs_are_events_on_stdout(served: Served) -> None:
    events = [json.loads(line) for line in served.stdout.splitlines()]
    assert events
    assert all({"event", "timestamp", "level"} <= event.keys() for event in events)


def test_12_admin_processes_run_in_the_same_image(baked: Path) -> None:
    for stage in DEPLOYED:
        manifests = render(baked / "deploy" / stage)
        (job,) = of_kind(manifests, "Job")
        (one_off,) = job["spec"]["template"]["spec"]["containers"]
        assert one_off["command"][:2] == ["python", "manage.py"]
        assert {one_off["image"]} == {each["image"] for each in containers(manifests)}


def test_a_bake_in_git_holds_no_secret(deploy: Path) -> None:
    git(deploy, "init", "--quiet")
    git(deploy, "add", "--all")
    secrets = set(read_env(deploy / "deploy/staging/secrets.env").values()) - {""}
    assert secrets
    for name in git(deploy, "ls-files").splitlines():
        with contextlib.suppress(UnicodeDecodeError):
            assert [value for value in secrets if value in (deploy / name).read_text()] == [], name
