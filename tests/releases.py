"""Releases of the template, found in its history by the version lines of CHANGELOG.md: there are no tags."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .conftest import ROOT, git, run, template_files

VERSION = re.compile(r"^## (\d+\.\d+\.\d+)$", re.MULTILINE)
SECTION = re.compile(r"^## (.+)\n((?:(?!## ).*\n?)*)", re.MULTILINE)


def releases(root: Path = ROOT) -> dict[str, str]:
    """The commit of each release, by version, oldest first: where its heading came into CHANGELOG.md.

    HEAD's own is none yet. Skips the test where there is no history to look in.
    """
    if run("git", "rev-parse", "--is-shallow-repository", cwd=root, check=False).stdout.strip() != "false":
        pytest.skip("a shallow clone, or none: earlier releases are found in a full one (git fetch --unshallow)")
    head, found, before = git(root, "rev-parse", "HEAD").strip(), dict[str, str](), set[str]()
    for each in git(root, "log", "--reverse", "--format=%H", "--", "CHANGELOG.md").split():
        versions = set(VERSION.findall(run("git", "show", f"{each}:CHANGELOG.md", cwd=root, check=False).stdout))
        found |= dict.fromkeys(versions - before, each)
        before = versions
    return {version: each for version, each in found.items() if each != head}


def history(into: Path) -> Path:
    """A clone with the template as it is now, committed or not, as its last commit: what people update from."""
    git(into.parent, "clone", "--quiet", "--no-hardlinks", str(ROOT), str(into))
    git(into, "checkout", "--quiet", "-B", "main")
    git(into, "rm", "--quiet", "-r", "--ignore-unmatch", ".")
    for name in template_files():
        target = into / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((ROOT / name).read_bytes())
        target.chmod((ROOT / name).stat().st_mode)
    git(into, "add", "--all")
    git(into, "commit", "--quiet", "--allow-empty", "--message", "The template under test")
    return into


def sections(changelog: str) -> dict[str, str]:
    """CHANGELOG.md's text by heading, newest first."""
    return dict(SECTION.findall(changelog))


def at(root: Path, revision: str, into: Path) -> Path:
    """The template as it was then, as a repository with one commit."""
    git(root, "clone", "--quiet", "--no-hardlinks", ".", str(into))
    git(into, "checkout", "--quiet", revision)
    return into
