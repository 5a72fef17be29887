"""Fetching what npm has: all of it, or nothing."""

from __future__ import annotations

import subprocess
from pathlib import Path

from .conftest import ROOT

FETCH = ROOT / "assets" / "fetch"


def fetch(tmp_path: Path, npm: str) -> tuple[int, list[Path]]:
    """Exit code and what there is afterwards, with an npm that is this script."""
    program = tmp_path / "bin" / "npm"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{npm}\n")
    program.chmod(0o755)
    target = tmp_path / "assets"
    done = subprocess.run(
        ["sh", FETCH, target], env={"PATH": f"{program.parent}:/usr/bin:/bin"}, capture_output=True, text=True
    )
    return done.returncode, sorted(target.rglob("*"))


def test_an_npm_that_fails_leaves_no_folder_that_looks_fetched(tmp_path: Path) -> None:
    code, found = fetch(tmp_path, "exit 7")

    assert (code, found, (tmp_path / "assets").exists()) == (7, [], False)


def test_what_npm_brings_is_put_where_pages_look(tmp_path: Path) -> None:
    voice, axe = "node_modules/@twilio/voice-sdk", "node_modules/axe-core"
    code, found = fetch(
        tmp_path,
        f'cd "$3" && mkdir -p {voice}/dist {axe} && touch {voice}/dist/twilio.min.js {voice}/LICENSE.md'
        f" {axe}/axe.min.js {axe}/LICENSE",
    )

    assert code == 0
    assert {path.name for path in found if path.is_file()} == {"twilio.min.js", "LICENSE.md", "axe.min.js", "LICENSE"}
