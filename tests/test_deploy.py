"""The deploy's files, without an engine or a cluster: what they render to and what they promise each other."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from .conftest import run

KUBECTL = Path(sys.executable).with_name("kubectl")  # from its wheel
Manifest = dict[str, Any]

OVERLAYS = ("staging", "production")
ADDRESSES = {"DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL", "TWILIO_API_BASE_URL"}
RESTRICTED = {
    "allowPrivilegeEscalation": "false",
    "readOnlyRootFilesystem": "true",
    "capabilities": {"drop": ["ALL"]},
}
PROCESSES = ("web", "worker", "beat")


def kubectl(overlay: Path, *arguments: str) -> list[Manifest]:
    """What `kubectl` prints, every value the text it is."""
    printed = run(KUBECTL, *arguments, cwd=overlay).stdout
    return list(yaml.load_all(printed, Loader=yaml.BaseLoader))  # strings alone


def render(overlay: Path) -> list[Manifest]:
    """What `kubectl apply -k` would send."""
    return kubectl(overlay, "kustomize", ".")


def of_kind(manifests: list[Manifest], *kinds: str) -> list[Manifest]:
    return [manifest for manifest in manifests if manifest["kind"] in kinds]


def pods(manifests: list[Manifest]) -> list[Manifest]:
    return [manifest["spec"]["template"]["spec"] for manifest in of_kind(manifests, "Deployment", "Job")]


def containers(manifests: list[Manifest]) -> Iterator[Manifest]:
    for pod in pods(manifests):
        yield from pod["containers"] + pod.get("initContainers", [])


def config_map(manifests: list[Manifest], name: str = "app-env") -> Manifest:
    (found,) = [each for each in of_kind(manifests, "ConfigMap") if name in each["metadata"]["name"]]
    return found


def read_env(file: Path) -> dict[str, str]:
    lines = [line for line in file.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


@pytest.fixture(params=OVERLAYS)
def overlay(project: Path, request: pytest.FixtureRequest) -> Path:
    return project / "deploy" / str(request.param)


def test_an_overlay_renders_in_a_fresh_bake_with_no_secret_beside_it(project: Path, overlay: Path) -> None:
    assert not (overlay / "secrets.env").exists()
    rendered = {(m["kind"], m["metadata"]["name"].removeprefix(f"{project.name}-")) for m in render(overlay)}
    assert rendered >= {("Deployment", name) for name in PROCESSES} | {("Service", "web"), ("Job", "migrate")}
    assert "Secret" not in {kind for kind, _ in rendered}


@pytest.mark.parametrize("name", ["app", "tunables"])
def test_the_config_map_says_what_the_env_file_says(overlay: Path, name: str) -> None:
    assert config_map(render(overlay), name)["data"] == read_env(overlay / f"{name}.env")


def test_kubectl_reads_app_env_as_kustomize_does(overlay: Path) -> None:
    create = ["create", "configmap", "app-env", "--from-env-file=app.env", "--dry-run=client", "--output=yaml"]
    (made,) = kubectl(overlay, *create)
    assert made["data"] == config_map(render(overlay))["data"]


def test_every_container_gets_the_config_map_and_may_get_the_secret(overlay: Path) -> None:
    manifests = render(overlay)
    name = config_map(manifests)["metadata"]["name"]
    expected = [{"configMapRef": {"name": name}}, {"secretRef": {"name": "app-secrets", "optional": "true"}}]
    assert [container["envFrom"] for container in containers(manifests)] == [expected] * 7


def test_a_changed_value_rolls_out_by_itself(overlay: Path) -> None:
    before = pods(render(overlay))
    with (overlay / "app.env").open("a") as env:
        env.write("DJANGO_TWILIO_RING_TIMEOUT=21\n")
    after = pods(render(overlay))
    assert all(old != new for old, new in zip(before, after, strict=True))


def test_a_changed_tunable_reaches_running_pods_in_a_folder_instead(overlay: Path) -> None:
    before = render(overlay)
    with (overlay / "tunables.env").open("a") as env:
        env.write("DJANGO_TWILIO_JOIN_TIMEOUT=21\n")
    after = render(overlay)

    assert pods(before) == pods(after)
    name = config_map(after, "tunables")["metadata"]["name"]
    for pod in pods(after):
        (app,) = pod["containers"]
        (mount,) = [mount for mount in app["volumeMounts"] if mount["name"] == "tunables"]
        assert app["env"] == [{"name": "DJANGO_TWILIO_CONFIG_DIR", "value": mount["mountPath"]}]
        assert "subPath" not in mount
        assert {"name": "tunables", "configMap": {"name": name, "optional": "true"}} in pod["volumes"]


def test_a_copied_stage_is_another_deploy(project: Path) -> None:
    copy = shutil.copytree(project / "deploy" / "staging", project / "deploy" / "eu-west")
    assert render(copy) == render(project / "deploy" / "staging")


def test_every_pod_runs_as_nobody_on_a_read_only_root(overlay: Path) -> None:
    manifests = render(overlay)
    for pod in pods(manifests):
        assert pod["securityContext"]["runAsNonRoot"] == "true"
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] == pod["enableServiceLinks"] == "false"
    for container in containers(manifests):
        assert container["securityContext"] == RESTRICTED
        assert container["resources"].keys() == {"requests", "limits"}


def test_manifests_and_image_agree_on_the_user(project: Path, overlay: Path) -> None:
    (user,) = {pod["securityContext"]["runAsUser"] for pod in pods(render(overlay))}
    assert f"USER {user}:{user}\n" in (project / "Dockerfile").read_text()


def test_probes_ask_this_process_on_the_port_it_listens_on(overlay: Path) -> None:
    (web,) = [container for container in containers(render(overlay)) if "ports" in container]
    port = read_env(overlay / "app.env").get("PORT", "8000")
    assert web["ports"] == [{"name": "http", "containerPort": port}]
    probes = {name: web[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")}
    assert {probe["port"] for probe in probes.values()} == {"http"}
    paths = {name: probe["path"] for name, probe in probes.items()}
    assert paths == {"startup": "/healthz/live", "liveness": "/healthz/live", "readiness": "/healthz/ready"}


def test_the_grace_period_is_longer_than_pre_stop_and_drain(project: Path, overlay: Path) -> None:
    (web,) = [pod for pod in pods(render(overlay)) if "ports" in pod["containers"][0]]
    pre_stop = int(web["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][1])
    drain = re.search(
        r"^graceful_timeout = (\d+)$", (project / "config" / "gunicorn.conf.py").read_text(), re.MULTILINE
    )
    assert drain is not None
    assert int(drain[1]) > 15, "Twilio waits 15 s for a webhook"
    assert int(web["terminationGracePeriodSeconds"]) > pre_stop + int(drain[1])


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
def test_compose_takes_the_deploys_files_and_adds_addresses_only(project: Path, process: str) -> None:
    service = compose(project)["services"][process]
    folder = "deploy/${STAGE:-staging}"
    app, tunables, secrets = (
        {"path": f"{folder}/{name}.env", "format": "raw"} for name in ("app", "tunables", "secrets")
    )
    assert service["env_file"] == [app, tunables | {"required": False}, secrets]
    assert service["environment"].keys() == ADDRESSES


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
    assert allowed == {"requirements.txt", "manage.py", "config", "django_twilio_call", "twilio_simulator"}
