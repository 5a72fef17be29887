"""Probes look at this process alone."""

from __future__ import annotations

import pytest
from django.test import Client, override_settings


@pytest.mark.parametrize("path", ["/healthz/live", "/healthz/ready"])
@override_settings(ALLOWED_HOSTS=["calls.example.com"], SECURE_SSL_REDIRECT=True)
def test_a_kubelet_asks_by_the_pods_address_and_needs_no_database(path: str) -> None:
    response = Client().get(path, headers={"host": "10.1.2.3:8000"})

    assert (response.status_code, response.content) == (200, b"ok\n")


@override_settings(ALLOWED_HOSTS=["calls.example.com"])
def test_anything_else_still_minds_its_host() -> None:
    assert Client().get("/accounts/login/", headers={"host": "10.1.2.3"}).status_code == 400
