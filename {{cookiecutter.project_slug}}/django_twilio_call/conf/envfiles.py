"""Env files in the portable subset: what docker, compose, kubectl, kustomize and django-environ read alike.

UTF-8 without BOM, LF; blank lines, comments with `#` in the first column, and KEY=VALUE, each key once. A value is
empty, or printable, without blanks around it, without `$`, not beginning with a quote, and without ` #` in it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ..exceptions import ConfigurationError
from .platform import DATABASE_PARTS
from .problems import LONGEST, QUOTES

APP, TUNABLES, SECRETS = "app.env", "tunables.env", "secrets.env"
NAMES: Final = (APP, TUNABLES, SECRETS)
"""The files of a deploy, in the order of their readers."""
_KEY: Final = re.compile(r"[A-Z][A-Z0-9_]*")
_loaded: dict[str, tuple[str, str]] = {}
"""Name -> (value, file and line) of what `load_stage` put into this process's environment."""


@dataclass(slots=True, eq=False, repr=False)  # it holds secrets: nothing prints it
class EnvFiles:
    """Values of several files, where each stands, and every line that is outside the portable subset."""

    values: dict[str, str] = field(default_factory=dict)
    where: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def add(self, path: Path, name: str | None = None) -> None:
        """Read one more file; messages call it `name`."""
        name = name or str(path)
        content, problem = _content(path)
        self.problems += [f"{name}{problem}"] if problem else []
        for number, line in enumerate(content.split("\n"), 1):
            if not line or line.startswith("#"):
                continue
            key, _, value = line.partition("=")
            rules = list(_broken_rules(line, key, value))
            if key in self.where:
                rules.append(f"{key} stands a second time, after {self.where[key]}")
            self.problems += [f"{name}:{number}: {rule}" for rule in rules]
            if "=" in line and _KEY.fullmatch(key):
                self.where.setdefault(key, f"{name}:{number}")
                if not rules:
                    self.values[key] = value


def read_files(paths: Iterable[Path], root: Path | None = None) -> EnvFiles:
    """All of these files, messages naming them from `root` on; problems are collected, not raised."""
    files = EnvFiles()
    for path in paths:
        inside = root is not None and path.is_relative_to(root)
        files.add(path, str(path.relative_to(root)) if root and inside else None)
    return files


def read_file(path: Path) -> dict[str, str]:
    """The values of one file. Raises `ConfigurationError` naming every line outside the portable subset."""
    return _values(read_files([path]))


def stage_files(stage: str, root: Path) -> list[Path]:
    """The env files that a deploy has."""
    return [path for name in NAMES if (path := root / "deploy" / stage / name).exists()]


def load_stage(stage: str, root: Path, environ: MutableMapping[str, str] | None = None) -> None:
    """Put a deploy's files into the environment. What the environment already has wins, as in a container."""
    environ = os.environ if environ is None else environ
    files = read_files(stage_files(stage, root), root)
    already = set(environ)
    for key, value in _values(files).items():
        if not _otherwise(key, already):
            environ[key] = value
            _loaded[key] = (value, files.where[key])


def loaded(environ: Mapping[str, str]) -> dict[str, str]:
    """Name -> file and line, for what `load_stage` brought and nobody changed since."""
    return {name: where for name, (value, where) in _loaded.items() if environ.get(name) == value}


def _otherwise(key: str, already: set[str]) -> bool:
    """Whether the environment says it already, in this or another form."""
    if key == "DATABASE_URL" and "DATABASE_HOST" in already:
        return True
    if key in DATABASE_PARTS and "DATABASE_URL" in already:
        return True
    return bool({key, key + "_FILE", key.removesuffix("_FILE")} & already)


def _values(files: EnvFiles) -> dict[str, str]:
    if files.problems:
        raise ConfigurationError(files.problems)
    return files.values


def _content(path: Path) -> tuple[str, str | None]:
    """The text of a file, and what is wrong with it as a whole."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        return "", f" cannot be read: {type(error).__name__}"
    try:
        content = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        number = raw.count(b"\n", 0, error.start) + 1
        return raw.decode("utf-8", errors="ignore"), f":{number}: holds bytes that are not UTF-8"
    if content.startswith("\ufeff"):
        return content.removeprefix("\ufeff"), ":1: begins with a byte order mark"
    return content, None


def _broken_rules(line: str, key: str, value: str) -> Iterator[str]:
    """Rules of the subset that a line breaks. Neither its value nor a name that may be half a secret is shown."""
    name = key.strip().removeprefix("export ").strip()
    name = name if _KEY.fullmatch(name) and len(name) <= 60 else "the name"
    if "=" not in line:
        yield "must be KEY=VALUE, a comment, or blank"
        return
    if line.endswith("\r"):
        yield f"{name}: the line ends in CR LF, must be LF alone"
        value = value[:-1]
    if key.startswith("export "):
        yield f"{name} must not be exported: only a shell knows that word"
    elif not _KEY.fullmatch(key):
        yield f"{name} must be capital letters, digits and underscores, without blanks"
    if value != value.strip():
        yield f"{name}: the value has blanks around it"
    if not value.isprintable():
        yield f"{name}: the value has characters that do not print"
    if value.startswith(QUOTES):
        yield f"{name}: the value begins with a quote, which readers take differently"
    if "$" in value:
        yield f"{name}: the value has a $, which readers take differently"
    if re.search(r"\s#", value):
        yield f"{name}: the value has a comment, which readers take differently"
    if len(line.encode()) >= LONGEST:
        yield f"{name}: the line is too long, must be under {LONGEST} bytes"
