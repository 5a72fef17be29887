"""One deploy in containers: the processes of an image, with a stage's env files, on this machine's network."""

from __future__ import annotations

import json
import shlex
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from .engine import Engine

# As docs/docker.md has it, but for the network: the services of the tests are on loopback.
SHUT = shlex.split("--network host --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges")
PROCESSES = ("web", "worker", "beat")
START_SECONDS = 60
MOUNTED = "/etc/call-center"


@dataclass(frozen=True)
class Deploy:
    """A stage of a project, run by the commands of its compose.yaml; `addresses` override its files."""

    docker: Engine
    image: str
    project: Path
    env_files: tuple[str, ...]
    addresses: Mapping[str, str]
    tunables: Path | None = None
    """The folder that Kubernetes would mount `tunables.env` as."""
    suffix: str = field(default_factory=lambda: uuid.uuid4().hex[:8])

    def beside(self, image: str, **addresses: str) -> Deploy:
        """The same deploy with another image or other addresses, in containers of its own."""
        return replace(self, image=image, addresses={**self.addresses, **addresses}, suffix=uuid.uuid4().hex[:8])

    def once(self, *command: str) -> str:
        """Run a one-off command; gives its stdout. Raises `EngineError` when it fails."""
        return self.docker("run", "--rm", "--no-healthcheck", *self._options(), self.image, *command)

    def start(self, process: str) -> None:
        """Start one of `PROCESSES` in the background, with the image's health check if it is the web's."""
        check = [] if process == "web" else ["--no-healthcheck"]
        options = ["--detach", "--restart", "unless-stopped", "--name", self.name(process), *check, *self._options()]
        self.docker("run", *options, self.image, *self.command(process))

    def command(self, process: str) -> list[str]:
        """What a process of compose.yaml runs; nothing where that is the image's own command."""
        services = yaml.safe_load((self.project / "compose.yaml").read_text())["services"]
        return list(services[process].get("command", []))

    def wait_for(self, process: str, what: Callable[[], bool]) -> float:
        """Seconds until something is so. Raises `AssertionError` with the log when that does not come."""
        began = time.monotonic()
        while not what():
            elapsed = time.monotonic() - began
            if not self.state(process)["Running"] or elapsed > START_SECONDS:
                raise AssertionError(f"{process} after {elapsed:.0f} s:\n{self.log(process)}")
            time.sleep(0.05)
        return time.monotonic() - began

    def healthy(self, process: str) -> bool:
        """Whether the image's own health check passes."""
        return bool(self.state(process)["Health"]["Status"] == "healthy")

    def stop(self, process: str) -> int:
        """End a process as `docker stop` does; gives its exit code."""
        self.docker("stop", "--time", "40", self.name(process))
        return int(self.state(process)["ExitCode"])

    def execute(self, process: str, *command: str) -> str:
        """Run a command in its container, beside it; gives its stdout."""
        return self.docker("exec", self.name(process), *command)

    def state(self, process: str) -> dict[str, Any]:
        """What the engine knows of the process."""
        return dict(json.loads(self.docker("inspect", "--format", "{{json .State}}", self.name(process))))

    def restarts(self, process: str) -> int:
        """How often the process ended by itself, and the engine started it again."""
        return int(self.docker("inspect", "--format", "{{.RestartCount}}", self.name(process)))

    def log(self, process: str) -> str:
        """The end of what the process wrote to stdout."""
        return self.docker("logs", "--tail", "20", self.name(process))

    def lines(self, process: str) -> list[str]:
        """All that the process wrote to stdout."""
        return self.docker("logs", self.name(process)).splitlines()

    def remove(self, *processes: str) -> None:
        """End them at once, and forget them."""
        for process in processes:
            self.docker.succeeds("rm", "--force", self.name(process))

    def name(self, process: str) -> str:
        """The container's name."""
        return f"{process}-{self.suffix}"

    def _options(self) -> list[str]:
        files = [part for file in self.env_files for part in ("--env-file", str(self.project / file))]
        mount = ["--env", f"DJANGO_TWILIO_CONFIG_DIR={MOUNTED}", "--volume", f"{self.tunables}:{MOUNTED}:ro"]
        files += mount if self.tunables else []
        return [*SHUT, *files, *(part for item in self.addresses.items() for part in ("--env", "=".join(item)))]
