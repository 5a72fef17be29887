"""A call center to try out."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client, override_settings

from django_twilio_call.models import Agent, AgentStateSpan, Queue

pytestmark = pytest.mark.django_db


def demo(*argv: str) -> str:
    err = StringIO()
    call_command("demo", *argv, stderr=err)
    return err.getvalue()


def test_it_makes_queues_and_agents_and_a_second_run_makes_no_more() -> None:
    for _ in range(2):
        demo("--agents", "3", "--available")

    assert list(Queue.objects.values_list("key", "digit")) == [("sales", "2"), ("support", "1")]
    assert Agent.objects.count() == 4  # and the supervisor
    assert AgentStateSpan.objects.current().filter(state="available").count() == 3


def test_the_logins_it_writes_work_and_are_for_nobody_elses_eyes(tmp_path: Path) -> None:
    file = tmp_path / "logins.json"
    demo("--agents", "1", "--json", str(file))
    logins = json.loads(file.read_text())
    (agent,) = logins["agents"]

    answer = Client(enforce_csrf_checks=True).post("/api/state/", {"state": "available"}, headers=agent["headers"])

    assert answer.json() == {"state": "available"}
    assert Client().get("/api/offers/", headers=logins["staff"]["headers"]).status_code == 200
    assert file.stat().st_mode & 0o777 == 0o600


def test_the_password_it_shows_is_the_supervisors() -> None:
    password = demo("--agents", "0").split()[-1]

    assert Client().login(username="supervisor", password=password)


@override_settings(TWILIO_API_BASE_URL="")
def test_a_deploy_that_speaks_to_twilio_gets_no_demo() -> None:
    with pytest.raises(CommandError, match="TWILIO_API_BASE_URL"):
        demo()
