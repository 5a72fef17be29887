"""Pods of an overlay's manifests, run by podman: environment, rights, mounts, init containers as a kubelet has them."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.conftest import run
from tests.manifests import KUBECTL, Manifest

from .engine import INSTALL, Engine, Unavailable, remove, roomy

NETWORK = "pods"
# A root without CAP_SYS_RESOURCE may hand out no more; there is no systemd to ask for anything.
CONTAINERS_CONF = """
[containers]
default_ulimits = ["nofile=16384:16384", "nproc=8192:8192"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
tmp_dir = "{folder}/tmp"
[network]
network_backend = "netavark"
network_config_dir = "{folder}/networks"
"""
STORAGE_CONF = '[storage]\ndriver = "overlay"\ngraphroot = "{folder}/graph"\nrunroot = "{folder}/run"\n'
PROBES = ("startupProbe", "livenessProbe", "readinessProbe")


@dataclass(frozen=True)
class Pods:
    """The pods of one overlay, by the names of their Deployments and Jobs."""

    podman: Engine
    overlay: Path
    folder: Path

    def manifests(self) -> list[Manifest]:
        """What `kubectl apply -k` would send."""
        return list(yaml.safe_load_all(run(KUBECTL, "kustomize", ".", cwd=self.overlay).stdout))

    def secret(self) -> None:
        """The Secret, by the documented command; podman's kube form of one is its data as JSON."""
        words = ["create", "secret", "generic", "app-secrets", "--from-env-file=secrets.env", "--dry-run=client"]
        made = yaml.safe_load(run(KUBECTL, *words, "--output=yaml", cwd=self.overlay).stdout)
        file = self.folder / "secret.json"
        file.write_text(json.dumps(made["data"]))
        self.podman("secret", "create", "app-secrets", file)

    def play(self, component: str) -> str:
        """Start a pod; gives its container's name. Raises `EngineError`, also for its init's."""
        documents = [*_of_kind(self.manifests(), "ConfigMap"), self._pod(component)]
        file = self.folder / f"{component}.yaml"
        file.write_text(yaml.safe_dump_all(documents))
        self.podman("kube", "play", "--network", NETWORK, file)
        return self.container(component)

    def forget(self, component: str) -> None:
        """Remove a pod, whatever became of it."""
        self.podman.succeeds("pod", "rm", "--force", self._name(component))

    def container(self, component: str) -> str:
        """The name that podman gives a pod's application."""
        return f"{self._name(component)}-app"

    def address(self, component: str) -> str:
        """The pod's own address."""
        infra = self.podman("pod", "inspect", "--format", "{{.InfraContainerID}}", self._name(component)).strip()
        form = f"{{{{.NetworkSettings.Networks.{NETWORK}.IPAddress}}}}"
        return self.podman("inspect", "--format", form, infra).strip()

    def template(self, component: str) -> Manifest:
        """The pod template of a Deployment or Job."""
        return dict(self._workload(component)["spec"]["template"])

    def _workload(self, component: str) -> Manifest:
        label = "app.kubernetes.io/component"
        found = _of_kind(self.manifests(), "Deployment", "Job")
        (workload,) = [each for each in found if each["metadata"]["labels"][label] == component]
        return workload

    def _name(self, component: str) -> str:
        return str(self._workload(component)["metadata"]["name"])

    def _pod(self, component: str) -> Manifest:
        """As podman can take it: it calls no probes, publishes what has a port, and shares volumes of one name.

        What it may restart, it restarts when it has ended well too: init containers.
        """
        template = self.template(component)
        spec: dict[str, Any] = {**template["spec"], "restartPolicy": "Never"}
        own = {each["name"]: f"{component}-{each['name']}" for each in spec["volumes"] if "emptyDir" in each}
        for container in spec["containers"] + spec.get("initContainers", []):
            for key in (*PROBES, "ports"):
                container.pop(key, None)
            for mount in container["volumeMounts"]:
                mount["name"] = own.get(mount["name"], mount["name"])
        for volume in spec["volumes"]:
            volume["name"] = own.get(volume["name"], volume["name"])
        metadata = {"name": self._name(component), "labels": template["metadata"]["labels"]}
        return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


@contextlib.contextmanager
def podman(docker: Engine, image: str) -> Iterator[Engine]:
    """A podman with nothing but the image and a network of pods, all gone with the block. Raises `Unavailable`."""
    program = shutil.which("podman")
    if program is None or os.geteuid() != 0:
        raise Unavailable(f"no pods: podman is missing ({INSTALL}), or this is not root")
    folder = Path(tempfile.mkdtemp(prefix="podman-", dir=roomy()))
    environment = dict(os.environ)
    for name, text in (("CONTAINERS_CONF", CONTAINERS_CONF), ("CONTAINERS_STORAGE_CONF", STORAGE_CONF)):
        (folder / name).write_text(text.replace("{folder}", str(folder)))
        environment[name] = str(folder / name)
    own = Engine(program, environment)
    try:
        docker("save", "--output", folder / "image.tar", image)
        own("load", "--quiet", "--input", folder / "image.tar")
        (folder / "image.tar").unlink()
        own("network", "create", "--disable-dns", NETWORK)
        yield own
    finally:
        own.succeeds("pod", "rm", "--force", "--all")
        own.succeeds("network", "rm", NETWORK)
        remove(folder)


def gateway(engine: Engine) -> str:
    """The machine's address as pods see it."""
    (network,) = json.loads(engine("network", "inspect", NETWORK))
    return str(network["subnets"][0]["gateway"])


def _of_kind(manifests: list[Manifest], *kinds: str) -> list[Manifest]:
    return [manifest for manifest in manifests if manifest["kind"] in kinds]
