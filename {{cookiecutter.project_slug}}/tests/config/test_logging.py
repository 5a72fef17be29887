"""One event is one line, which says of which request and call, and gives nobody's number away."""

from __future__ import annotations

import io
import json
import logging
import logging.config
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from config.logging import logging_config
from django_twilio_call.conf.catalogue import variables
from tests.callcenter import ROOT
from tests.fakes import Twilio

NUMBER = "+15550123456"


def logged(as_json: bool, *arguments: Any, **extra: Any) -> str:
    """What a log line looks like."""
    formatter = logging_config(level="INFO", as_json=as_json)["formatters"]["line"]
    config = logging.config.DictConfigurator({"version": 1, "formatters": {"line": formatter}})
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(config.configure_formatter(formatter))
    logger = logging.getLogger("tests.logging")
    logger.addHandler(handler)
    logger.warning(*arguments, **extra)
    logger.removeHandler(handler)
    return written.getvalue()


def test_an_event_is_one_line_of_json() -> None:
    try:
        raise ValueError("two\nlines")
    except ValueError:
        line = logged(True, "it\nbroke", exc_info=True)

    assert line.count("\n") == 1
    assert json.loads(line)["event"] == "it\nbroke"


@pytest.mark.parametrize("text", [f"calls {NUMBER}", "GET /?From=%2B15550123456", f"{{'From': '{NUMBER}'}}"])
def test_phone_numbers_are_masked_wherever_they_stand(text: str) -> None:
    for line in (logged(True, text), logged(True, "x", extra={"more": text}), logged(True, "%s", {"a": text})):
        assert "5550123" not in line
        assert "***56" in line


@pytest.mark.parametrize("level", ["DEBUG", "INFO"])
def test_debug_is_for_our_own(level: str) -> None:
    loggers = logging_config(level=level, as_json=True)

    told = {name: logger["level"] for name, logger in loggers["loggers"].items()} | {"": loggers["root"]["level"]}
    assert told["config"] == told["django_twilio_call"] == level
    assert [told[name] for name in ("", "django", "celery")] == ["INFO", "INFO", "WARNING"]


def test_development_tells_more() -> None:
    variable = variables()["DJANGO_LOG_LEVEL"]

    assert [variable.default_for(stage) for stage in ("development", "production")] == ["DEBUG", "INFO"]
    assert "DJANGO_LOG_LEVEL=DEBUG\n" in (ROOT / "deploy" / "development" / "app.env").read_text()


def test_what_is_no_phone_number_stays() -> None:
    sid = "CA" + "0123456789abcdef" * 2
    assert sid in logged(True, "%s at +00:00, +5 more", sid)


@pytest.mark.django_db
def test_a_webhook_logs_request_id_and_call(twilio: Twilio, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "django_structlog"):
        twilio.post("/twilio/voice/", CallSid="CA" + "7" * 32)

    said = [str(record.msg) for record in caplog.records if "request_finished" in str(record.msg)]
    assert said
    assert all("CA" + "7" * 32 in line and "request_id" in line for line in said)
    assert not any("'ip'" in line or "user_id" in line for line in said)  # Twilio's say nothing


@pytest.mark.django_db
def test_a_person_is_where_our_own_proxy_says(
    client: Client, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.DJANGO_TWILIO_TRUSTED_PROXIES = 1
    with caplog.at_level(logging.INFO, "django_structlog"):
        client.get("/accounts/login/", headers={"X-Forwarded-For": "198.51.100.66, 192.0.2.7"})

    (said,) = [str(record.msg) for record in caplog.records if "request_finished" in str(record.msg)]
    assert "'ip': '192.0.2.7'" in said
    assert "198.51.100.66" not in said
