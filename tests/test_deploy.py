"""The image and compose.yaml, without an engine: what they say and what they promise each other."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
import yaml

from .conftest import run
from .manifests import ADDRESSES, PROCESSES, Manifest, of_kind, render


def test_compose_and_kubernetes_run_the_same_commands(project: Path) -> None:
    jobs = of_kind(render(project / "deploy" / "staging"), "Deployment", "Job")
    names = [job["metadata"]["labels"]["app.kubernetes.io/component"] for job in jobs]
    pods = [job["spec"]["template"]["spec"]["containers"][0] for job in jobs]
    services = compose(project)["services"]
    assert {name: pod.get("command") for name, pod in zip(names, pods, strict=True)} == {
        name: services[name].get("command") for name in ("web", "worker", "beat", "migrate")
    }


def compose(project: Path) -> Manifest:
    # BaseLoader resolves no merge keys; SafeLoader does.
    return dict(yaml.safe_load((project / "compose.yaml").read_text()))


@pytest.mark.parametrize("process", [*PROCESSES, "migrate"])
def test_compose_takes_the_deploys_files_and_adds_addresses_and_its_port_only(project: Path, process: str) -> None:
    service = compose(project)["services"][process]
    folder = "deploy/${STAGE:-staging}"
    app, tunables, secrets = (
        {"path": f"{folder}/{name}.env", "format": "raw"} for name in ("app", "tunables", "secrets")
    )
    assert service["env_file"] == [app, tunables | {"required": False}, secrets]
    assert service["environment"].keys() == ADDRESSES | {"PORT"}


def test_a_stage_with_its_database_in_parts_starts_on_that_of_compose(project: Path) -> None:
    added = compose(project)["services"]["web"]["environment"]
    given = {name: value for name, value in added.items() if value is not None}
    parts = {"DATABASE_HOST": "db.internal", "DATABASE_NAME": "calls", "DATABASE_PASSWORD": "a-password"}
    others = {
        "DJANGO_SETTINGS_MODULE": "config.settings.testing",
        "DJANGO_SECRET_KEY": "k" * 50,
        "TWILIO_AUTH_TOKEN": "x",
    }
    check = [sys.executable, "-B", "manage.py", "config", "check"]

    assert "no problem" in run(*check, cwd=project, env={"PATH": "/usr/bin:/bin", **others, **parts, **given}).stdout


def test_compose_publishes_the_port_that_it_has_the_process_listen_on(project: Path) -> None:
    web = compose(project)["services"]["web"]
    assert [each.rpartition(":")[2] for each in web["ports"]] == [web["environment"]["PORT"]]


def test_the_first_compose_command_of_the_guide_needs_no_proxy(project: Path) -> None:
    guide = (project / "docs" / "docker.md").read_text()
    commands = re.findall(r"STAGE=(\w+) [^`\n]*docker compose [^`\n]*up\b", guide.partition("## Compose")[2])
    assert commands[0] == "development"
    assert "X-Forwarded-Proto" in guide.partition("STAGE=staging docker compose")[2]


def test_compose_waits_for_what_a_process_needs(project: Path) -> None:
    services = compose(project)["services"]
    for process in PROCESSES:
        waits = {name: wait["condition"] for name, wait in services[process]["depends_on"].items()}
        assert waits == {
            "postgres": "service_healthy",
            "redis": "service_healthy",
            "migrate": "service_completed_successfully",
        }


def stages(project: Path) -> dict[str, str]:
    """The Dockerfile's stages by name, in its order."""
    text = (project / "Dockerfile").read_text()
    parts = re.split(r"^FROM \S+ AS (\w+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_the_image_is_built_by_any_builder_from_wheels_alone(project: Path) -> None:
    dockerfile = (project / "Dockerfile").read_text()
    assert dockerfile.index("ARG BASE_IMAGE=python:") < dockerfile.index("FROM ")
    assert not re.search(r"# *syntax=|<<|--link|--checksum|--mount", dockerfile)
    assert "--only-binary :all: --require-hashes -r requirements.txt" in dockerfile


def test_the_image_made_by_default_is_production_and_has_no_simulator(project: Path) -> None:
    built = stages(project)
    assert list(built)[-1] == "production"
    assert "twilio_simulator" not in built["build"] + built["base"] + built["production"]
    assert "DJANGO_SETTINGS_MODULE=config.settings.production" in built["base"]


def test_the_image_starts_processes_without_a_shell(project: Path) -> None:
    base = stages(project)["base"]
    commands = re.findall(r"^(?:CMD|HEALTHCHECK .* CMD) (.*)$", base, flags=re.MULTILINE)
    assert len(commands) == 2
    assert all(command.startswith('["') for command in commands)
    assert "curl" not in " ".join(commands)


def test_only_named_files_reach_the_builder(project: Path) -> None:
    lines = [line for line in (project / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert lines[0] == "*"
    allowed = {line[1:] for line in lines if line.startswith("!")}
    assert allowed == {"requirements.txt", "assets", "manage.py", "config", "django_twilio_call", "twilio_simulator"}
