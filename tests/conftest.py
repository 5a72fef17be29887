"""What the template's tests share: a clean copy of it, projects baked from that, and what may not be skipped."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from cookiecutter.main import cookiecutter
from xdist.scheduler import LoadFileScheduling

ROOT = Path(__file__).resolve().parents[1]
UNRENDERED = "{{cookiecutter.project_slug}}"
DEFAULT_SLUG = "my-call-center"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """With `REQUIRE=containers,browser` a test marked so fails instead of being skipped: nothing hides in CI."""
    report: pytest.TestReport = yield  # type: ignore[assignment]
    required = set(filter(None, os.environ.get("REQUIRE", "").split(",")))
    if report.skipped and not hasattr(report, "wasxfail") and required & {mark.name for mark in item.iter_markers()}:
        report.outcome = "failed"
        report.longrepr = f"required, but skipped: {report.longrepr}"
    return report  # type: ignore[return-value]


class ContainersTogether(LoadFileScheduling):  # xdist has no types
    """A file's tests in one process, and all that needs an engine in another: there is one engine, and one image."""

    def _split_scope(self, nodeid: str) -> str:
        scope: str = super()._split_scope(nodeid)
        return "containers" if "containers/" in scope else scope


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadFileScheduling:
    """In place of `--dist loadfile`."""
    return ContainersTogether(config, log)


@pytest.fixture(scope="session", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home of nobody's: no user configuration of git or cookiecutter, and nothing written to the real one."""
    folder = tmp_path_factory.mktemp("home")
    settings = {
        "HOME": str(folder),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_AUTHOR_NAME": "Template Tests",
        "GIT_AUTHOR_EMAIL": "tests@example.com",
        "GIT_COMMITTER_NAME": "Template Tests",
        "GIT_COMMITTER_EMAIL": "tests@example.com",
    }
    with pytest.MonkeyPatch.context() as patch:
        # uv's downloads may be used again: they come with hashes.
        patch.setenv("UV_CACHE_DIR", os.environ.get("UV_CACHE_DIR", str(Path.home() / ".cache" / "uv")))
        for name, value in settings.items():
            patch.setenv(name, value)
        yield folder


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template as a clone has it: a git repository with one commit, nothing in it that git ignores."""
    folder = tmp_path_factory.mktemp("template") / "twilio-call-template"
    for name in template_files():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)
    git(folder, "init", "--quiet", "--initial-branch", "main")
    commit(folder, "The template under test")
    return folder


@pytest.fixture(scope="session")
def baked(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project that all defaults give. For looking at: nobody changes it."""
    return bake(template, tmp_path_factory.mktemp("baked"))


@pytest.fixture
def project(baked: Path, tmp_path: Path) -> Path:
    """The same project, a copy of one's own."""
    return shutil.copytree(baked, tmp_path / "project" / baked.name)


@pytest.fixture(params=("development", "staging", "production"))
def overlay(project: Path, request: pytest.FixtureRequest) -> Path:
    """A folder that `kubectl apply -k` takes."""
    return project / "deploy" / str(request.param)


@pytest.fixture(params=("staging", "production"))
def deployed(project: Path, request: pytest.FixtureRequest) -> Path:
    """An overlay that stands for itself: no services beside it."""
    return project / "deploy" / str(request.param)


def template_files() -> list[str]:
    """Every file of the template that is in git or would be with the next `git add`, relative to its root."""
    listed = git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    return sorted(name for name in set(listed) if name and (ROOT / name).is_file())


def bake(template: Path, into: Path, answers: Mapping[str, str] | None = None, *, overwrite: bool = False) -> Path:
    """Bake with these answers, else the defaults; gives the project's folder. Raises what cookiecutter raises."""
    into.mkdir(parents=True, exist_ok=True)
    config = into.parent / f"{into.name}.cookiecutter.yaml"
    config.write_text(f"replay_dir: {into.parent}/replay\ncookiecutters_dir: {into.parent}/cookiecutters\n")
    made = cookiecutter(
        str(template),
        no_input=True,
        extra_context=dict(answers or {}),
        output_dir=str(into),
        config_file=str(config),
        overwrite_if_exists=overwrite,
    )
    return Path(made)


def run(
    *argv: str | Path, cwd: Path, env: Mapping[str, str] | None = None, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run a program with no terminal behind it, and `env` or all of ours; its output belongs to the failure."""
    done = subprocess.run(argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if check and done.returncode:
        command = " ".join(map(str, argv))
        raise AssertionError(f"{command}: exit code {done.returncode}\n{done.stdout[-8000:]}\n{done.stderr[-8000:]}")
    return done


def git(folder: Path, *arguments: str) -> str:
    """What git says."""
    return run("git", *arguments, cwd=folder).stdout


def commit(folder: Path, message: str) -> None:
    """Everything that git does not ignore, in one commit."""
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", message)


def files(folder: Path) -> dict[str, bytes]:
    """Each file below a folder, by its path in it."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
