"""An account that points at this deploy, by one command."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from django_twilio_call.account import get_account
from django_twilio_call.conf.secrets import keep
from django_twilio_call.exceptions import TelephonyError
from tests.simulator.stage import App
from twilio_simulator.account import Account
from twilio_simulator.account_resources import FIRST_APP

from .conftest import NUMBER


def setup(*argv: str) -> list[str]:
    out = StringIO()
    call_command("twilio", "setup", *argv, stdout=out)
    return [line for line in out.getvalue().splitlines() if not line.startswith("note: DJANGO_TWILIO_FALLBACK_URL")]


def urls(account: Account) -> list[str]:
    return [account.voice_url, account.fallback_url, account.status_url, account.client_voice_url]


@pytest.fixture
def real(simulated: Account, settings: Settings, tmp_path: Path) -> Path:
    """An account with an App and a key to make, and a deploy's folder; gives that."""
    settings.TWILIO_BACKEND, settings.PUBLIC_BASE_URL = "twilio", "https://calls.example.com"
    settings.TWILIO_TWIML_APP_SID, settings.BASE_DIR = "", tmp_path
    folder = tmp_path / "deploy" / "testing"
    folder.mkdir(parents=True)
    return folder


def test_a_dry_run_says_from_what_to_what_and_does_nothing(simulated: Account, app: App) -> None:
    before = urls(simulated)
    said = setup()

    assert f"number {NUMBER}: voice_fallback_url '' -> '{app.url}/twilio/fallback/'" in said
    assert f"number {NUMBER}: status_callback '' -> '{app.url}/twilio/status/#rc=5&rp=all'" in said
    assert any(line.startswith(f"app {FIRST_APP}: voice_url 'POST http://127.0.0.1:1/' -> ") for line in said)
    assert said[-1] == "nothing was done: --apply does it"
    assert urls(simulated) == before


def test_applied_it_does_so_and_there_is_nothing_left_to_do(simulated: Account, app: App) -> None:
    setup("--apply")

    assert [url.partition("#")[0] for url in urls(simulated)] == [
        f"{app.url}/twilio/{name}/" for name in ("voice", "fallback", "status", "agent")
    ]
    assert setup() == setup("--apply") == ["nothing is to be done"]


def test_what_is_right_already_is_not_touched(simulated: Account, app: App) -> None:
    setup("--apply")
    simulated.voice_url = "http://127.0.0.1:1/"

    (change, _) = setup()
    assert change.startswith(f"number {NUMBER}: voice_url 'http://127.0.0.1:1/' -> ")


def test_a_place_for_files_is_asked_by_get(simulated: Account, settings: Settings) -> None:
    settings.DJANGO_TWILIO_FALLBACK_URL = "https://bucket.example.com/fallback.xml"
    setup("--apply")

    number = get_account().number(NUMBER)
    assert number is not None
    assert (number.settings["voice_fallback_url"], number.settings["voice_fallback_method"]) == (
        "https://bucket.example.com/fallback.xml",
        "GET",
    )


def test_a_number_that_belongs_to_an_application_is_taken_out_of_it(simulated: Account) -> None:
    number = get_account().number(NUMBER)
    assert number is not None
    get_account().set_number(number.sid, voice_application_sid=FIRST_APP)

    assert f"number {NUMBER}: voice_application_sid '{FIRST_APP}' -> ''" in setup("--apply")
    assert setup() == ["nothing is to be done"]


def test_app_and_key_are_made_and_kept_where_the_deploy_reads_them(real: Path, settings: Settings) -> None:
    (real / "secrets.env").write_text("# ours\nTWILIO_API_KEY=SKold\nOTHER=1\n")
    said = setup("--apply")

    kept = dict(line.split("=", 1) for line in (real / "secrets.env").read_text().splitlines() if "=" in line)
    assert said[-1] == "testing/secrets.env: TWILIO_TWIML_APP_SID, TWILIO_API_KEY, TWILIO_API_SECRET"
    assert kept["TWILIO_API_SECRET"] not in "".join(said)
    assert (kept["OTHER"], (real / "secrets.env").stat().st_mode & 0o777) == ("1", 0o600)
    assert (real / "secrets.env").read_text().count("TWILIO_API_KEY=") == 1
    settings.TWILIO_TWIML_APP_SID = kept["TWILIO_TWIML_APP_SID"]
    settings.TWILIO_API_KEY, settings.TWILIO_API_SECRET = kept["TWILIO_API_KEY"], kept["TWILIO_API_SECRET"]
    assert get_account(api_key=True).number(NUMBER) is not None
    assert setup() == ["nothing is to be done"]


def test_away_from_the_deploys_files_a_secret_is_shown_once(real: Path, caplog: pytest.LogCaptureFixture) -> None:
    real.rmdir()
    caplog.set_level("DEBUG")
    shown = [line for line in setup("--apply") if line.startswith("to be set, shown this once: ")]

    assert [line.split()[-1].split("=")[0] for line in shown] == [
        "TWILIO_TWIML_APP_SID",
        "TWILIO_API_KEY",
        "TWILIO_API_SECRET",
    ]
    assert shown[-1].split("=")[-1] not in caplog.text


def test_a_key_nobody_has_the_secret_of_is_not_made_again_by_itself(real: Path) -> None:
    setup("--apply")

    assert any(line.startswith("note: TWILIO_API_KEY is empty, though the account has SK") for line in setup("--apply"))
    assert len(get_account().keys()) == 1
    setup("--apply", "--new-key")
    assert len(get_account().keys()) == 2


def test_the_app_of_this_deploy_is_found_by_its_name(real: Path) -> None:
    sid = get_account().make_app("calls.example.com", "https://calls.example.com/old/")
    said = setup("--apply")

    assert f"variable TWILIO_TWIML_APP_SID: is '' -> '{sid}'" in said
    assert f"TWILIO_TWIML_APP_SID={sid}" in (real / "secrets.env").read_text()


def test_the_fallback_is_written_for_another_place(simulated: Account, tmp_path: Path) -> None:
    file = tmp_path / "fallback.xml"
    setup("--fallback", str(file))

    assert "<Say" in file.read_text()
    with pytest.raises(CommandError, match="no-such-folder"):
        setup("--fallback", str(tmp_path / "no-such-folder" / "x"))


def test_a_value_of_app_env_is_left_to_whoever_wrote_it(tmp_path: Path) -> None:
    (tmp_path / "app.env").write_text("TWILIO_TWIML_APP_SID=\n")

    assert keep({"TWILIO_TWIML_APP_SID": "AP1", "TWILIO_API_KEY": "SK1"}, tmp_path) == ["TWILIO_API_KEY"]
    assert (tmp_path / "secrets.env").read_text() == "TWILIO_API_KEY=SK1\n"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"TWILIO_PHONE_NUMBER": ""}, "TWILIO_PHONE_NUMBER is empty: it must be"),
        ({"TWILIO_PHONE_NUMBER": "+15550109999"}, r"TWILIO_PHONE_NUMBER is '\+15550109999': it must be a number of"),
        ({"TWILIO_BACKEND": "twilio"}, "PUBLIC_BASE_URL is 'http://127.0.0.1:.*': Twilio has to reach it"),
        ({"TWILIO_AUTH_TOKEN": "another"}, "IncomingPhoneNumbers: .*"),
    ],
)
def test_what_cannot_work_is_said(simulated: Account, settings: Settings, changes: dict[str, Any], says: str) -> None:
    for name, value in changes.items():
        setattr(settings, name, value)

    with pytest.raises(CommandError, match=says) as error:
        setup("--apply")
    assert "another" not in str(error.value)
    assert simulated.voice_url == ""


def test_a_simulator_that_is_away_is_said(simulated: Account, settings: Settings) -> None:
    settings.TWILIO_API_BASE_URL = "http://127.0.0.1:1"

    with pytest.raises(TelephonyError, match=r"no answer from 127\.0\.0\.1:1"):
        get_account().number(NUMBER)
