"""JSON for programs that act for agents and supervisors."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from django_twilio_call.models import Agent, Queue, Reservation
from django_twilio_call.services import RoutingService
from tests.fakes import Twilio, call_sid
from tests.webhooks.test_walk import enqueue

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(agent: Agent) -> Client:
    """The agent's browser."""
    client = Client()
    client.force_login(agent.user)
    return client


@pytest.fixture
def staff(admin_client: Client) -> Client:
    """A supervisor's browser."""
    return admin_client


@pytest.fixture
def offered(twilio: Twilio, agent: Agent) -> Reservation:
    """An offer to the agent."""
    enqueue(twilio)
    RoutingService().route(now=timezone.now())
    return Reservation.objects.get()


@pytest.mark.parametrize("path", ["desk/", "offers/", "calls/", "drained/"])
def test_strangers_see_nothing(path: str) -> None:
    assert Client().get(f"/api/{path}").status_code == 403


@pytest.mark.parametrize("path", ["offers/", "calls/", "drained/"])
def test_agents_do_not_see_what_is_for_staff(desk: Client, path: str) -> None:
    assert desk.get(f"/api/{path}").status_code == 403


def test_an_act_without_a_csrf_token_is_refused(agent: Agent) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(agent.user)

    assert client.post("/api/state/", {"state": "lunch"}).status_code == 403


def test_an_agent_takes_an_offer(desk: Client, staff: Client, offered: Reservation) -> None:
    (offer,) = staff.get("/api/offers/").json()

    answer = desk.post(f"/api/offers/{offer['reservation']}/accept/")

    assert (offer["agent"], offer["call_sid"]) == (offered.agent.identity, call_sid(1))
    assert answer.json() == {"reservation": offered.pk, "identity": offered.agent.identity}
    assert desk.get("/api/desk/").json()["call"]["caller"].startswith("+1")


def test_an_agent_declines_and_comes_back(desk: Client, offered: Reservation) -> None:
    desk.post(f"/api/offers/{offered.pk}/decline/")

    assert desk.get("/api/desk/").json()["state"] == "on_break"
    assert desk.post("/api/state/", {"state": "available"}).json() == {"state": "available"}


def test_a_refusal_gives_its_reason(desk: Client, offered: Reservation) -> None:
    answer = desk.post("/api/state/", {"state": "lunch"})

    assert answer.status_code == 409
    assert "reserved" in answer.json()["error"]
    assert desk.post("/api/hangup/").status_code == 409
    assert desk.post("/api/offers/999/accept/").status_code == 404


def test_staff_see_every_leg_with_its_visits(staff: Client, offered: Reservation) -> None:
    (call,) = staff.get("/api/calls/").json()

    assert (call["call_sid"], call["role"]) == (call_sid(1), "customer")
    assert call["entries"][0]["state"] == "reserved"
    assert staff.get("/api/calls/?since=2100-01-01T00:00:00Z").json() == []


def test_staff_see_what_is_under_way(staff: Client, offered: Reservation) -> None:
    assert staff.get("/api/drained/").json() == {
        "waiting": 0,
        "reserved": 1,
        "live_calls": 1,
        "reservations": 1,
        "outbox": 0,
    }


def test_analytics_are_for_staff_with_their_formula(admin_client: Client, client: Client, queue: Queue) -> None:
    told = admin_client.get("/api/analytics/", {"first": "2026-03-01", "last": "2026-03-02"}).json()

    assert (told["offered"], told["service_level"], told["last"]) == (0, None, "2026-03-02")
    assert "÷" in told["service_level_formula"]
    assert client.get("/api/analytics/").status_code == 403


def test_screens_are_told_how_queues_and_agents_are_and_as_of_when(
    admin_client: Client, client: Client, offered: Reservation
) -> None:
    told = admin_client.get("/api/queues/").json()
    roster = admin_client.get("/api/agents/").json()

    (support,) = told["queues"]
    assert (support["key"], support["waiting"], support["agents_available"]) == ("support", 1, 0)
    assert (support["today"]["answered"], support["service_level"]) == (0, None)
    assert [(line["name"], line["state"]) for line in roster["agents"]] == [("Ada", "reserved")]
    assert told["as_of"] <= roster["as_of"]
    assert [each["key"] for each in admin_client.get("/api/queues/?queue=support").json()["queues"]] == ["support"]
    assert "'sales'" in admin_client.get("/api/queues/?queue=sales").json()["error"]
    assert {client.get(f"/api/{name}/").status_code for name in ("queues", "agents")} == {403}


@pytest.mark.parametrize(
    ("switch", "name"), [("REAL_TIME_METRICS", "queues"), ("REAL_TIME_METRICS", "agents"), ("ANALYTICS", "analytics")]
)
def test_what_is_switched_off_is_refused(admin_client: Client, settings: Settings, switch: str, name: str) -> None:
    assert admin_client.get(f"/api/{name}/").status_code == 200  # and is kept

    setattr(settings, f"DJANGO_TWILIO_ENABLE_{switch}", False)

    answer = admin_client.get(f"/api/{name}/")
    assert answer.status_code == 409
    assert answer.json() == {"error": f"this is switched off: DJANGO_TWILIO_ENABLE_{switch}"}


@pytest.mark.parametrize("query", [{"first": "2026-13-01"}, {"first": "2026-03-02", "last": "2026-03-01"}])
def test_a_period_that_is_none_is_refused_with_its_reason(admin_client: Client, query: dict[str, str]) -> None:
    answer = admin_client.get("/api/analytics/", query)

    assert answer.status_code == 400
    assert answer.json()["error"]
