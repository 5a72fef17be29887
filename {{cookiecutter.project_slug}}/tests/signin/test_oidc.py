"""Signing in at an identity provider: a real one, if small, on loopback."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from pytest_django import Settings

from django_twilio_call.models import Agent, AuditEntry, Identity, Role

from .provider import CLIENT, SECRET, Provider, new_key, serve

pytestmark = pytest.mark.django_db
START = "/accounts/oidc/"


@pytest.fixture
def provider(settings: Settings) -> Iterator[Provider]:
    """A provider where Ada is an agent."""
    with serve() as provider:
        settings.OIDC_ISSUER, settings.OIDC_CLIENT_ID, settings.OIDC_CLIENT_SECRET = provider.url, CLIENT, SECRET
        provider.claims = {
            "sub": "7",
            "preferred_username": "ada",
            "name": "Ada Lovelace",
            "email": "ada@example.com",
            "groups": ["call-center-agent", "skiing"],
        }
        yield provider


def at_provider(client: Client, path: str = START) -> str:
    """Go there and come back; answers where to, with a code."""
    url = urlsplit(client.get(path).headers["Location"])
    connection = http.client.HTTPConnection(url.netloc, timeout=5)
    connection.request("GET", f"{url.path}?{url.query}")
    back = urlsplit(connection.getresponse().headers["Location"])
    connection.close()
    return f"{back.path}?{back.query}"


def sign_in(client: Client, path: str = START) -> Any:
    return client.get(at_provider(client, path))


def test_somebody_new_comes_in_as_what_the_provider_says(client: Client, provider: Provider) -> None:
    answer = sign_in(client, f"{START}?next=/desk/")

    assert answer.headers["Location"] == "/desk/"
    assert client.get("/desk/").status_code == 200
    agent = Agent.objects.select_related("user").get()
    assert (agent.name, agent.user.username, agent.user.has_usable_password()) == ("Ada Lovelace", "ada", False)
    assert [group.name for group in agent.user.groups.all()] == [Role.AGENT]
    assert AuditEntry.objects.get(action="login").detail == {"by": provider.url}


def test_the_login_page_shows_the_way(client: Client, provider: Provider) -> None:
    assert 'href="/accounts/oidc/?next=/desk/"' in client.get("/accounts/login/?next=/desk/").content.decode()


def test_roles_follow_the_provider(client: Client, provider: Provider) -> None:
    provider.claims["groups"] = ["call-center-administrator"]
    sign_in(client)
    assert get_user_model().objects.filter(is_staff=True).exists()

    provider.claims["groups"] = ["call-center-auditor"]
    sign_in(Client())

    user = get_user_model().objects.get()
    assert not user.is_staff
    assert [group.name for group in user.groups.all()] == [Role.AUDITOR]


def test_the_provider_answers_for_the_second_factor(client: Client, provider: Provider, settings: Settings) -> None:
    settings.DJANGO_TWILIO_SECOND_FACTOR = "required"
    provider.claims["groups"] = ["call-center-administrator"]

    sign_in(client)

    assert client.get("/operations/").status_code == 200


def test_somebody_in_no_group_of_ours_does_not_come_in(client: Client, provider: Provider) -> None:
    provider.claims["groups"] = "skiing"

    answer = sign_in(client)

    assert answer.status_code == 403
    assert "in none of the groups call-center-agent" in answer.content.decode()
    assert not get_user_model().objects.exists()


def test_an_agent_who_was_set_up_before_is_found_by_name(client: Client, provider: Provider) -> None:
    user = get_user_model()(username="ada")
    user.set_unusable_password()
    user.save()
    Agent.objects.create(user=user, name="Ada")

    sign_in(client)

    assert Identity.objects.get().user == user


@pytest.mark.parametrize("theirs", [{"password": "right"}, {"is_superuser": True}, {"is_staff": True}])
def test_a_name_opens_nobody_elses_account(client: Client, provider: Provider, theirs: dict[str, Any]) -> None:
    get_user_model().objects.create_user("ada", **theirs)

    assert sign_in(client).status_code == 403
    assert client.get("/desk/").status_code == 302


def test_the_same_name_at_another_subject_is_somebody_else(client: Client, provider: Provider) -> None:
    sign_in(client)
    provider.claims["sub"] = "8"

    assert sign_in(Client()).status_code == 403


def test_who_is_not_active_here_stays_out(client: Client, provider: Provider) -> None:
    sign_in(client)
    get_user_model().objects.update(is_active=False)

    assert sign_in(Client()).status_code == 403


@pytest.mark.parametrize(
    "over",
    [
        {"aud": "another client"},
        {"iss": "https://evil.example"},
        {"nonce": "another sign-in's"},
        {"exp": 1},
        {"preferred_username": None},
    ],
)
def test_a_token_that_proves_nothing_opens_nothing(client: Client, provider: Provider, over: dict[str, Any]) -> None:
    provider.over = over

    assert sign_in(client).status_code == 403
    assert not get_user_model().objects.exists()


def test_a_token_signed_by_somebody_else_opens_nothing(client: Client, provider: Provider) -> None:
    provider.signing = new_key()

    assert sign_in(client).status_code == 403


def test_a_code_of_another_browser_opens_nothing(client: Client, provider: Provider) -> None:
    theirs = at_provider(Client())

    assert client.get(theirs).status_code == 403


def test_a_code_opens_once(client: Client, provider: Provider) -> None:
    back = at_provider(client)
    client.get(back)

    assert client.get(back).status_code == 403


def test_what_the_provider_refuses_is_said(client: Client, provider: Provider) -> None:
    state = parse_qs(urlsplit(client.get(START).headers["Location"]).query)["state"][0]

    answer = client.get(f"{START}back/", {"error": "access_denied", "state": state})

    assert answer.status_code == 403
    assert "The identity provider did not let you in." in answer.content.decode()


def test_a_provider_that_does_not_answer_is_said(client: Client, settings: Settings) -> None:
    settings.OIDC_ISSUER, settings.OIDC_CLIENT_ID = "http://127.0.0.1:9", CLIENT

    answer = client.get(START)

    assert answer.status_code == 503
    assert "does not answer" in answer.content.decode()


def test_the_way_on_leads_nowhere_else(client: Client, provider: Provider) -> None:
    assert sign_in(client, f"{START}?next=https://evil.example/").headers["Location"] == "/"


def test_without_an_issuer_there_is_no_such_door(client: Client) -> None:
    assert client.get(START).status_code == 404
    assert "oidc" not in client.get("/accounts/login/").content.decode()
