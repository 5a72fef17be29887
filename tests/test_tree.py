"""The template as a project: what lies here un-rendered is what a bake gives, but for a few listed files."""

from __future__ import annotations

import ast
import json
import os
import re
import stat
from pathlib import Path

import pytest

from .conftest import ROOT, UNRENDERED, files, template_files

JINJA_FILES = {
    "Dockerfile",
    "README.md",
    "compose.yaml",
    "deploy/development/kustomization.yaml",
    "deploy/production/app.env",
    "deploy/production/kustomization.yaml",
    "deploy/staging/app.env",
    "deploy/staging/kustomization.yaml",
    "docs/docker.md",
    "docs/kubernetes.md",
    "pyproject.toml",
}
SOURCE = sorted(name.removeprefix(f"{UNRENDERED}/") for name in template_files() if name.startswith(f"{UNRENDERED}/"))
REGISTRY = re.compile(
    r"https?://(?!\w*example)[\w.-]*(pypi|pythonhosted|mirror|artifactory|nexus|registry)[\w.-]*", re.IGNORECASE
)


def read(name: str) -> bytes:
    return (ROOT / UNRENDERED / name).read_bytes()


def test_no_python_file_holds_jinja() -> None:
    assert [name for name in SOURCE if name.endswith(".py") and b"cookiecutter" in read(name)] == []


def test_no_file_holds_a_condition() -> None:
    conditions = re.compile(rb"\{%-?\s*(if|for|set|raw|macro)\b[^%]*cookiecutter")

    assert [name for name in SOURCE if conditions.search(read(name))] == []


def test_every_python_file_parses_where_it_lies() -> None:
    for name in template_files():
        if name.endswith(".py"):
            ast.parse((ROOT / name).read_bytes(), name)


def test_jinja_stands_in_the_listed_files_alone() -> None:
    assert {name for name in SOURCE if b"{{ cookiecutter" in read(name)} == JINJA_FILES


def test_a_bake_differs_from_the_source_in_the_listed_files_alone(baked: Path) -> None:
    made = files(baked)

    assert sorted(made) == SOURCE
    assert {name for name in SOURCE if made[name] != read(name)} == JINJA_FILES


def test_nothing_of_the_template_language_is_left_in_a_bake(baked: Path) -> None:
    assert [name for name, content in files(baked).items() if b"cookiecutter." in content] == []


def test_a_bake_keeps_the_modes_of_files(baked: Path) -> None:
    executable = {name for name in SOURCE if os.access(ROOT / UNRENDERED / name, os.X_OK)}

    assert {name for name in SOURCE if stat.S_IXUSR & (baked / name).stat().st_mode} == executable


def test_it_asks_seven_questions_and_has_words_for_each() -> None:
    asked = json.loads((ROOT / "cookiecutter.json").read_text())
    questions = [name for name in asked if not name.startswith("_")]

    assert len(questions) == 7
    assert list(asked["__prompts__"]) == questions


@pytest.mark.parametrize("folder", ["", f"{UNRENDERED}/"])
def test_a_root_has_few_files(folder: str) -> None:
    names = [name.removeprefix(folder) for name in template_files() if name.startswith(folder)]

    assert len([name for name in names if "/" not in name and not name.startswith(".")]) <= 10


@pytest.mark.parametrize("folder", ["", f"{UNRENDERED}/"])
def test_readme_is_short_and_shows_a_command_at_once(folder: str) -> None:
    text = (ROOT / folder / "README.md").read_text()
    lines = text.splitlines()

    assert len(text.split()) <= 400
    assert next(number for number, line in enumerate(lines, 1) if line.startswith("```")) < 25
    assert all(ord(character) < 0x2FFF for character in text)


def test_no_file_names_a_registry_or_a_mirror() -> None:
    assert [name for name in template_files() if REGISTRY.search((ROOT / name).read_text(errors="replace"))] == []


def test_every_locked_requirement_is_pinned_with_hashes() -> None:
    for folder in (ROOT, ROOT / UNRENDERED):
        for path in folder.glob("requirements*.txt"):
            pins = re.split(r"\n(?=\S)", path.read_text())
            assert [pin for pin in pins if "==" not in pin or "--hash=sha256:" not in pin] == [], path


def test_the_template_tests_with_what_the_project_is_locked_to() -> None:
    ours, theirs = (
        set(re.findall(r"^[\w.-]+==\S+", (folder / "requirements-dev.txt").read_text(), re.MULTILINE))
        for folder in (ROOT, ROOT / UNRENDERED)
    )

    assert theirs - ours == set()
