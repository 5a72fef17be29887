"""A container engine: the one this machine has running, or a private one that lives as long as the block."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

PACKAGES = Path(__file__).with_name("packages.txt").read_text().split()
INSTALL = f"apt-get install --no-install-recommends {' '.join(PACKAGES)}"
START_SECONDS = 60
MEMORY_BYTES = 3 << 30  # what base image, application image and build cache need


class Unavailable(Exception):  # noqa: N818  # what is missing, rather than what went wrong
    """Something the tests need is not here; the text says what, and how to get it."""


class EngineError(Exception):
    """A `docker` command failed; the text has its output."""


@dataclass(frozen=True)
class Engine:
    """A `docker` command and the environment in which it speaks to its engine."""

    docker: str
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    def __call__(self, *arguments: str | Path, cwd: Path | None = None) -> str:
        """Run `docker ARGUMENTS`; gives its stdout. Raises `EngineError` with all it said when it fails."""
        command = [self.docker, *arguments]
        done = subprocess.run(command, env=self.environment, cwd=cwd, text=True, capture_output=True, check=False)
        if done.returncode:
            said, program = f"{done.stdout}{done.stderr}", Path(self.docker).name
            raise EngineError(f"{program} {' '.join(map(str, arguments))}: exit code {done.returncode}\n{said}")
        return done.stdout

    def succeeds(self, *arguments: str) -> bool:
        """Whether `docker ARGUMENTS` ends with 0."""
        quiet = subprocess.DEVNULL
        return not subprocess.call([self.docker, *arguments], env=self.environment, stdout=quiet, stderr=quiet)

    def having(self, **environment: str) -> Engine:
        """The same engine, with more in the environment."""
        return Engine(self.docker, {**self.environment, **environment})


@contextlib.contextmanager
def engine() -> Iterator[Engine]:
    """An engine that answers. Raises `Unavailable`."""
    found = _command()
    if found.succeeds("version"):
        yield found
        return
    with _private(found) as own:
        yield own


def _command() -> Engine:
    """The first `docker` that can use BuildKit, else the first: since 23.0 it takes a plugin that is often missing."""
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    found = [Engine(path) for folder in folders if (path := shutil.which("docker", path=folder))]
    for docker in found:
        major = int(docker("--version").split()[2].partition(".")[0])
        if major < 23 or docker.succeeds("buildx", "version"):
            return docker.having(DOCKER_BUILDKIT="1")
    if not found:
        raise Unavailable(f"no container engine: docker is missing ({INSTALL})")
    return found[0].having(DOCKER_BUILDKIT="0")


@contextlib.contextmanager
def _private(docker: Engine) -> Iterator[Engine]:
    dockerd = shutil.which("dockerd", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
    if dockerd is None:
        raise Unavailable(f"no container engine: none is running and dockerd is missing ({INSTALL})")
    if os.geteuid() != 0:
        raise Unavailable("no container engine: none is running, and only root may start one")
    folder = Path(tempfile.mkdtemp(prefix="docker-", dir=roomy()))
    socket = f"unix://{folder}/docker.sock"
    argv: list[str | Path] = [dockerd, "--host", socket, "--data-root", folder / "data", "--exec-root", folder / "exec"]
    # The default asks for more open files than a root without CAP_SYS_RESOURCE may hand out.
    argv += ["--pidfile", folder / "pid", "--default-ulimit", "nofile=16384:16384"]
    with (folder / "log").open("wb") as log:
        # A session of its own: Ctrl-C is for pytest, which then ends the engine in order.
        process = subprocess.Popen(argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
    own = docker.having(DOCKER_HOST=socket, DOCKER_CONFIG=str(folder / "config"))
    try:
        _wait(own, process, folder / "log")
        yield own
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(30)
        process.kill()
        remove(folder)


def _wait(docker: Engine, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not docker.succeeds("version"):
        if process.poll() is not None or time.monotonic() > deadline:
            raise Unavailable(f"no container engine: dockerd does not start here:\n{log.read_text()[-2000:]}")
        time.sleep(0.1)


def remove(folder: Path) -> None:
    """The folder with all in it; the engine leaves a mount behind when a container shared the machine's network."""
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for mount in sorted((m for m in mounts if m.startswith(f"{folder}/")), reverse=True):
        subprocess.call(["umount", "--lazy", mount])
    shutil.rmtree(folder, ignore_errors=True)


def roomy() -> str:
    """Memory where there is enough: layers unpack quicker, and its file system carries the engine's overlays."""
    memory = Path("/dev/shm")  # noqa: S108
    with contextlib.suppress(OSError):
        if shutil.disk_usage(memory).free > MEMORY_BYTES:
            return str(memory)
    return tempfile.gettempdir()
