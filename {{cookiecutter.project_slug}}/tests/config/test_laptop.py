"""What `make run` and `make demo` decide before they start anything."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from config.laptop import addresses, follow, free_port, simulator

ROOT = Path(__file__).parents[2]
HELD = '{"received": 2, "lost": 0, "double_booked": 0}\n'


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_a_taken_port_is_passed_over(taken: int) -> None:
    assert taken < free_port(taken) < taken + 100


def test_a_port_that_was_asked_for_is_not_passed_over(taken: int) -> None:
    with pytest.raises(SystemExit, match=rf"port {taken} is taken. Another: PORT={taken + 1}"):
        free_port(taken, exactly=True)


def test_a_port_is_given_once_though_nobody_listens_there_yet() -> None:
    first = free_port(9500)

    assert free_port(first) > first


def test_app_and_simulator_are_found_on_this_machine() -> None:
    found = addresses({}, None)

    assert found["PUBLIC_BASE_URL"] == f"http://127.0.0.1:{found['PORT']}"
    assert found["TWILIO_API_BASE_URL"] != found["PUBLIC_BASE_URL"]


def test_an_address_of_this_machine_follows_the_port(taken: int) -> None:
    found = addresses({"PUBLIC_BASE_URL": "http://localhost:8000"}, None)

    assert found["PUBLIC_BASE_URL"] == f"http://127.0.0.1:{found['PORT']}"


def test_a_tunnel_stays_what_it_is() -> None:
    assert "PUBLIC_BASE_URL" not in addresses({"PUBLIC_BASE_URL": "https://calls.example.com"}, None)


def test_real_twilio_is_not_simulated() -> None:
    assert "TWILIO_API_BASE_URL" not in addresses({"TWILIO_BACKEND": "twilio"}, None)


def webhooks(command: str) -> dict[str, str]:
    """What a command line tells the simulator of webhooks, without hosts: option -> path and what Twilio is to do."""
    found = re.findall(r"--([a-z-]+-url)[=\s]+(\S+)", command)
    return {option: url.removeprefix("http://" + urlsplit(url).netloc) for option, url in found}


@pytest.mark.parametrize("file", ["compose.yaml", "deploy/development/services.yaml"])
def test_the_simulator_is_told_the_same_whoever_starts_it(file: str) -> None:
    here = webhooks(" ".join(simulator("serve")))

    assert len(here) == 4
    assert webhooks((ROOT / file).read_text()) == here


@pytest.mark.parametrize(
    ("line", "calls", "held"),
    [
        (HELD, 2, True),
        (HELD, 3, False),
        (HELD.replace('"lost": 0', '"lost": 1'), 2, False),
        (HELD.replace('"double_booked": 0', '"double_booked": 1'), 2, False),
        ("no figures\n", 2, None),
    ],
)
def test_the_figures_decide(line: str, calls: int, held: bool | None) -> None:
    assert follow(["listening\n", line], calls, stay=False) is held


def test_the_figures_reach_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    follow(["listening\n", HELD], 2, stay=False)

    assert capsys.readouterr().out.splitlines()[-1] == HELD.strip()
