"""`manage.py config` for what needs no settings: check, diff, docs, export, import."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from django_twilio_call.conf.command import main
from django_twilio_call.conf.envfiles import read_file
from django_twilio_call.conf.reference import docs

from .deploys import CANARY, OPERATOR, SECRETS, deploy, lines, read

ROOT = Path(__file__).resolve().parent.parent.parent
APP = {key: value for key, value in OPERATOR.items() if CANARY not in value}
OTHERS = {**SECRETS, **{key: value for key, value in OPERATOR.items() if CANARY in value}}
STAGING = "DJANGO_SETTINGS_MODULE=config.settings.staging\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with one complete deploy."""
    deploy(tmp_path, "staging", app=STAGING + lines(**APP), secrets=lines(**OTHERS))
    return tmp_path


def run(root: Path, *argv: str) -> int:
    return main(argv, root)


def test_a_good_deploy_passes(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(root, "check", "--stage", "staging") == 0
    assert capsys.readouterr() == ("no problem\n", "")


def test_all_problems_of_all_files_come_at_once(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    app = STAGING + lines(**APP) + "PORT=99999\nexport X=1\nDJANGO_TWILIO_RING_TIMOUT=20\nTWILIO_ACOUNT_SID=AC1\n"
    folder = deploy(root, "staging", app=app + "TWILIO_EDGE='dublin'\n", tunables="PORT=1\nTWILIO_REGION=ie1\n")

    assert run(root, "check", "--env-file", f"{folder}/app.env", "--env-file", f"{folder}/tunables.env") == 1

    said = capsys.readouterr().err.splitlines()
    assert len(said) == 8, "\n".join(said)
    for part in (
        "app.env:6: X must not be exported", "did you mean DJANGO_TWILIO_RING_TIMEOUT?", "begins with a quote",
        "did you mean TWILIO_ACCOUNT_SID?", "PORT is '99999'", "PORT stands a second time, after",
        "TWILIO_REGION is not reloadable",
    ):  # fmt: skip
        assert any(part in line for line in said), part


def test_without_its_secrets_what_is_missing_is_only_told(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "deploy" / "staging" / "secrets.env").unlink()

    assert run(root, "check", "--stage", "staging") == 0
    assert "to come: DATABASE_URL\n" in capsys.readouterr().out


def test_with_its_secrets_what_is_missing_is_wrong(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    deploy(root, "staging", secrets=lines(**SECRETS))

    assert run(root, "check", "--stage", "staging") == 1
    assert "DATABASE_URL: missing" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["app", "tunables"])
def test_a_secret_in_a_committed_file_is_refused(root: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder = deploy(root, "staging", **{name: STAGING + lines(TWILIO_AUTH_TOKEN=CANARY)})

    assert run(root, "check", "--env-file", f"{folder}/{name}.env") == 1
    said = capsys.readouterr()
    assert "secrets.env is its place" in said.err
    assert CANARY not in said.out + said.err


def test_other_peoples_variables_are_told_and_do_no_harm(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    deploy(root, "staging", app=STAGING + lines(**APP, OTEL_SERVICE_NAME="calls"))

    assert run(root, "check", "--stage", "staging") == 0
    assert "OTEL_SERVICE_NAME is not a variable of ours (from deploy/staging/app.env:" in capsys.readouterr().out


def test_a_key_may_not_stand_in_both_app_env_and_tunables_env(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ring = lines(DJANGO_TWILIO_RING_TIMEOUT="20")
    deploy(root, "staging", app=STAGING + lines(**APP) + ring, tunables=ring)

    assert run(root, "check", "--stage", "staging") == 1
    assert "RING_TIMEOUT stands a second time, after deploy/staging/app.env:5" in capsys.readouterr().err


def test_two_deploys_differ_by_value_and_say_where_from(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hosts = "eu.example.com,calls.example.com"
    eu = STAGING + lines(**{**APP, "DJANGO_ALLOWED_HOSTS": hosts}, DJANGO_TWILIO_RING_TIMEOUT="20")
    deploy(root, "eu", app=eu, secrets=lines(**{**OTHERS, "TWILIO_AUTH_TOKEN": CANARY + "-other"}))

    assert run(root, "diff", "staging", "eu", "--exit-code") == 1

    said = capsys.readouterr().out
    assert [line.split()[0] for line in said.splitlines()[1:]] == [
        "DJANGO_ALLOWED_HOSTS", "TWILIO_AUTH_TOKEN", "DJANGO_TWILIO_RING_TIMEOUT",
    ]  # fmt: skip
    assert "'30' (default)" in said
    assert "'20' (deploy/eu/app.env:" in said
    assert CANARY not in said


def test_a_deploy_is_the_same_as_itself(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(root, "diff", "staging", "staging", "--exit-code") == 0
    assert capsys.readouterr().out == ""


def test_the_page_of_variables_is_up_to_date() -> None:
    assert (ROOT / "docs" / "variables.md").read_text() == docs(), "python manage.py config docs > docs/variables.md"


@pytest.mark.parametrize("stage", ["development", "staging"])
def test_an_exported_file_is_a_deploy_of_its_own(root: Path, stage: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(root, "export", "--stage", stage) == 0
    said = capsys.readouterr().out
    (root / "exported.env").write_text(said)

    values = read_file(root / "exported.env")
    del values["DJANGO_SETTINGS_MODULE"]
    more = APP if stage == "staging" else {}
    assert read(stage, **values).config == read(stage, **more).config
    assert "# TWILIO_AUTH_TOKEN: " in said
    assert CANARY not in said


def test_what_stands_in_tunables_env_is_not_exported_twice(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    deploy(root, "staging", tunables=lines(DJANGO_TWILIO_RING_TIMEOUT="20"))

    assert run(root, "export", "--stage", "staging") == 0
    said = capsys.readouterr().out
    assert "\nDJANGO_TWILIO_RING_TIMEOUT=" not in said
    assert "\n# DJANGO_TWILIO_RING_TIMEOUT stands in tunables.env\n" in said


@pytest.mark.parametrize("argv", [["check", "--stage", "nowhere"], ["diff", "staging", "../x"]])
def test_a_deploy_nobody_has_is_named(root: Path, argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(root, *argv) == 1
    assert argv[-1] in capsys.readouterr().err


def manage(*argv: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "config", *argv],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environ},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("argv", [["docs"], ["check", "--stage", "testing"], ["export", "--stage", "testing"]])
def test_files_are_looked_at_where_there_are_no_secrets_and_no_settings(argv: list[str]) -> None:
    done = manage(*argv, DJANGO_SETTINGS_MODULE="config.settings.production")

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("argv", [["check"], ["show"]])
def test_a_wrong_environment_is_told_in_lines_and_not_in_a_traceback(argv: list[str]) -> None:
    done = manage(*argv, DJANGO_SETTINGS_MODULE="config.settings.production", TWILIO_AUTH_TOKEN=CANARY + " x")

    assert done.returncode == 1
    assert done.stderr.startswith("8 problem(s) in the configuration:\nDJANGO_SECRET_KEY: missing")
    assert CANARY not in done.stderr
    assert "Traceback" not in done.stderr


SHOW = """
import os
print(*(os.environ.get(name) for name in ("OIDC_SCOPES", "DJANGO_TWILIO_FALLBACK_TEXT", "DJANGO_TWILIO_RING_TIMEOUT")))
"""


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A project whose files have what a shell would split and run."""
    (tmp_path / "manage.py").write_text((ROOT / "manage.py").read_text())
    app = {"DJANGO_SETTINGS_MODULE": "config.settings.testing", "OIDC_SCOPES": "openid profile email"}
    text = "`touch ran` & call; later"
    tunables = {"DJANGO_TWILIO_FALLBACK_TEXT": text, "DJANGO_TWILIO_RING_TIMEOUT": "21"}
    deploy(tmp_path, "eu", app=lines(**app), tunables=lines(**tunables), secrets=lines(**SECRETS))
    return tmp_path


def staged(root: Path, *argv: str, **environ: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environ}
    return subprocess.run([sys.executable, "manage.py", *argv], cwd=root, env=env, capture_output=True, text=True)


def test_any_command_has_a_stages_files_as_docker_reads_them(elsewhere: Path) -> None:
    done = staged(elsewhere, "--stage", "eu", "shell", "--no-imports", "-c", SHOW)

    assert (done.stdout, done.stderr) == ("openid profile email `touch ran` & call; later 21\n", "")
    assert not (elsewhere / "ran").exists()


def test_what_the_shell_has_set_wins_there_too_and_the_rest_is_known_by_its_line(elsewhere: Path) -> None:
    done = staged(elsewhere, "--stage", "eu", "config", "show", "--origin", DJANGO_TWILIO_RING_TIMEOUT="22")

    shown = {line.split()[0]: line.split(maxsplit=1)[1].strip() for line in done.stdout.splitlines()}
    assert shown["DJANGO_TWILIO_RING_TIMEOUT"].split() == ["22", "environment"]
    assert shown["OIDC_SCOPES"].endswith("deploy/eu/app.env:2")


@pytest.mark.parametrize(
    ("argv", "app", "said"),
    [
        (["--stage", "nowhere", "check"], "", "--stage 'nowhere': must be a folder of deploy/ with env files"),
        (["--stage"], "", "--stage '': must be"),
        (["--stage", "../x", "check"], "", "--stage '../x': must be"),
        (["--stage", "bad", "check"], "OIDC_SCOPES='openid'\n", "deploy/bad/app.env:1: OIDC_SCOPES: the value begins"),
        (["--stage", "bad", "check"], "PORT=8000\n", "DJANGO_SETTINGS_MODULE: missing in deploy/bad"),
    ],
)
def test_a_stage_that_cannot_be_entered_is_told_in_a_line(
    elsewhere: Path, argv: list[str], app: str, said: str
) -> None:
    deploy(elsewhere, "bad", app=app)

    done = staged(elsewhere, *argv)
    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr
