"""Answers that hurt arrive as they were given, in every format they are written to."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from environ import Env
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from hooks.pre_gen_project import is_no_template, is_plain_text, is_short_text

from .conftest import bake

HURTING = [
    "O'Brien & Söhne",
    'Jo "X" Y',
    "back\\slash \\",
    "{single} braces}",
    "日本コールセンター",
    "Hi 📞 there",
    '"""',
    "'''",
    "# no: comment",
    "- [yes]: {no}",
    "$HOME `id` $(id)",
    "<b>&amp;</b>",
    "%s %(name)s",
    "true",
    "trailing -",
]
NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40) | st.text("{}%#\"'\\&$`:-[] a", min_size=1)


def assert_reads_back(project: Path, answers: dict[str, str]) -> None:
    """What TOML, YAML and Markdown say is what was answered."""
    metadata = tomllib.loads((project / "pyproject.toml").read_text())["project"]
    author = {"name": answers["author_name"], "email": "team@example.com"}
    assert metadata["name"] == project.name
    assert (metadata["description"], metadata["authors"]) == (answers["description"], [author])
    for file in (project / "compose.yaml", *project.glob("deploy/*/kustomization.yaml")):
        assert isinstance(yaml.safe_load(file.read_text()), dict), file
    assert (project / "README.md").read_text().splitlines()[0] == f"# {answers['project_name']}"


@pytest.mark.parametrize("name", HURTING)
def test_a_name_that_hurts_reads_back_everywhere(template: Path, tmp_path: Path, name: str) -> None:
    answers = {"project_name": name, "project_slug": "acme", "description": name, "author_name": name}

    assert_reads_back(bake(template, tmp_path / "out", answers), answers)


@given(st.fixed_dictionaries({"project_name": NAMES, "description": NAMES, "author_name": NAMES}))
@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much],
)
def test_any_name_that_the_hook_lets_pass_reads_back(template: Path, tmp_path: Path, answers: dict[str, str]) -> None:
    assume(all(is_short_text(name) and is_plain_text(name) and is_no_template(name) for name in answers.values()))

    project = bake(template, tmp_path / "out", answers | {"project_slug": "acme"}, overwrite=True)

    assert_reads_back(project, answers)


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("My Call Center", "my-call-center"),
        ("Déjà Vu", "deja-vu"),
        ("日本", "ri-ben"),
        ("Acme & Sons -", "acme-sons"),
        ("&&&", "call-center"),
        ("Support " * 12, "support-support-support-support-support"),
    ],
)
def test_a_slug_is_made_from_the_name(template: Path, tmp_path: Path, name: str, slug: str) -> None:
    assert bake(template, tmp_path / "out", {"project_name": name.strip()}).name == slug


@pytest.mark.parametrize("stage", ["development", "testing", "staging", "production"])
def test_every_reader_sees_the_same_env_file(baked: Path, monkeypatch: pytest.MonkeyPatch, stage: str) -> None:
    file = baked / "deploy" / stage / "app.env"
    lines = [line for line in file.read_text().splitlines() if line and not line.startswith("#")]
    plain = dict(line.split("=", 1) for line in lines)

    monkeypatch.setattr(Env, "ENVIRON", {})
    Env.read_env(file)

    assert all(re.fullmatch(r"[A-Z][A-Z0-9_]*=[\w./:@%+,=?*^!\[\]{}-]*", line) for line in lines)
    assert len(plain) == len(lines)
    assert plain == Env.ENVIRON


@pytest.mark.parametrize("stage", ["staging", "production"])
def test_a_deploy_has_the_domain_and_the_time_zone_that_were_answered(
    template: Path, tmp_path: Path, stage: str
) -> None:
    project = bake(template, tmp_path / "out", {"domain_name": "calls.acme.example", "timezone": "Asia/Tokyo"})
    values = (project / "deploy" / stage / "app.env").read_text()

    assert "calls.acme.example" in values
    assert "Asia/Tokyo" in values


def test_no_name_of_a_person_is_in_an_env_file(template: Path, tmp_path: Path) -> None:
    answers = {"project_name": "Qqname", "project_slug": "acme", "author_name": "Qqauthor", "description": "Qqabout"}
    project = bake(template, tmp_path / "out", answers | {"email": "qq@example.com"})

    assert [file for file in project.glob("deploy/*/*.env") if "qq" in file.read_text().lower()] == []
