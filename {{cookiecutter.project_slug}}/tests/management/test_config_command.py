"""The configuration, for people."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.checks import run_checks
from django.core.management import call_command
from django.test import override_settings

from django_twilio_call.conf import get_config
from django_twilio_call.conf.catalogue import variables


def config(*argv: str) -> str:
    out = StringIO()
    call_command("config", *argv, stdout=out)
    return out.getvalue()


def summary() -> str:
    return config("summary")


def test_the_summary_is_the_seeds_with_live_values() -> None:
    assert summary().splitlines() == [
        "Configuration Summary:",
        "  • Environment: testing",
        "  • Default cache timeout: 60s",
        "  • Analytics cache timeout: 60s",
        "  • Default batch size: 10",
        "  • Max retry attempts: 1",
        "  • Features enabled: 7",
    ]


@override_settings(DJANGO_TWILIO_CACHE_TIMEOUT_ANALYTICS=600, DJANGO_TWILIO_ENABLE_IVR=False)
def test_the_summary_follows_the_configuration() -> None:
    assert "Analytics cache timeout: 600s" in summary()
    assert "Features enabled: 6" in summary()


@override_settings(DJANGO_TWILIO_RING_TIMEOUT="soon", DJANGO_TWILIO_JOIN_TIMEOUT="later")
def test_a_wrong_deploy_fails_the_system_check_with_every_problem() -> None:
    messages = run_checks(tags=["django_twilio_call"])

    assert [message.id for message in messages] == ["django_twilio_call.E001"] * 2


@override_settings(DJANGO_TWILIO_RING_TIMEOUT=77)
def test_every_variable_is_shown_with_where_it_comes_from() -> None:
    shown = {line.split()[0]: line for line in config("show", "--origin").splitlines()}

    assert "77" in shown["DJANGO_TWILIO_RING_TIMEOUT"]
    assert shown["DJANGO_TWILIO_RING_TIMEOUT"].endswith("Django settings")
    assert shown["DJANGO_TWILIO_CACHE_TIMEOUT"].endswith("stage testing")
    # A process that pytest-xdist starts gets from its parent's environment what that had from the file.
    assert shown["DJANGO_LOG_LEVEL"].endswith(("deploy/testing/app.env:3", "environment"))
    assert shown["PORT"].endswith("default")
    assert shown.keys() == variables().keys()


def test_a_program_reads_it_as_json() -> None:
    told = json.loads(config("show", "--origin", "--format", "json"))

    assert told["DJANGO_TWILIO_JOIN_TIMEOUT"] == {"value": "15", "origin": "default"}
    assert told["TWILIO_AUTH_TOKEN"]["value"] is None


@override_settings(TWILIO_AUTH_TOKEN="canary-token")
@pytest.mark.parametrize("form", ["table", "json", "env"])
def test_no_secret_is_shown(form: str) -> None:
    shown = config("show", "--origin", "--format", form)

    assert "TWILIO_AUTH_TOKEN" in shown
    assert "canary" not in shown
    assert get_config().secret_key not in shown
