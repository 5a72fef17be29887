"""Who may speak as Twilio."""

from __future__ import annotations

import hashlib
import json
import logging

import pytest
from django.http import HttpRequest
from django.test import Client, RequestFactory, override_settings

from django_twilio_call.conf import get_config
from django_twilio_call.webhooks.signature import is_signed
from tests.fakes import Twilio, call_sid

PATH = "/twilio/wait/?entry=1"


@pytest.fixture
def twilios_example() -> HttpRequest:
    """The example of Twilio's documentation: token 12345, its URL, its five fields, its signature."""
    fields = {
        "CallSid": "CA1234567890ABCDE",
        "Caller": "+14158675310",
        "Digits": "1234",
        "From": "+14158675310",
        "To": "+18005551212",
    }
    signature = "L/OH5YylLD5NRKLltdqwSvS0BnU="
    return RequestFactory().post("/myapp.php?foo=1&bar=2", fields, headers={"X-Twilio-Signature": signature})


@override_settings(TWILIO_AUTH_TOKEN="12345", PUBLIC_BASE_URL="https://example.com")
def test_twilios_own_example_is_accepted(twilios_example: HttpRequest) -> None:
    assert is_signed(twilios_example)


@override_settings(TWILIO_AUTH_TOKEN="12346", PUBLIC_BASE_URL="https://example.com")
def test_another_token_is_refused(twilios_example: HttpRequest) -> None:
    assert not is_signed(twilios_example)


@override_settings(
    TWILIO_AUTH_TOKEN="12346", TWILIO_AUTH_TOKEN_SECONDARY="12345", PUBLIC_BASE_URL="https://example.com"
)
def test_while_the_account_changes_its_token_both_are_accepted(twilios_example: HttpRequest) -> None:
    assert is_signed(twilios_example)


@override_settings(TWILIO_AUTH_TOKEN="12345", PUBLIC_BASE_URL="http://example.com")
def test_http_for_https_is_refused(twilios_example: HttpRequest) -> None:
    assert not is_signed(twilios_example)


def post(twilio: Twilio, *, signed: dict[str, str], sent: dict[str, str], url: str | None = None) -> int:
    signature = twilio.signature(url or twilio.base + PATH, signed)
    return Client().post(PATH, sent, headers={"X-Twilio-Signature": signature}).status_code


@pytest.mark.django_db
def test_what_was_signed_is_accepted(twilio: Twilio) -> None:
    assert post(twilio, signed={"CallSid": "CA1"}, sent={"CallSid": "CA1"}) == 200


@pytest.mark.parametrize(
    "sent", [{"CallSid": "CA2"}, {"CallSid": "CA1", "Digits": "1"}, {}], ids=["changed", "added", "removed"]
)
def test_a_changed_parameter_is_refused(twilio: Twilio, sent: dict[str, str]) -> None:
    assert post(twilio, signed={"CallSid": "CA1"}, sent=sent) == 403


def test_a_signature_for_another_path_is_refused(twilio: Twilio) -> None:
    assert post(twilio, signed={}, sent={}, url=twilio.base + "/twilio/voice/") == 403


def test_a_missing_signature_is_refused_and_the_log_names_the_url_but_no_token(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        response = Client().post(PATH, {"CallSid": call_sid(1)})

    assert response.status_code == 403
    assert get_config().public_base_url + PATH in caplog.text
    assert get_config().twilio_auth_token not in caplog.text + response.content.decode()


@pytest.mark.django_db
def test_a_get_is_signed_by_its_url_alone(twilio: Twilio) -> None:
    signature = twilio.signature(twilio.base + PATH, {})

    assert Client().get(PATH, headers={"X-Twilio-Signature": signature}).status_code == 200


def test_another_account_is_refused(twilio: Twilio) -> None:
    other = {"AccountSid": "AC" + "f" * 32}

    assert post(twilio, signed=other, sent=other) == 403


def json_request(twilio: Twilio, body: str, *, hashed: str | None) -> HttpRequest:
    query = "" if hashed is None else "?bodySHA256=" + hashlib.sha256(hashed.encode()).hexdigest()
    path = "/twilio/status/" + query
    signature = twilio.signature(twilio.base + path, {})
    return RequestFactory().post(path, body, content_type="application/json", headers={"X-Twilio-Signature": signature})


def test_a_json_body_is_vouched_for_by_its_hash(twilio: Twilio) -> None:
    body = json.dumps({"CallSid": "CA1", "name": "Žofie"})

    assert is_signed(json_request(twilio, body, hashed=body))


@pytest.mark.parametrize("hashed", ["{}", None], ids=["another body's hash", "no hash"])
def test_a_json_body_nobody_vouches_for_is_refused(twilio: Twilio, hashed: str | None) -> None:
    assert not is_signed(json_request(twilio, '{"CallSid": "CA1"}', hashed=hashed))
