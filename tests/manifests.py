"""What the overlays of a baked project render to, for tests: no cluster is asked."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from .conftest import run

KUBECTL = Path(sys.executable).with_name("kubectl")  # from its wheel
Manifest = dict[str, Any]

OVERLAYS = ("development", "staging", "production")
DEPLOYED = ("staging", "production")
PROCESSES = ("web", "worker", "beat")
# What compose.yaml and the development overlay add to app.env, and nothing else.
ADDRESSES = {"DATABASE_URL", "DATABASE_HOST", "REDIS_URL", "CELERY_BROKER_URL", "TWILIO_API_BASE_URL"}


def kubectl(overlay: Path, *arguments: str) -> list[Manifest]:
    """What `kubectl` prints, every value the text it is."""
    printed = run(KUBECTL, *arguments, cwd=overlay).stdout
    return list(yaml.load_all(printed, Loader=yaml.BaseLoader))  # strings alone


def render(overlay: Path) -> list[Manifest]:
    """What `kubectl apply -k` would send."""
    return kubectl(overlay, "kustomize", ".")


def of_kind(manifests: list[Manifest], *kinds: str) -> list[Manifest]:
    return [manifest for manifest in manifests if manifest["kind"] in kinds]


def component(manifest: Manifest) -> str:
    return str(manifest["metadata"]["labels"]["app.kubernetes.io/component"])


def pods(manifests: list[Manifest], *, ours: bool = False) -> list[Manifest]:
    """All of them, or those of this project's image that run the call center."""
    found = of_kind(manifests, "Deployment", "Job")
    return [
        each["spec"]["template"]["spec"] for each in found if not ours or component(each) in (*PROCESSES, "migrate")
    ]


def containers(manifests: list[Manifest], *, ours: bool = False) -> Iterator[Manifest]:
    for pod in pods(manifests, ours=ours):
        yield from pod["containers"] + pod.get("initContainers", [])


def config_map(manifests: list[Manifest], name: str = "app-env") -> Manifest:
    names = re.compile(rf"(.+-)?{name}(-[a-z0-9]{{10}})?")
    (found,) = [each for each in of_kind(manifests, "ConfigMap") if names.fullmatch(each["metadata"]["name"])]
    return found


def read_env(file: Path) -> dict[str, str]:
    lines = [line for line in file.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)
