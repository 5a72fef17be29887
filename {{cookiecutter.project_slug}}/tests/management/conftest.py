"""A simulator in Twilio's place, and something that answers where this deploy should."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from tests.simulator.stage import SID, TOKEN, App, Stage, app_running
from twilio_simulator.account import Account
from twilio_simulator.account_resources import FIRST_APP

NUMBER = "+15550100000"


@pytest.fixture
def app() -> Iterator[App]:
    """Answers at PUBLIC_BASE_URL, everything with an empty document."""
    with app_running() as app:
        yield app


@pytest.fixture
def stage(app: App) -> Iterator[Stage]:
    """The simulator. Its number points nowhere, and there is one TwiML App."""
    account = Account(SID, TOKEN, number=NUMBER, client_voice_url="http://127.0.0.1:1/")
    with Stage(account).running() as stage:
        yield stage


@pytest.fixture
def simulated(app: App, stage: Stage, settings: Settings) -> Account:
    """The account; the configuration names it, its number and its App."""
    settings.TWILIO_BACKEND, settings.TWILIO_API_BASE_URL = "simulator", stage.url
    settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN = SID, TOKEN
    settings.TWILIO_PHONE_NUMBER, settings.TWILIO_TWIML_APP_SID = NUMBER, FIRST_APP
    settings.PUBLIC_BASE_URL = app.url
    return stage.account
