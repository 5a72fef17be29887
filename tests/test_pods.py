"""What pods promise and what surrounds them: rights, probes, budgets, policies, scaling, the namespace, the Secret."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import yaml

from .manifests import Manifest, component, containers, kubectl, of_kind, pods, read_env, render

RESTRICTED = {
    "allowPrivilegeEscalation": "false",
    "readOnlyRootFilesystem": "true",
    "capabilities": {"drop": ["ALL"]},
}


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
    (user,) = {pod["securityContext"]["runAsUser"] for pod in pods(render(overlay), ours=True)}
    assert f"USER {user}:{user}\n" in (project / "Dockerfile").read_text()


def test_probes_ask_this_process_on_the_port_it_listens_on_whatever_its_files_say(overlay: Path) -> None:
    app = overlay / "app.env"
    app.write_text("".join(f"{name}={value}\n" for name, value in {**read_env(app), "PORT": "9000"}.items()))
    (web,) = [container for container in containers(render(overlay), ours=True) if "ports" in container]
    (port,) = [each["value"] for each in web["env"] if each["name"] == "PORT"]
    assert web["ports"] == [{"name": "http", "containerPort": port}]
    probes = {name: web[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")}
    assert {probe["port"] for probe in probes.values()} == {"http"}
    paths = {name: probe["path"] for name, probe in probes.items()}
    assert paths == {"startup": "/healthz/live", "liveness": "/healthz/live", "readiness": "/healthz/ready"}


def test_worker_and_beat_are_asked_what_compose_asks_them(project: Path, overlay: Path) -> None:
    services = yaml.safe_load((project / "compose.yaml").read_text())["services"]
    for each in of_kind(render(overlay), "Deployment"):
        if (name := component(each)) in ("worker", "beat"):
            (app,) = each["spec"]["template"]["spec"]["containers"]
            command = app["livenessProbe"]["exec"]["command"]
            assert services[name]["healthcheck"]["test"] == ["CMD", *command]
            assert (project / command[-1]).is_file()


def test_the_grace_period_is_longer_than_pre_stop_and_drain(project: Path, overlay: Path) -> None:
    (web,) = [pod for pod in pods(render(overlay)) if "ports" in pod["containers"][0]]
    pre_stop = int(web["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][1])
    drain = re.search(
        r"^graceful_timeout = (\d+)$", (project / "config" / "gunicorn.conf.py").read_text(), re.MULTILINE
    )
    assert drain is not None
    assert int(drain[1]) > 15, "Twilio waits 15 s for a webhook"
    assert int(web["terminationGracePeriodSeconds"]) > pre_stop + int(drain[1])


def test_the_namespace_refuses_pods_that_want_more_than_ours(overlay: Path) -> None:
    (namespace,) = of_kind(render(overlay), "Namespace")
    assert namespace["metadata"]["name"] == render(overlay)[-1]["metadata"]["namespace"]
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def selects(selector: Manifest, labels: Manifest) -> bool:
    wanted = selector.get("matchLabels", {}).items() <= labels.items()
    return wanted and all(labels.get(each["key"]) in each["values"] for each in selector.get("matchExpressions", []))


def test_budgets_policies_and_spread_select_pods_that_exist(deployed: Path) -> None:
    manifests = render(deployed)
    found = of_kind(manifests, "Deployment", "Job")
    labels = {component(each): each["spec"]["template"]["metadata"]["labels"] for each in found}
    chosen = {
        (each["kind"], each["metadata"]["name"].rpartition("-")[2]): {
            name
            for name in labels
            if selects(each["spec"].get("podSelector") or each["spec"]["selector"], labels[name])
        }
        for each in of_kind(manifests, "PodDisruptionBudget", "NetworkPolicy")
    }
    assert chosen == {
        ("PodDisruptionBudget", "web"): {"web"},
        ("PodDisruptionBudget", "worker"): {"worker"},
        ("NetworkPolicy", "app"): {"web", "worker", "beat", "migrate"},
        ("NetworkPolicy", "web"): {"web"},
    }
    for each in of_kind(manifests, "Deployment"):
        for spread in each["spec"]["template"]["spec"].get("topologySpreadConstraints", []):
            assert selects(spread["labelSelector"], labels[component(each)])


def test_the_autoscaler_alone_says_how_many_web_pods_there_are(deployed: Path) -> None:
    manifests = render(deployed)
    (scaler,) = of_kind(manifests, "HorizontalPodAutoscaler")
    (web,) = [each for each in of_kind(manifests, "Deployment") if component(each) == "web"]
    assert scaler["spec"]["scaleTargetRef"]["name"] == web["metadata"]["name"]
    assert "replicas" not in web["spec"], "an apply would undo what the autoscaler did"


def test_the_secret_is_made_from_secrets_env_by_the_documented_command(project: Path, deployed: Path) -> None:
    (deployed / "secrets.env").write_text("DJANGO_SECRET_KEY=one=two\nREDIS_URL=redis://:a%23b@cache:6379/0\n")
    folder = f"deploy/{deployed.name}"
    words = ["create", "secret", "generic", "app-secrets", f"--from-env-file={folder}/secrets.env"]
    guide = (project / "docs" / "kubernetes.md").read_text().replace("deploy/staging", folder)
    assert " ".join(words) in guide

    (made,) = kubectl(project, *words, "--dry-run=client", "--output=yaml")

    decoded = {name: base64.b64decode(value).decode() for name, value in made["data"].items()}
    assert decoded == read_env(deployed / "secrets.env")
    (reference,) = {
        each["secretRef"]["name"]
        for container in containers(render(deployed))
        for each in container["envFrom"]
        if "secretRef" in each
    }
    assert reference == made["metadata"]["name"]


def test_database_connections_says_what_all_pods_together_may_open(deployed: Path) -> None:
    manifests, env = render(deployed), read_env(deployed / "app.env")
    (scaler,) = of_kind(manifests, "HorizontalPodAutoscaler")
    (worker,) = [each["spec"] for each in of_kind(manifests, "Deployment") if component(each) == "worker"]
    command = worker["template"]["spec"]["containers"][0]["command"]
    threads = int(command[command.index("--concurrency") + 1])
    web = int(env["WEB_CONCURRENCY"]) * int(env["WEB_THREADS"])
    beat_and_migration = 2
    # While a release rolls out, there is one more of each.
    most = (int(scaler["spec"]["maxReplicas"]) + 1) * web + (int(worker["replicas"]) + 1) * threads + beat_and_migration
    assert most <= int(env["DATABASE_CONNECTIONS"]) < most * 1.2
