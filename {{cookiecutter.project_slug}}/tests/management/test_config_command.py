"""The configuration, for people."""

from __future__ import annotations

from io import StringIO

from django.core.checks import run_checks
from django.core.management import call_command
from django.test import override_settings


def summary() -> str:
    out = StringIO()
    call_command("config", "summary", stdout=out)
    return out.getvalue()


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
