"""A release from a bake, and what a bake brings for CI: with programs in docker's and kubectl's place."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from .conftest import ROOT, UNRENDERED, run
from .manifests import containers, of_kind, render

RECORD = '#!/bin/sh\necho "$(basename "$0") $*" >>"{journal}"\ncase "$*" in *"{failing}"*) exit 1;; esac\n'
RELEASE = ("release", "STAGE=staging", "TAG=1.2.3", "IMAGE=registry.example.com/center")


def release(project: Path, tmp_path: Path, *arguments: str, failing: str = "nothing") -> tuple[int, list[str]]:
    """(exit code, what docker and kubectl were told); one command of theirs may fail."""
    journal, programs = tmp_path / "journal", tmp_path / "programs"
    programs.mkdir()
    for name in ("docker", "kubectl"):
        (programs / name).write_text(RECORD.format(journal=journal, failing=failing))
        (programs / name).chmod(0o755)
    env = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    env = {name: value for name, value in env.items() if not name.startswith(("MAKE", "MFLAGS"))}
    done = run("make", "--no-print-directory", *arguments, cwd=project, env=env, check=False)
    return done.returncode, journal.read_text().splitlines() if journal.exists() else []


def verbs(told: list[str]) -> list[str]:
    return [re.sub(r" (--\S+ \S+|-k \S+|\S+/\S+:\S+)", "", line) for line in told]


def test_a_release_builds_pushes_applies_and_waits(project: Path, tmp_path: Path) -> None:
    code, told = release(project, tmp_path, *RELEASE)
    assert code == 0
    assert verbs(told) == ["docker build .", "docker push", "kubectl apply", "kubectl rollout status deployment"]
    assert "--namespace my-call-center-staging" in told[-1]

    manifests = render(project / "var/release/staging")
    assert {each["image"] for each in containers(manifests)} == {"registry.example.com/center:1.2.3"}
    one, other = (
        of_kind(each, "Job")[0]["metadata"]["name"] for each in (manifests, render(project / "deploy/staging"))
    )
    assert one != other


def test_a_release_that_does_not_get_ready_is_undone(project: Path, tmp_path: Path) -> None:
    code, told = release(project, tmp_path, *RELEASE, failing="rollout status")
    assert code != 0
    assert verbs(told)[-1] == "kubectl rollout undo deployment"


@pytest.mark.parametrize("step", ["build", "push", "apply"])
def test_a_release_stops_where_a_step_fails(project: Path, tmp_path: Path, step: str) -> None:
    code, told = release(project, tmp_path, *RELEASE, failing=step)
    assert code != 0
    assert step in told[-1]


def test_a_dry_run_says_the_commands_and_runs_none(project: Path, tmp_path: Path) -> None:
    code, told = release(project, tmp_path, "--dry-run", *RELEASE)
    assert (code, told) == (0, [])


@pytest.mark.parametrize("arguments", [("STAGE=staging",), ("TAG=1", "STAGE=nowhere")])
def test_a_release_of_nothing_or_to_nowhere_is_refused(
    project: Path, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    code, told = release(project, tmp_path, "release", *arguments)
    assert (code != 0, told) == (True, [])


def test_ci_runs_what_the_makefile_has_and_builds_for_both_architectures(baked: Path) -> None:
    workflow = yaml.safe_load((baked / ".github/workflows/ci.yml").read_text())
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    targets = set(re.findall(r"^([a-z]+):", (baked / "Makefile").read_text(), re.MULTILINE))
    asked = {step["run"].split()[1] for step in steps if step.get("run", "").startswith("make ")}
    assert {"check", "test", "scan"} <= asked <= targets
    (build,) = [step["with"] for step in steps if step.get("uses", "").startswith("docker/build-push-action")]
    assert set(build["platforms"].split(",")) == {"linux/amd64", "linux/arm64"}
    assert build["sbom"] is True
    assert "${{ github.sha }}" in build["build-args"]
    assert workflow["permissions"] == {"contents": "read"}


def test_ci_is_baked_as_it_is_written(baked: Path) -> None:
    for name in (".github/workflows/ci.yml", ".github/dependabot.yml", ".pre-commit-config.yaml"):
        assert (baked / name).read_bytes() == (ROOT / UNRENDERED / name).read_bytes()


def test_updates_are_asked_for_everything_that_is_pinned(baked: Path) -> None:
    updates = yaml.safe_load((baked / ".github/dependabot.yml").read_text())["updates"]
    assert {each["package-ecosystem"] for each in updates} == {"pip", "docker", "github-actions"}


def test_commit_hooks_start_programs_that_make_installs(baked: Path) -> None:
    (repository,) = yaml.safe_load((baked / ".pre-commit-config.yaml").read_text())["repos"]
    assert repository["repo"] == "local", "nothing is downloaded"
    programs = {word for hook in repository["hooks"] for word in re.findall(r"\.venv/bin/(\S+)", hook["entry"])}
    locked = (baked / "requirements-dev.txt").read_text()
    assert all(program == "python" or f"\n{program}==" in locked for program in programs)


def test_the_hook_refuses_secrets_and_nothing_else(baked: Path) -> None:
    hooks = {
        each["id"]: each
        for each in yaml.safe_load((baked / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    }
    refused = hooks["no-secrets"]["files"]
    assert re.search(refused, "deploy/eu-west/secrets.env")
    assert not re.search(refused, "deploy/eu-west/app.env")
    entry = hooks["env-files"]["entry"].partition(" -c ")[2].strip("'")
    assert subprocess.run(["sh", "-n", "-c", entry], check=False).returncode == 0
