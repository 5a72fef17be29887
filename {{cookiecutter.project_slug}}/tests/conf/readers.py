"""Those who read env files: django-environ and kubectl themselves, docker and compose by their documented rules.

Their rules as they stand in docker's and compose's documentation; each function gives what a process would see.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import environ
import yaml

KUBECTL = Path(sys.executable).with_name("kubectl")  # from its wheel
OUTER = {"HOME": "/root"}
"""What is in the environment of the shell that starts docker or compose."""


class Refused(Exception):
    """A reader does not take the file."""


def docker(path: Path) -> dict[str, str]:
    """`docker run --env-file`, and compose's `format: raw`: nothing is quoted, commented or expanded within a line."""
    values = {}
    for line in path.read_bytes().decode("utf-8").removeprefix("\ufeff").split("\n"):
        line = line.removesuffix("\r").lstrip()
        if not line or line.startswith("#"):
            continue
        key, equals, value = line.partition("=")
        if not key or re.search(r"\s", key):
            raise Refused(f"variable {key!r} contains whitespaces")
        if equals:
            values[key] = value
        elif key in OUTER:
            values[key] = OUTER[key]
    return values


def compose(path: Path) -> dict[str, str]:
    """compose's default `env_file`: quotes, comments after a blank, and `$NAME` mean something."""
    values: dict[str, str] = {}
    for line in path.read_bytes().decode("utf-8", errors="replace").removeprefix("\ufeff").splitlines():
        found = re.match(r"\s*(?:export\s+)?([A-Za-z_][\w.-]*)\s*=\s*(.*)$", line)
        if not found or line.lstrip().startswith("#"):
            continue
        key, rest = found[1], found[2]
        quoted = re.match(r"""(["'])(.*?)\1""", rest)
        value = quoted[2] if quoted else re.sub(r"\s+#.*$", "", rest).strip()
        values[key] = value if quoted and quoted[1] == "'" else _expanded(value, values)
    return values


def django_environ(path: Path) -> dict[str, str]:
    """`Env.read_env`, and the value as `env(NAME)` gives it."""

    class Reader(environ.Env):  # type: ignore[misc]
        ENVIRON: dict[str, str] = {}  # noqa: RUF012  # its own name, of its own kind

    Reader.read_env(path)
    reader = Reader()
    try:
        return {name: reader(name) for name in Reader.ENVIRON}
    except environ.ImproperlyConfigured as error:
        raise Refused(str(error)) from None


def create_configmap(path: Path) -> dict[str, str]:
    """`kubectl create configmap --from-env-file`."""
    return _kubectl("create", "configmap", "x", f"--from-env-file={path}", "--dry-run=client", "--output=yaml")


def kustomize(path: Path) -> dict[str, str]:
    """`kubectl kustomize`, with a generator that reads the file."""
    with TemporaryDirectory() as folder:
        (Path(folder) / "app.env").write_bytes(path.read_bytes())
        generator = {"configMapGenerator": [{"name": "x", "envs": ["app.env"]}]}
        (Path(folder) / "kustomization.yaml").write_text(yaml.safe_dump(generator))
        return _kubectl("kustomize", folder)


IN_PROCESS: tuple[Callable[[Path], dict[str, str]], ...] = (docker, compose, django_environ)
READERS: tuple[Callable[[Path], dict[str, str]], ...] = (*IN_PROCESS, create_configmap, kustomize)


def _kubectl(*arguments: str) -> dict[str, str]:
    done = subprocess.run([KUBECTL, *arguments], capture_output=True, text=True)
    if done.returncode:
        raise Refused(done.stderr)
    manifest: dict[str, Any] = yaml.load(done.stdout, Loader=yaml.BaseLoader)  # SafeLoader fails at the value `=`
    return dict(manifest.get("data") or {})


def _expanded(value: str, values: dict[str, str]) -> str:
    def one(found: re.Match[str]) -> str:
        return "$" if found[0] == "$$" else values.get(found[1] or found[2], OUTER.get(found[1] or found[2], ""))

    return re.sub(r"\$\$|\$\{(\w+)[^}]*\}|\$(\w+)", one, value)
