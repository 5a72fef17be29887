"""Probes look at this process alone."""

from __future__ import annotations

import socket
from types import SimpleNamespace

import pytest
from django.test import Client, override_settings

from django_twilio_call import dependencies, health


@pytest.mark.parametrize("path", ["/healthz/live", "/healthz/ready"])
@override_settings(ALLOWED_HOSTS=["calls.example.com"], SECURE_SSL_REDIRECT=True)
def test_a_kubelet_asks_by_the_pods_address_and_needs_no_database(path: str) -> None:
    response = Client().get(path, headers={"host": "10.1.2.3:8000"})

    assert (response.status_code, response.content) == (200, b"ok\n")


@override_settings(ALLOWED_HOSTS=["calls.example.com"])
def test_anything_else_still_minds_its_host() -> None:
    assert Client().get("/accounts/login/", headers={"host": "10.1.2.3"}).status_code == 400


TOKEN = "a-token-of-sixteen-characters"


@pytest.mark.parametrize(("up", "status"), [(True, 200), (False, 503)])
@override_settings(ALLOWED_HOSTS=["calls.example.com"], DJANGO_TWILIO_METRICS_TOKEN=TOKEN)
def test_dependencies_are_told_to_whoever_has_the_token(monkeypatch: pytest.MonkeyPatch, up: bool, status: int) -> None:
    monkeypatch.setattr(health, "dependencies", lambda: {"database": True, "cache": up})
    headers = {"host": "10.1.2.3", "authorization": f"Bearer {TOKEN}"}
    response = Client().get("/healthz/dependencies", headers=headers)

    assert (response.status_code, response.json()) == (status, {"database": True, "cache": up})


@pytest.mark.parametrize("token", ["", "wrong"])
@override_settings(DJANGO_TWILIO_METRICS_TOKEN=TOKEN)
def test_to_others_there_are_no_dependencies(token: str) -> None:
    response = Client().get("/healthz/dependencies", headers={"authorization": f"Bearer {token}"})

    assert (response.status_code, response.content) == (404, b"")


@pytest.mark.django_db
def test_a_service_that_nobody_listens_for_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        nobody = f"redis://127.0.0.1:{listener.getsockname()[1]}/0"
    config = SimpleNamespace(redis_url=nobody, celery_broker_url=nobody)
    monkeypatch.setattr(dependencies, "get_config", lambda: config)

    assert dependencies.dependencies() == {"database": True, "cache": False, "broker": False}
