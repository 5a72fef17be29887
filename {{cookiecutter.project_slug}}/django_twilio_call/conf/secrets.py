"""The secrets of a deploy: made once, kept in deploy/<stage>/secrets.env, never in git and never printed."""

from __future__ import annotations

import argparse
import os
import secrets
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ..exceptions import ConfigurationError
from .catalogue import variables
from .envfiles import read_file
from .variables import DEPLOYED, STAGES

BYTES: Final = 48


def add_missing(stage: str, folder: Path) -> tuple[list[str], list[str]]:
    """Add the generated keys that `folder`/secrets.env lacks; what stands in it stays, byte for byte.

    Answers the keys that were added, and those that only the operator knows and that are still missing.
    """
    file = folder / "secrets.env"
    present = read_file(file) if file.exists() else {}
    declared = read_file(folder / "app.env") if (folder / "app.env").exists() else {}
    added = [name for name, each in variables().items() if stage in each.generated and name not in present]
    missing = [
        name
        for name, each in variables().items()
        if each.operator and stage in DEPLOYED and not present.get(name) and not declared.get(name)
    ]
    if added:
        _append(file, {name: secrets.token_urlsafe(BYTES) for name in added})
    return added, missing


def keep(values: dict[str, str], folder: Path) -> list[str]:
    """Put values somebody else made into `folder`/secrets.env, in the place of those it has; answers their names.

    A value that stands in app.env is left out: it is that line which has to be changed, by hand.
    """
    file, declared = folder / "secrets.env", folder / "app.env"
    stands = read_file(declared) if declared.exists() else {}
    kept = {name: value for name, value in values.items() if name not in stands}
    if kept:
        old = file.read_text().splitlines(keepends=True) if file.exists() else []
        _append(file, kept, [line for line in old if line.partition("=")[0].strip() not in kept])
    return list(kept)


def main(argv: Sequence[str], root: Path) -> int:
    """`manage.py config secrets --stage S`: needs no settings, for there may be no secret yet that they could read."""
    parser = argparse.ArgumentParser(prog="manage.py config secrets", description=add_missing.__doc__)
    parser.add_argument("--stage", required=True, help=f"a folder of deploy/; stages are {', '.join(STAGES)}")
    stage = parser.parse_args(argv).stage
    folder = root / "deploy" / stage
    if stage not in STAGES or not folder.is_dir():
        sys.stderr.write(f"--stage {stage!r}: must be one of {', '.join(STAGES)}, with a folder below deploy/\n")
        return 2
    try:
        added, missing = add_missing(stage, folder)
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if added:
        sys.stdout.write(f"deploy/{stage}/secrets.env: added {', '.join(added)}\n")
    if missing:
        sys.stdout.write(f"deploy/{stage}/secrets.env: only you know {', '.join(missing)}\n")
    return 0


def _append(file: Path, values: dict[str, str], lines: list[str] | None = None) -> None:
    """Write the file anew beside the old one and swap: never half a file, and readable by its owner alone.

    `lines` stand for those it has.
    """
    before = file.read_bytes() if file.exists() else b""
    if lines is not None:
        before = "".join(lines).encode()
    if before and not before.endswith(b"\n"):
        before += b"\n"
    added = "".join(f"{name}={value}\n" for name, value in values.items())
    descriptor, name = tempfile.mkstemp(prefix="secrets.env.", dir=file.parent)  # mode 0600
    with os.fdopen(descriptor, "wb") as out:
        out.write(before + added.encode())
    Path(name).replace(file)
