"""Webhooks leave the way that people's requests go."""

from __future__ import annotations

from typing import NoReturn

import pytest
from django.http import HttpRequest
from django.test import Client
from pytest_django import Settings

from tests.fakes import Twilio


def never(get_response: object) -> object:
    """A middleware that nothing may come to."""

    def refuse(request: HttpRequest) -> NoReturn:
        raise AssertionError(request.path)

    return refuse


@pytest.fixture
def guarded(settings: Settings) -> None:
    """Right behind the webhooks' exit stands somebody who lets nobody pass."""
    at = settings.MIDDLEWARE.index("django_twilio_call.webhooks.middleware.WebhookMiddleware")
    settings.MIDDLEWARE = [*settings.MIDDLEWARE[: at + 1], f"{__name__}.never"]


@pytest.mark.django_db
def test_a_webhook_comes_to_nothing_that_is_there_for_people(twilio: Twilio, guarded: None) -> None:
    assert twilio.post("/twilio/voice/").status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/accounts/login/", "/twilio/no-such-webhook/"])
def test_everything_else_goes_on(client: Client, guarded: None, path: str) -> None:
    with pytest.raises(AssertionError, match=path):
        client.get(path)
