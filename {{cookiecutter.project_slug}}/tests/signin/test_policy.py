"""The content security policy: on every answer, and nothing inline in it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.test import Client

from django_twilio_call.conf import get_config
from django_twilio_call.signin.policy import HEADER, policy


@pytest.mark.django_db
def test_every_answer_has_it(client: Client) -> None:
    for path in ("/", "/accounts/login/", "/admin/", "/api/desk/", "/nothing/"):
        assert "script-src 'self';" in client.get(path).headers[HEADER]


def test_nothing_inline_is_allowed_and_only_the_phone_is_elsewhere() -> None:
    simulated = replace(get_config(), twilio_backend="simulator", twilio_api_base_url="http://127.0.0.1:9100")
    real = replace(get_config(), twilio_backend="twilio", twilio_edge="dublin")

    assert "unsafe" not in policy(simulated) + policy(real)
    assert "connect-src 'self' http://127.0.0.1:9100;" in policy(simulated)
    assert "connect-src 'self' wss://voice-js.dublin.twilio.com https://eventgw.twilio.com;" in policy(real)
