"""The command line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
import urllib3

from tests.servers import free_port
from twilio_simulator.__main__ import account_of, arguments, main

from .stage import SID, SOON, TOKEN

ROOT = Path(__file__).resolve().parents[2]
SERVE = ["serve", "--auth-token", TOKEN, "--account-sid", SID]


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "DJANGO_SETTINGS_MODULE"):
        monkeypatch.delenv(name, raising=False)


def refused(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    """What is said about a command line that is refused."""
    assert main(argv) == 2
    return capsys.readouterr().err


def test_production_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "config.settings.production")

    assert "names production: callers there are real" in refused(capsys, *SERVE)


def test_a_real_looking_account_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    real = "AC5ef8732a3c49700934481addd5ce1659"

    assert f"account SID '{real}' may be a real one" in refused(capsys, *SERVE, "--account-sid", real)


def test_a_token_is_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    assert "set TWILIO_AUTH_TOKEN" in refused(capsys, "serve")


def test_account_and_token_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", SID)
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", TOKEN)
    account = account_of(arguments().parse_args(["serve"]))

    assert (account.sid, account.token) == (SID, TOKEN)


def test_addresses_and_headers_reach_the_account() -> None:
    options = ["--public-url", "https://calls.example.com", "--connect-to", "127.0.0.1:8000"]
    headers = ["--proxy-header", "X-Forwarded-Proto: https", "--proxy-header", "X-Empty:"]
    account = account_of(arguments().parse_args([*SERVE, *options, *headers]))

    assert (account.public_url, account.connect_to) == ("https://calls.example.com", "127.0.0.1:8000")
    assert account.proxy_headers == {"X-Forwarded-Proto": "https", "X-Empty": ""}


@pytest.mark.parametrize(
    "wrong", [["--proxy-header", "https"], ["--rate", "0"], ["--talk", "-1"], ["--rate", "many"], ["--declines", "2"]]
)
def test_a_wrong_option_is_named(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["load", "--agents", "x", *wrong])

    assert wrong[0] in capsys.readouterr().err


def test_a_port_in_use_is_said(
    capsys: pytest.CaptureFixture[str], stage: object, request: pytest.FixtureRequest
) -> None:
    taken = request.getfixturevalue("stage").port

    assert main([*SERVE, "--port", str(taken)]) == 1
    assert "the simulator cannot go on" in capsys.readouterr().err


def test_logins_that_are_missing_are_said(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    load = ["load", *SERVE[1:], "--port", str(free_port()), "--agents", str(tmp_path / "none.json")]

    assert main(load) == 1
    assert "none.json" in capsys.readouterr().err


def answers(port: int) -> bool:
    """Whether the simulator answers within a moment."""
    deadline = time.monotonic() + SOON
    with urllib3.PoolManager(retries=False) as pool:
        while time.monotonic() < deadline:
            with suppress(urllib3.exceptions.HTTPError):
                return pool.request("GET", f"http://127.0.0.1:{port}/_simulator/state").status == 200
            time.sleep(0.02)
    return False


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_it_is_told_to_end(ending: signal.Signals) -> None:
    port = free_port()
    argv = [sys.executable, "-W", "error", "-m", "twilio_simulator", *SERVE, "--port", str(port)]
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    with subprocess.Popen(argv, cwd=ROOT, env=env, stderr=subprocess.PIPE) as process:
        answered = answers(port)
        process.send_signal(ending)

        assert (answered, process.wait(SOON), process.communicate()[1]) == (True, 0, b"")
