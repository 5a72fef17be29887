"""One deploy in containers: the processes of an image, with a stage's env files, on this machine's network."""

from __future__ import annotations

import json
import shlex
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .engine import Engine

# As docs/docker.md has it, but for the network: the services of the tests are on loopback.
SHUT = shlex.split("--network host --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges")
COMMANDS = {
    "web": [],  # the image's own
    "worker": shlex.split("celery --app config.celery worker --pool threads --concurrency 8"),
    "beat": shlex.split("celery --app config.celery beat --schedule /tmp/beat"),
}
HEALTHY_SECONDS = 60


@dataclass(frozen=True)
class Deploy:
    """A stage of a project; `addresses` stand over its files, as `--env` does."""

    docker: Engine
    image: str
    env_files: tuple[Path, ...]
    addresses: Mapping[str, str]
    suffix: str = field(default_factory=lambda: uuid.uuid4().hex[:8])

    def once(self, command: str) -> str:
        """Run a one-off command; gives its stdout. Raises `EngineError` when it fails."""
        return self.docker("run", "--rm", "--no-healthcheck", *self._options(), self.image, *shlex.split(command))

    def start(self, process: str) -> None:
        """Start one of `COMMANDS` in the background, with the image's health check if it is the web's."""
        check = [] if process == "web" else ["--no-healthcheck"]
        name = self.name(process)
        self.docker("run", "--detach", "--name", name, *check, *self._options(), self.image, *COMMANDS[process])

    def wait_until_healthy(self, process: str) -> float:
        """Seconds until the image's own health check passes, at most `HEALTHY_SECONDS`; or its log."""
        began = time.monotonic()
        while (state := self.state(process)).get("Health", {}).get("Status") != "healthy":
            elapsed = time.monotonic() - began
            assert state["Running"], self.log(process)
            assert elapsed < HEALTHY_SECONDS, self.log(process)
            time.sleep(0.1)
        return time.monotonic() - began

    def stop(self, process: str) -> int:
        """End a process as `docker stop` does; gives its exit code."""
        self.docker("stop", "--time", "40", self.name(process))
        return int(self.state(process)["ExitCode"])

    def state(self, process: str) -> dict[str, Any]:
        """What the engine knows of the process."""
        return dict(json.loads(self.docker("inspect", "--format", "{{json .State}}", self.name(process))))

    def log(self, process: str) -> str:
        """What the process wrote to stdout."""
        return self.docker("logs", self.name(process))

    def remove(self, *processes: str) -> None:
        """End them at once, and forget them."""
        for process in processes:
            self.docker.succeeds("rm", "--force", self.name(process))

    def name(self, process: str) -> str:
        """The container's name."""
        return f"{process}-{self.suffix}"

    def _options(self) -> list[str]:
        files = [part for file in self.env_files for part in ("--env-file", str(file))]
        return [*SHUT, *files, *(part for item in self.addresses.items() for part in ("--env", "=".join(item)))]
