"""The overlays, without a cluster: what they render to, and what the manifests promise each other."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
import yaml

from .conftest import commit, git, run
from .manifests import (
    ADDRESSES,
    KUBECTL,
    OVERLAYS,
    PROCESSES,
    Manifest,
    component,
    config_map,
    containers,
    kubectl,
    of_kind,
    pods,
    read_env,
    render,
)

ANOTHER = "DJANGO_TWILIO_JOIN_TIMEOUT=21\nDJANGO_LOG_LEVEL="
SUPPORTED = ("1.29", "1.33", "1.37")


def test_an_overlay_renders_in_a_fresh_bake_with_no_secret_beside_it(overlay: Path) -> None:
    assert not (overlay / "secrets.env").exists()
    manifests = render(overlay)
    processes = {(each["kind"], component(each)) for each in of_kind(manifests, "Deployment", "Job")}
    assert processes >= {("Deployment", name) for name in PROCESSES} | {("Job", "migrate")}
    assert of_kind(manifests, "Secret") == []


@pytest.mark.parametrize(("name", "file"), [("app-env", "app.env"), ("tunables", "tunables.env")])
def test_the_config_map_says_what_the_env_file_says(deployed: Path, name: str, file: str) -> None:
    assert config_map(render(deployed), name)["data"] == read_env(deployed / file)


def test_kubectl_reads_app_env_as_kustomize_does(overlay: Path) -> None:
    create = ["create", "configmap", "app-env", "--from-env-file=app.env", "--dry-run=client", "--output=yaml"]
    (made,) = kubectl(overlay, *create)
    assert made["data"] == config_map(render(overlay))["data"]


def test_every_container_gets_the_config_map_and_may_get_the_secret(deployed: Path) -> None:
    manifests = render(deployed)
    name = config_map(manifests)["metadata"]["name"]
    expected = [{"configMapRef": {"name": name}}, {"secretRef": {"name": "app-secrets", "optional": "true"}}]
    assert [container["envFrom"] for container in containers(manifests)] == [expected] * 7


def test_a_changed_value_rolls_out_by_itself(overlay: Path) -> None:
    before = pods(render(overlay), ours=True)
    after = pods(changed(overlay, "app.env", "DJANGO_LOG_LEVEL=", ANOTHER), ours=True)
    assert all(old != new for old, new in zip(before, after, strict=True))


def changed(overlay: Path, file: str, old: str, new: str) -> list[Manifest]:
    """What it renders to when a text in one of its files is another."""
    text = (overlay / file).read_text()
    assert old in text
    (overlay / file).write_text(text.replace(old, new))
    return render(overlay)


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("app.env", "DJANGO_LOG_LEVEL=", ANOTHER),
        ("kustomization.yaml", 'newTag: "', 'newTag: "later-'),
    ],
)
def test_applying_again_with_a_change_changes_nothing_that_cannot_be_changed(
    overlay: Path, file: str, old: str, new: str
) -> None:
    before, after = (
        {(m["kind"], m["metadata"]["name"]): m for m in manifests}
        for manifests in (render(overlay), changed(overlay, file, old, new))
    )
    (one,), (other,) = ([name for kind, name in each if kind == "Job"] for each in (before, after))
    assert one != other, "a Job cannot be changed: another release is another Job"
    for key in before.keys() & after.keys():
        if key[0] == "Deployment":
            assert before[key]["spec"]["selector"] == after[key]["spec"]["selector"]
        if key[0] == "Service":
            assert before[key] == after[key]


def test_applying_again_without_a_change_changes_nothing(overlay: Path) -> None:
    assert render(overlay) == render(overlay)


def test_the_migration_goes_by_itself_and_every_process_waits_for_it(overlay: Path) -> None:
    manifests = render(overlay)
    (job,) = of_kind(manifests, "Job")
    assert int(job["spec"]["ttlSecondsAfterFinished"]) > 0
    waits = [pod.get("initContainers", []) for pod in pods(of_kind(manifests, "Deployment"), ours=True)]
    assert [[one["command"] for one in wait] for wait in waits] == [[["python", "manage.py", "migrate", "--check"]]] * 3


def test_a_changed_tunable_reaches_running_pods_in_a_folder_instead(deployed: Path) -> None:
    before = render(deployed)
    with (deployed / "tunables.env").open("a") as env:
        env.write("DJANGO_TWILIO_JOIN_TIMEOUT=21\n")
    after = render(deployed)

    assert pods(before) == pods(after)
    name = config_map(after, "tunables")["metadata"]["name"]
    for pod in pods(after):
        (app,) = pod["containers"]
        (mount,) = [mount for mount in app["volumeMounts"] if mount["name"] == "tunables"]
        assert {"name": "DJANGO_TWILIO_CONFIG_DIR", "value": mount["mountPath"]} in app["env"]
        assert "subPath" not in mount
        assert {"name": "tunables", "configMap": {"name": name, "optional": "true"}} in pod["volumes"]


def test_a_copied_stage_is_another_deploy(project: Path) -> None:
    copy = shutil.copytree(project / "deploy" / "staging", project / "deploy" / "eu-west")
    assert render(copy) == render(project / "deploy" / "staging")


@pytest.mark.parametrize("version", SUPPORTED)
def test_an_overlay_fits_the_schemas_of_every_supported_kubernetes(overlay: Path, version: str, tmp_path: Path) -> None:
    rendered = tmp_path / "rendered.yaml"
    rendered.write_text(run(KUBECTL, "kustomize", ".", cwd=overlay).stdout)
    validate = Path(sys.executable).with_name("kubernetes-validate")
    run(validate, "--kubernetes-version", version, "--strict", "--no-warn", rendered, cwd=overlay)


def test_a_patch_is_one_document(project: Path) -> None:
    """Two of them that delete something crash kubectl 1.32, which no wheel has for these tests to try."""
    for file in (project / "deploy").glob("*/kustomization.yaml"):
        for patch in yaml.safe_load(file.read_text()).get("patches", []):
            text = patch.get("patch") or (file.parent / patch["path"]).read_text()
            assert len(list(yaml.safe_load_all(text))) == 1, f"{file}: {patch}"


def test_the_guide_names_the_supported_versions(project: Path) -> None:
    guide = (project / "docs" / "kubernetes.md").read_text()
    assert f"Kubernetes {SUPPORTED[0]} to {SUPPORTED[-1]}" in guide


def test_overlays_render_in_a_colleagues_clone_as_in_the_bake(project: Path, tmp_path: Path) -> None:
    git(project, "init", "--quiet")
    commit(project, "Baked")
    git(project, "clone", "--quiet", ".", str(tmp_path / "clone"))
    for stage in OVERLAYS:
        assert render(tmp_path / "clone" / "deploy" / stage) == render(project / "deploy" / stage)


def test_every_container_has_an_image_and_the_projects_has_its_tag(project: Path, overlay: Path) -> None:
    assert all(":" in container["image"] for container in containers(render(overlay)))
    (image,) = {container["image"] for container in containers(render(overlay), ours=True)}
    assert image.startswith(f"{project.name}:")


def test_the_ingress_answers_to_the_host_of_app_env(deployed: Path) -> None:
    (ingress,) = of_kind(render(deployed), "Ingress")
    host = read_env(deployed / "app.env")["DJANGO_ALLOWED_HOSTS"]
    assert [rule["host"] for rule in ingress["spec"]["rules"]] == [host]
    assert [tls["hosts"] for tls in ingress["spec"]["tls"]] == [[host]]


def test_development_adds_addresses_only(project: Path) -> None:
    manifests = render(project / "deploy" / "development")
    addresses = config_map(manifests, "addresses")
    assert addresses["data"].keys() == ADDRESSES
    for container in containers(manifests, ours=True):
        assert container["envFrom"][-1] == {"configMapRef": {"name": addresses["metadata"]["name"]}}
        assert {entry["name"] for entry in container.get("env", [])} <= {"DJANGO_TWILIO_CONFIG_DIR", "PORT"}
