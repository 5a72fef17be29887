"""A row of calls against a small call center, and the figures it ends with."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.servers import free_port
from twilio_simulator.__main__ import main
from twilio_simulator.load import _rate

from .center import Center
from .stage import SID, TOKEN, App, Said
from .test_actors import LOGINS

KEYS = [
    *("received", "ended_before_queue", "offered", "answered", "abandoned", "overflowed", "lost", "double_booked"),
    *("webhooks", "webhook_errors", "p50_ms", "p95_ms", "p99_ms"),
]

Run = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def center(app: App) -> Center:
    """A call center with two agents."""
    center = Center(app, f"http://127.0.0.1:{free_port()}")
    center.opens()
    return center


@pytest.fixture
def load(center: Center, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `load`: its exit status and its figures."""
    logins = tmp_path / "logins.json"
    logins.write_text(json.dumps(LOGINS | {"agents": [{"identity": f"agent_{n}", "headers": {}} for n in (1, 2)]}))

    def loading(**options: object) -> tuple[int, dict[str, Any]]:
        url = center.app.url
        given = {"calls": 2, "rate": 20, "talk": 0.05, "agents": logins, "api-url": f"{url}/api/", "timeout": 1.5}
        given |= {"port": center.simulator.rpartition(":")[2], "account-sid": SID, "auth-token": TOKEN}
        given |= {"voice-url": f"{url}/voice", "status-url": f"{url}/status", "client-voice-url": f"{url}/agent"}
        argv = [part for name, value in (given | options).items() for part in (f"--{name}", str(value))]
        status = main(["load", *argv])
        return status, json.loads(capsys.readouterr().out.splitlines()[-1])

    return loading


def test_calls_come_for_so_long(load: Run) -> None:
    assert load(**{"for": 0.1})[1]["received"] == 2


def test_every_call_is_accounted_for(load: Run, tmp_path: Path) -> None:
    status, figures = load(journal=tmp_path / "journal.jsonl")

    assert status == 0
    assert list(figures)[: len(KEYS)] == KEYS
    assert (figures["received"], figures["offered"], figures["answered"]) == (2, 2, 2)
    assert (figures["lost"], figures["double_booked"], figures["webhook_errors"]) == (0, 0, 0)
    assert figures["p99_ms"] >= figures["p95_ms"] >= figures["p50_ms"] > 0
    assert figures["rate_achieved"] > 0
    assert len((tmp_path / "journal.jsonl").read_text().splitlines()) == 4


def test_the_rate_is_that_of_callers_from_the_first_to_the_last() -> None:
    def called(at: float, **of: str) -> Any:
        return SimpleNamespace(**{"started": at, "direction": "inbound", "identity": "", **of})

    def rang(*calls: Any) -> Any:
        return SimpleNamespace(calls=dict(enumerate(calls)))

    others = called(99, identity="ada"), called(0, direction="outbound-api")

    assert _rate(rang(called(10), called(12), called(14), *others)) == 0.5
    assert _rate(rang(called(10), *others)) == 0


def test_a_call_the_app_forgot_is_lost(center: Center, load: Run, caplog: pytest.LogCaptureFixture) -> None:
    center.forgets = True
    status, figures = load(calls=1)

    assert (status, figures["received"], figures["lost"]) == (1, 0, 1)
    assert "the app does not know the call" in caplog.text


def test_a_call_the_app_remembers_wrongly_is_lost(center: Center, load: Run) -> None:
    center.ends_as = {"answered": "abandoned"}
    status, figures = load(calls=1)

    assert (status, figures["abandoned"], figures["lost"]) == (1, 1, 1)


def test_an_agent_with_two_calls_is_double_booked(center: Center, load: Run) -> None:
    center.double_books = True
    status, figures = load(talk=5, timeout=1.2)

    assert (status, figures["double_booked"]) == (1, 1)


def test_a_webhook_that_fails_fails_the_run(center: Center, load: Run) -> None:
    center.app.says("/status", lambda asked: center.status(asked) if asked.params["To"] else Said(status=500))
    status, figures = load(calls=1)

    assert (status, figures["lost"], figures["webhook_errors"]) == (1, 0, 1)


def test_a_run_that_came_to_no_end_fails(load: Run) -> None:
    status, figures = load(calls=2, rate=0.5, timeout=1.2)

    assert (status, figures["lost"], figures["received"]) == (1, 0, 1)


def test_calls_that_do_not_end_in_time_are_lost(app: App, load: Run, caplog: pytest.LogCaptureFixture) -> None:
    app.says("/api/offers/", Said("[]", kind="application/json", raw=True))
    status, figures = load(calls=1, timeout=0.3)

    assert (status, figures["lost"]) == (1, 1)
    assert "not all ended in 0.3 s: legs ['CA" in caplog.text
    assert "in the app {'waiting': 0}" in caplog.text
