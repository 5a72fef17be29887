"""Whether processes agree with each other and with the files of their deploy."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.utils import timezone

from django_twilio_call.conf.fingerprint import digests, fingerprint
from django_twilio_call.conf.reader import read
from django_twilio_call.models import RunningProcess
from tests.conf.deploys import CANARY, SECRETS, deploy, environment, lines

pytestmark = pytest.mark.django_db
APP = {"DJANGO_SETTINGS_MODULE": "config.settings.testing", "DJANGO_TWILIO_RING_TIMEOUT": "20"}


def running(host: str, pending: tuple[str, ...] = (), **environ: str) -> None:
    marks, now = digests(read(environment(**{**APP, **environ}), "testing")), timezone.now()
    RunningProcess.objects.create(
        role="web", host=host, pid=1, stage="testing", fingerprint=fingerprint(marks), digests=marks,
        pending=list(pending), started_at=now, seen_at=now,
    )  # fmt: skip


def drift(*argv: str) -> tuple[int, str]:
    out, code = StringIO(), 0
    try:
        call_command("config", "drift", *argv, stdout=out)
    except SystemExit as ending:
        code = int(str(ending))
    return code, out.getvalue()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The deploy's app.env."""
    return deploy(tmp_path, "testing", app=lines(**APP)) / "app.env"


def test_processes_of_one_configuration_agree() -> None:
    running("a")
    running("b")

    code, said = drift()
    assert (code, said.count("agrees")) == (0, 2)


def test_one_that_disagrees_is_named_with_the_variables() -> None:
    running("a")
    running("b")
    running("c", DJANGO_TWILIO_RING_TIMEOUT="99", TWILIO_AUTH_TOKEN=CANARY + "-other")

    code, said = drift()
    assert code == 1
    (line,) = [line for line in said.splitlines() if "differs" in line]
    assert line.startswith("web c:1")
    assert line.endswith("differs from the others in DJANGO_TWILIO_RING_TIMEOUT, TWILIO_AUTH_TOKEN")
    assert CANARY not in said


def test_files_without_secrets_are_compared_without_secrets(file: Path) -> None:
    running("a", TWILIO_AUTH_TOKEN=CANARY + "-other")

    assert drift("--stage", str(file))[0] == 0


def test_processes_that_agree_may_all_be_other_than_the_files(file: Path) -> None:
    running("a", DJANGO_TWILIO_RING_TIMEOUT="99")

    code, said = drift("--stage", str(file))
    assert code == 1
    assert "differs from the files in DJANGO_TWILIO_RING_TIMEOUT\n" in said + "\n"


def test_files_with_secrets_are_compared_with_them(tmp_path: Path) -> None:
    path = tmp_path / "secrets.env"
    path.write_text(lines(**APP, **SECRETS))
    running("a", TWILIO_AUTH_TOKEN=CANARY + "-other")

    assert "in TWILIO_AUTH_TOKEN" in drift("--stage", str(path))[1]


def test_one_that_waits_for_a_restart_is_no_agreement() -> None:
    running("a", pending=("PORT",))

    code, said = drift()
    assert (code, "waits for a restart: PORT" in said) == (1, True)


def test_no_process_is_said_and_no_failure() -> None:
    code, said = drift()

    assert (code, said.startswith("no process")) == (0, True)
