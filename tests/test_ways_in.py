"""Every way to bake gives the same project."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from .conftest import DEFAULT_SLUG, bake, commit, files, git, run


def cookiecutter(*arguments: str | Path, cwd: Path) -> str:
    """What the command line tells a person."""
    return run(sys.executable, "-m", "cookiecutter", *arguments, cwd=cwd).stderr


@pytest.fixture
def released(template: Path, tmp_path: Path) -> Path:
    """The template with a tag, and a commit after it that says so in every bake."""
    folder = tmp_path / "released"
    run("git", "clone", "--quiet", template, folder, cwd=tmp_path)
    git(folder, "tag", "v0.1.0")
    (folder / "{{cookiecutter.project_slug}}" / "later.txt").write_text("later\n")
    commit(folder, "Later")
    return folder


@pytest.mark.parametrize("source", ["{}", "git+file://{}"])
def test_a_folder_and_a_git_address_give_the_same(template: Path, baked: Path, tmp_path: Path, source: str) -> None:
    told = cookiecutter("--no-input", "--output-dir", "out", source.format(template), cwd=tmp_path)

    assert files(tmp_path / "out" / DEFAULT_SLUG) == files(baked)
    assert "make run" in told


def test_checkout_gives_the_release_and_not_what_came_later(released: Path, baked: Path, tmp_path: Path) -> None:
    cookiecutter("--no-input", "-o", "now", f"git+file://{released}", cwd=tmp_path)
    cookiecutter("--no-input", "-o", "then", "--checkout", "v0.1.0", f"git+file://{released}", cwd=tmp_path)

    assert (tmp_path / "now" / DEFAULT_SLUG / "later.txt").exists()
    assert files(tmp_path / "then" / DEFAULT_SLUG) == files(baked)


def test_replay_gives_the_same_answers_again(template: Path, tmp_path: Path) -> None:
    answers = ['project_name=O\'Brien "& Sons"', "description=a \\ b", "timezone=Europe/Paris"]
    cookiecutter("--no-input", "-o", "first", template, *answers, cwd=tmp_path)
    cookiecutter("--replay", "-o", "second", template, cwd=tmp_path)

    (first,), (second,) = (tmp_path / "first").iterdir(), (tmp_path / "second").iterdir()
    assert first.name == "o-brien-sons"
    assert files(first) == files(second)


def test_questions_are_asked_in_words(template: Path, tmp_path: Path) -> None:
    done = run("sh", "-c", 'yes "" | "$0" -m cookiecutter "$1"', sys.executable, template, cwd=tmp_path)

    assert "What people call it" in done.stdout
    assert (tmp_path / DEFAULT_SLUG).is_dir()


def test_the_same_answers_give_the_same_files(template: Path, baked: Path, tmp_path: Path) -> None:
    assert files(bake(template, tmp_path / "again")) == files(baked)


def test_cruft_finds_no_difference_right_after_create(template: Path, tmp_path: Path) -> None:
    cruft = [sys.executable, "-m", "cruft"]
    run(*cruft, "create", "--no-input", "--output-dir", tmp_path, template, cwd=tmp_path)
    project = tmp_path / DEFAULT_SLUG

    assert run(*cruft, "diff", "--exit-code", cwd=project).stdout.strip() == ""
    assert "up to date" in run(*cruft, "check", cwd=project).stdout


def test_cruft_brings_what_came_later_and_keeps_secrets(released: Path, tmp_path: Path) -> None:
    cruft = [sys.executable, "-m", "cruft"]
    run(*cruft, "create", "--no-input", "--output-dir", tmp_path, "--checkout", "v0.1.0", released, cwd=tmp_path)
    project = tmp_path / DEFAULT_SLUG
    git(project, "init", "--quiet")
    commit(project, "Baked")
    secret = project / "deploy" / "production" / "secrets.env"
    secret.write_text("DJANGO_SECRET_KEY=not-to-be-shown\n")

    run(*cruft, "update", "--skip-apply-ask", "--checkout", "main", cwd=project)

    assert (project / "later.txt").exists()
    assert secret.read_text() == "DJANGO_SECRET_KEY=not-to-be-shown\n"
    assert "not-to-be-shown" not in run(*cruft, "diff", cwd=project).stdout


@pytest.mark.parametrize("stage", ["development", "testing", "staging", "production"])
def test_a_baked_deploys_files_are_in_the_portable_subset_and_have_no_problem(baked: Path, stage: str) -> None:
    said = run(sys.executable, "-B", "manage.py", "config", "check", "--stage", stage, cwd=baked).stdout

    assert said.endswith("no problem\n")
    assert "is not a variable" not in said
