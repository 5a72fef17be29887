"""The wallboard: what it shows, to whom, and at what cost."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_twilio_call.constants import AgentStatus
from django_twilio_call.models import Agent, Queue, Reservation
from tests.conftest import make_agent

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


def text(client: Client, path: str = "/live/") -> str:
    answer = client.get(path, headers=HTMX)
    assert answer.status_code == 200
    return answer.content.decode()


def test_strangers_are_sent_to_the_login() -> None:
    assert Client().get("/").headers["Location"] == "/accounts/login/?next=/"
    assert Client().get("/live/", headers=HTMX).headers["HX-Refresh"] == "true"


def test_any_user_sees_it(client: Client) -> None:
    client.force_login(get_user_model().objects.create(username="auditor"))

    assert "Service level today" in text(client, "/")


def test_an_empty_call_center_says_what_to_do(admin_client: Client) -> None:
    shown = text(admin_client)

    assert "No queues yet." in shown
    assert "No agents yet." in shown


def test_agents_stand_under_their_state(admin_client: Client, agent: Agent, queue: Queue) -> None:
    make_agent("grace", queue, state=AgentStatus.WRAP_UP)

    shown = text(admin_client)

    assert shown.index("Available") < shown.index("Ada") < shown.index("Wrap-up") < shown.index("Grace")


def test_who_is_away_for_longer_than_planned_is_marked(admin_client: Client, queue: Queue) -> None:
    now = timezone.now()
    make_agent("grace", queue, state=AgentStatus.LUNCH, since=now - timedelta(minutes=29))
    assert "longer than planned" not in text(admin_client)

    cache.clear()
    make_agent("hedy", queue, state=AgentStatus.LUNCH, since=now - timedelta(minutes=31))
    assert text(admin_client).count("longer than planned") == 1


def test_a_waiting_caller_is_counted_with_the_formula_beside_the_level(
    admin_client: Client, offered: Reservation
) -> None:
    shown = text(admin_client)

    assert '<p class="figure">1</p>' in shown
    assert "caller in line" in shown
    assert "÷" in shown


def test_the_fragment_is_no_page(admin_client: Client) -> None:
    assert "<html" in text(admin_client, "/")
    assert "<html" not in text(admin_client)


def test_a_board_that_is_up_to_date_is_left_alone(admin_client: Client) -> None:
    version = admin_client.get("/").context["version"]

    assert admin_client.get("/live/", {"v": version}, headers=HTMX).status_code == 204
    assert admin_client.get("/live/", {"v": "older"}, headers=HTMX).status_code == 200


def test_names_are_escaped(admin_client: Client, queue: Queue) -> None:
    make_agent("<b>ada</b>", queue)
    Queue.objects.update(name="<script>alert(1)</script> שירות")

    shown = text(admin_client)

    assert "&lt;script&gt;alert(1)&lt;/script&gt; שירות" in shown
    assert "<script>" not in shown
    assert "<b>" not in shown.lower()


def test_a_second_viewer_costs_no_figures(admin_client: Client, agent: Agent) -> None:
    text(admin_client)

    with CaptureQueriesContext(connection) as queries:
        text(admin_client)

    assert len(queries) == 2  # session and user


def test_the_number_of_queries_does_not_grow_with_the_call_center(admin_client: Client, queue: Queue) -> None:
    def cost() -> int:
        cache.clear()
        with CaptureQueriesContext(connection) as queries:
            text(admin_client)
        return len(queries)

    small = cost()
    for number in range(10):
        make_agent(f"agent{number}", queue, Queue.objects.create(key=f"q{number}", name=f"Queue {number}"))

    assert cost() == small
