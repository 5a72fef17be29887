"""Figures for those who may read them."""

from __future__ import annotations

import re

import pytest
from django.http import HttpResponse
from django.test import Client, override_settings
from django.utils import timezone

from django_twilio_call.conf import get_config, reload
from django_twilio_call.models import RunningProcess

from .conf.conftest import mounted  # noqa: F401  # a fixture
from .conf.deploys import CANARY, Mounted

TOKEN = f"{CANARY}-of-metrics"
SAMPLE = re.compile(r'call_center_\w+(\{\w+="[^"]*"(,\w+="[^"]*")*\})? \d+')


def ask(token: str = TOKEN) -> HttpResponse:
    with override_settings(DJANGO_TWILIO_METRICS_TOKEN=TOKEN, ALLOWED_HOSTS=["calls.example.com"]):
        response: HttpResponse = Client().get(
            "/metrics", headers={"authorization": f"Bearer {token}", "host": "10.0.0.1"}
        )  # type: ignore[assignment]
    return response


def running(host: str, fingerprint: str) -> None:
    now = timezone.now()
    RunningProcess.objects.create(
        host=host, pid=1, role="web", fingerprint=fingerprint, digests={}, started_at=now, seen_at=now
    )


@pytest.mark.django_db
def test_they_are_samples_with_a_help_and_a_type_each() -> None:
    lines = ask().content.decode().splitlines()

    samples = [line for line in lines if not line.startswith("#")]
    assert [line for line in samples if not SAMPLE.fullmatch(line)] == []
    assert {re.split(r"[{ ]", line)[0] for line in samples} <= {line.split()[2] for line in lines if line[0] == "#"}
    assert any(line.startswith('call_center_config_info{stage="testing",fingerprint="') for line in samples)


@pytest.mark.django_db
def test_processes_that_disagree_are_counted() -> None:
    for host, mark in (("a", "1f"), ("b", "1f"), ("c", "2e")):
        running(host, mark)
    said = ask().content.decode()

    assert 'call_center_config_processes{role="web",fingerprint="1f"} 2\n' in said
    assert "call_center_config_disagreeing_processes 1\n" in said


@pytest.mark.django_db
def test_a_refused_reload_is_told(mounted: Mounted) -> None:  # noqa: F811
    mounted.hold(DJANGO_TWILIO_RING_TIMEOUT="soon")
    said = ask().content.decode()

    assert 'call_center_config_reloads_total{result="refused"} 1\n' in said
    assert "call_center_config_last_reload_successful 0\n" in said


@pytest.mark.parametrize("token", ["", "wrong", TOKEN + "x", "ü"])
def test_to_others_there_is_no_such_page(token: str) -> None:
    assert ask(token).status_code == 404


def test_where_there_is_no_token_only_development_shows_them() -> None:
    assert Client().get("/metrics").status_code == 404


@pytest.mark.django_db
def test_no_secret_is_in_them() -> None:
    said = ask().content.decode()

    assert CANARY not in said
    assert get_config().secret_key not in said
    assert reload.state.last is None
