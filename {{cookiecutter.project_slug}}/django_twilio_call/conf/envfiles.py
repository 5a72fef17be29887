"""Env files in the portable subset: what docker, compose, kubectl, kustomize and django-environ read alike.

UTF-8 without BOM, LF; blank lines, comments with `#` in the first column, and KEY=VALUE, each key once. A value is
empty, or printable, without blanks around it, without `$`, not beginning with a quote, and without ` #` in it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Final

from ..exceptions import ConfigurationError

LONGEST_LINE: Final = 65_000
"""kubectl silently drops a line of 64 KiB and all after it."""

_KEY: Final = re.compile(r"[A-Z][A-Z0-9_]*")


def read_file(path: Path) -> dict[str, str]:
    """The values of one file. Raises `ConfigurationError` naming every line outside the portable subset."""
    try:
        content = path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError([f"{path} cannot be read: {type(error).__name__}"]) from None
    values: dict[str, str] = {}
    problems = [f"{path}:1: begins with a byte order mark"] if content.startswith("\ufeff") else []
    for number, line in enumerate(content.split("\n"), 1):
        if not line or line.startswith("#"):
            continue
        key, _, value = line.partition("=")
        rules = list(_broken_rules(line, key, value, values))
        problems += [f"{path}:{number}: {rule}" for rule in rules]
        if not rules:
            values[key] = value
    if problems:
        raise ConfigurationError(problems)
    return values


def load_stage(stage: str, root: Path, environ: MutableMapping[str, str] | None = None) -> None:
    """Put deploy/<stage>/*.env into the environment. What the environment already has wins, as in a container."""
    environ = os.environ if environ is None else environ
    for path in sorted((root / "deploy" / stage).glob("*.env")):
        for key, value in read_file(path).items():
            environ.setdefault(key, value)


def _broken_rules(line: str, key: str, value: str, seen: dict[str, str]) -> Iterator[str]:
    """Rules of the subset that a line breaks; its value, which may be secret, is not shown."""
    if "=" not in line:
        yield "must be KEY=VALUE, a comment, or blank"
    elif not _KEY.fullmatch(key):
        yield f"{key[:60]!r} must be capital letters, digits and underscores, without blanks or export"
    if key in seen:
        yield f"{key} stands here a second time"
    if value != value.strip() or not value.isprintable():
        yield f"{key[:60]}: the value has blanks around it, or characters that do not print"
    if value[:1] in ("'", '"') or "$" in value or re.search(r"\s#", value):
        yield f"{key[:60]}: the value has a quote at its beginning, a $ or a comment, which readers take differently"
    if len(line.encode()) >= LONGEST_LINE:
        yield f"{key[:60]}: the line is too long, at most {LONGEST_LINE} bytes"
