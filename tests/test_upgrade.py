"""From release to release with cruft: what is one's own stays, what is new comes, and CHANGELOG.md says the rest."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from .conftest import DEFAULT_SLUG, ROOT, bake, commit, files, git, run
from .releases import at, history, releases, sections

CRUFT = (sys.executable, "-m", "cruft")
OWN = "# Ours: nights are quiet.\n"
CATALOGUE = """
import json
from django_twilio_call.conf.catalogue import variables
print(json.dumps({name: bool(each.operator) for name, each in variables().items()}))
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template with its history."""
    return history(tmp_path_factory.mktemp("history") / "twilio-call-template")


def created(source: Path, folder: Path, revision: str) -> Path:
    """A project as somebody made it with that release, in its first commit."""
    run(*CRUFT, "create", "--no-input", "--output-dir", folder, "--checkout", revision, source, cwd=folder)
    project = folder / DEFAULT_SLUG
    git(project, "init", "--quiet", "--initial-branch", "main")
    commit(project, "Baked")
    return project


def lived_in(project: Path) -> dict[str, bytes]:
    """Secrets, a changed value, a stage and an application of one's own; gives the files that are nobody else's."""
    for stage in ("staging", "production"):
        run(sys.executable, "-B", "manage.py", "config", "secrets", "--stage", stage, cwd=project)
    shutil.copytree(project / "deploy/staging", project / "deploy/eu-west")
    (project / "billing").mkdir()
    (project / "billing" / "__init__.py").write_text(OWN)
    with (project / "deploy/production/app.env").open("a") as env:
        env.write("DJANGO_TWILIO_JOIN_TIMEOUT=25\n")
    commit(project, "Ours")
    own = ("billing/", "deploy/eu-west/", "deploy/staging/secrets.env", "deploy/production/secrets.env")
    return {name: text for name, text in files(project).items() if name.startswith(own)}


def test_every_release_of_the_changelog_is_found_in_history() -> None:
    headings = list(sections((ROOT / "CHANGELOG.md").read_text()))
    found = releases()
    assert [each for each in headings if each != "Unreleased"][-len(found) :] == list(reversed(found))
    assert len(found) >= len(headings) - 1, "all but the one that HEAD makes"


def test_a_shallow_clone_says_that_it_has_no_history(tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--depth", "1", f"file://{ROOT}", "shallow")
    with pytest.raises(pytest.skip.Exception, match="--unshallow"):
        releases(tmp_path / "shallow")


def test_nothing_differs_right_after_create_whichever_release(source: Path, tmp_path: Path) -> None:
    for version, revision in {**releases(), "now": "main"}.items():
        folder = tmp_path / version
        folder.mkdir()
        project = created(source, folder, revision)
        assert run(*CRUFT, "diff", "--exit-code", cwd=project).stdout.strip() == "", version


def test_an_update_brings_all_that_is_new_and_keeps_all_that_is_ours(source: Path, tmp_path: Path) -> None:
    for version, revision in releases().items():
        folder = tmp_path / version
        folder.mkdir()
        project = created(source, folder, revision)
        ours = lived_in(project)

        run(*CRUFT, "update", "--skip-apply-ask", "--checkout", "main", cwd=project)

        now = {name: text for name, text in files(project).items() if not name.startswith(".git/")}
        assert [name for name in now if name.endswith((".rej", ".orig"))] == []
        assert {name: now[name] for name in ours} == ours
        assert now["deploy/production/app.env"].endswith(b"DJANGO_TWILIO_JOIN_TIMEOUT=25\n")
        fresh = files(bake(source, folder / "fresh"))
        assert {name for name in fresh if now.get(name) != fresh[name]} == {"deploy/production/app.env"}
        assert now.keys() - fresh.keys() - ours.keys() == {".cruft.json"}
        assert json.loads(now[".cruft.json"])["commit"] == git(source, "rev-parse", "main").strip()


def catalogue(project: Path) -> dict[str, bool]:
    """Each variable, and whether only an operator can fill it in."""
    return dict(json.loads(run(sys.executable, "-B", "-c", CATALOGUE, cwd=project).stdout))


def test_the_changelog_has_the_moves_that_an_update_leaves_to_people(source: Path, tmp_path: Path) -> None:
    """For each step from one release to the next, and from the last to what is here."""
    headings = [*releases().items(), ("Unreleased", "main")]
    texts = sections((ROOT / "CHANGELOG.md").read_text())
    before: Path | None = None
    for heading, revision in headings:
        project = bake(at(source, revision, tmp_path / f"template-{heading}"), tmp_path / heading)
        if before:
            words = moves(before, project)
            said = texts.get(heading) or next(iter(texts.values()))
            assert {word for word in words if word not in said} == set(), heading
        before = project


def moves(before: Path, after: Path) -> set[str]:
    """What a text about this step has to name."""
    old, new = catalogue(before), catalogue(after)
    words = old.keys() - new.keys()
    words |= {name for name, operator in new.items() if operator and not old.get(name)}
    migrations = [set(each.glob("django_twilio_call/migrations/0*.py")) for each in (before, after)]
    one, other = ({path.name for path in paths} for paths in migrations)
    assert one <= other, "a migration that people have run stays"
    return words | ({"migrate"} if other - one else set())


def test_moves_are_found(tmp_path: Path, baked: Path) -> None:
    after = shutil.copytree(baked, tmp_path / "after")
    (after / "django_twilio_call/migrations/0999_more.py").write_text("")
    platform = after / "django_twilio_call/conf/platform.py"
    platform.write_text(platform.read_text().replace('"WEB_THREADS"', '"WEB_FIBRES"'))
    assert moves(baked, after) == {"migrate", "WEB_THREADS"}
