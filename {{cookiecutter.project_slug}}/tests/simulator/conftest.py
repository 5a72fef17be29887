"""A small app, an account whose webhooks go there, and the simulator at work."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis.configuration import set_hypothesis_home_dir
from twilio.rest import Client

from twilio_simulator.account import Account

from .client import Rehosted
from .stage import SID, TOKEN, App, Stage, app_running

# Nothing is to lie in the un-rendered tree, where a bake would copy it.
set_hypothesis_home_dir(Path(tempfile.gettempdir(), "hypothesis"))


@pytest.fixture
def app() -> Iterator[App]:
    """An app where webhooks go; every one of them must have been signed as Twilio's library wants it."""
    with app_running() as app:
        yield app
    assert [each.path for each in app.asked if not each.signed and not each.path.startswith("/api/")] == []


@pytest.fixture
def account(app: App) -> Account:
    """An account that calls the app."""
    return Account(
        SID,
        TOKEN,
        voice_url=f"{app.url}/voice",
        status_url=f"{app.url}/status",
        client_voice_url=f"{app.url}/agent",
    )


@pytest.fixture
def stage(account: Account) -> Iterator[Stage]:
    """The simulator at work."""
    with Stage(account).running() as stage:
        yield stage


@pytest.fixture
def client(stage: Stage) -> Iterator[Any]:
    """Twilio's client."""
    http = Rehosted(stage.url)
    yield Client(SID, TOKEN, http_client=http)
    http.session.close()
