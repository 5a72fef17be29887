"""Who may do what: every view of the URLconf tried by every role, by somebody without one, and by nobody."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.admin import site
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from django_twilio_call.admin.center import RecordAdmin
from django_twilio_call.models import Agent, May, Role, give_role

pytestmark = pytest.mark.django_db

NOBODY, STRANGER = "nobody", "stranger"  # not signed in; signed in without a role
PEOPLE = (NOBODY, STRANGER, *Role)

ALL = frozenset(PEOPLE)
SIGNED_IN = ALL - {NOBODY}
AGENT, SUPERVISOR, ADMINISTRATOR, AUDITOR = (frozenset({role}) for role in Role)
NONE: frozenset[str] = frozenset()  # only for whoever signs the request: Twilio

VIEWS: dict[str, tuple[str, frozenset[str]]] = {
    # the way in and out
    "accounts/login/": ("GET", ALL),
    "accounts/logout/": ("POST", ALL),
    "accounts/second-factor/": ("GET", SIGNED_IN),
    "accounts/second-factor/set-up/": ("GET", SIGNED_IN),
    "accounts/oidc/": ("GET", ALL),
    "accounts/oidc/back/": ("GET", ALL),
    # the console
    "": ("GET", SIGNED_IN),
    "live/": ("GET", SIGNED_IN),
    "reports/": ("GET", SUPERVISOR | ADMINISTRATOR | AUDITOR),
    "reports/<slug:table>.csv": ("GET", SUPERVISOR | ADMINISTRATOR | AUDITOR),
    "operations/": ("GET", ADMINISTRATOR),
    "operations/live/": ("GET", ADMINISTRATOR),
    "desk/": ("GET", AGENT),
    "desk/live/": ("GET", AGENT),
    "desk/state/": ("POST", AGENT),
    "desk/accept/<int:reservation_id>/": ("POST", AGENT),
    "desk/decline/<int:reservation_id>/": ("POST", AGENT),
    "desk/outcome/": ("POST", AGENT),
    "desk/note/": ("POST", AGENT),
    "desk/hangup/": ("POST", AGENT),
    "desk/recording/": ("GET", AGENT),
    "desk/recording/pause/": ("POST", AGENT),
    # the record
    "recordings/<str:sid>/": ("GET", AGENT | SUPERVISOR | ADMINISTRATOR | AUDITOR),
    "voicemail/": ("GET", AGENT | SUPERVISOR | ADMINISTRATOR),
    "voicemail/<int:voicemail_id>/handled/": ("POST", AGENT | SUPERVISOR | ADMINISTRATOR),
    "calls/": ("GET", SUPERVISOR | ADMINISTRATOR | AUDITOR),
    "calls/<str:call_sid>/": ("GET", SUPERVISOR | ADMINISTRATOR | AUDITOR),
    "calls/<str:call_sid>/hold/": ("POST", ADMINISTRATOR | AUDITOR),
    "flows/": ("GET", SUPERVISOR | ADMINISTRATOR | AUDITOR),
    "audit/": ("GET", ADMINISTRATOR | AUDITOR),
    "desk/hold/": ("POST", AGENT),
    "desk/mute/": ("POST", AGENT),
    "desk/transfer/": ("POST", AGENT),
    "desk/transfer/ways/": ("GET", AGENT),
    "desk/complete/": ("POST", AGENT),
    "desk/take-back/": ("POST", AGENT),
    "desk/presence/": ("POST", AGENT),
    "desk/token/": ("POST", AGENT),
    "supervise/live/": ("GET", SUPERVISOR | ADMINISTRATOR),
    "supervise/listen/<int:agent_id>/": ("POST", SUPERVISOR | ADMINISTRATOR),
    "supervise/mode/": ("POST", SUPERVISOR | ADMINISTRATOR),
    "supervise/leave/": ("POST", SUPERVISOR | ADMINISTRATOR),
    "supervise/token/": ("POST", SUPERVISOR | ADMINISTRATOR),
    # JSON
    "api/desk/": ("GET", AGENT),
    "api/state/": ("POST", AGENT),
    "api/hangup/": ("POST", AGENT),
    "api/outcome/": ("POST", AGENT),
    "api/offers/": ("GET", SUPERVISOR | ADMINISTRATOR),
    "api/offers/<int:reservation_id>/accept/": ("POST", AGENT),
    "api/offers/<int:reservation_id>/decline/": ("POST", AGENT),
    "api/calls/": ("GET", SUPERVISOR | ADMINISTRATOR | AUDITOR),
    "api/agents/": ("GET", SUPERVISOR | ADMINISTRATOR),
    "api/queues/": ("GET", SUPERVISOR | ADMINISTRATOR),
    "api/drained/": ("GET", SUPERVISOR | ADMINISTRATOR),
    "api/analytics/": ("GET", SUPERVISOR | ADMINISTRATOR | AUDITOR),
    # Twilio
    "twilio/voice/": ("POST", NONE),
    "twilio/gather/": ("POST", NONE),
    "twilio/ivr/": ("POST", NONE),
    "twilio/wait/": ("POST", NONE),
    "twilio/ask/": ("POST", NONE),
    "twilio/consent/": ("POST", NONE),
    "twilio/conversation/": ("POST", NONE),
    "twilio/queue/": ("POST", NONE),
    "twilio/onward/": ("POST", NONE),
    "twilio/recorded/": ("POST", NONE),
    "twilio/recording/": ("POST", NONE),
    "twilio/transcription/": ("POST", NONE),
    "twilio/connect/": ("POST", NONE),
    "twilio/agent/": ("POST", NONE),
    "twilio/conference/": ("POST", NONE),
    "twilio/probe/": ("POST", NONE),
    "twilio/status/": ("POST", NONE),
    "twilio/transfer/": ("POST", NONE),
    "twilio/outside/": ("POST", NONE),
    "twilio/outside-ended/": ("POST", NONE),
    "twilio/outside-status/": ("POST", NONE),
    "twilio/fallback/": ("POST", ALL),  # an apology, the same for all: it needs nothing that could be broken
}
"""Route -> the method it is for, and who is let in."""


def routes(patterns: list[Any], prefix: str = "") -> Iterator[str]:
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern):
            yield route


def all_routes(*, admin: bool) -> list[str]:
    found = routes(get_resolver().url_patterns)
    return [route for route in found if route.startswith("admin/") is admin]


def address(route: str) -> str:
    """With something for each argument; of the admin's two regular expressions, something that fits."""
    route = route.replace("<str:sid>", "RE" + "1" * 32)
    fixed = re.sub(r"\(\?P<app_label>.*?\)/?\$?", "django_twilio_call/", re.sub(r"\(\?P<url>.*\)\$", "x", route))
    return "/" + re.sub(r"<[^>]+>", "1", fixed.replace("^", ""))


def browser_of(person: str) -> Client:
    """Somebody's browser; an agent has a desk too."""
    client = Client()
    if person != NOBODY:
        user = get_user_model().objects.create(username=person)
        if person == Role.AGENT:
            Agent.objects.create(user=user, name="Ada")
        elif person != STRANGER:
            give_role(user, Role(person))
        client.force_login(user)
    return client


def is_let_in(client: Client, method: str, route: str) -> bool:
    answer = client.generic(method, address(route))
    location = answer.headers.get("Location", "")
    return answer.status_code != 403 and not re.match(r"/(accounts|admin)/login/\?next=", location)


def test_the_table_names_every_view() -> None:
    assert set(VIEWS) == set(all_routes(admin=False))


@pytest.mark.parametrize("person", PEOPLE)
def test_every_view_lets_in_whom_it_should_and_nobody_else(person: str) -> None:
    client = browser_of(person)
    order = sorted(VIEWS, key=lambda route: route == "accounts/logout/")  # it would end the session of the others

    let_in = {route for route in order if is_let_in(client, VIEWS[route][0], route)}

    assert let_in == {route for route, (_, people) in VIEWS.items() if person in people}


FREE = {"admin/login/", "admin/logout/", "admin/jsi18n/"}


@pytest.mark.parametrize("person", sorted(ALL - ADMINISTRATOR))
def test_the_admin_is_closed_to_all_but_administrators(person: str) -> None:
    client = browser_of(person)

    assert not [route for route in all_routes(admin=True) if route not in FREE and is_let_in(client, "GET", route)]


def test_an_administrator_sees_all_of_the_admin_but_adds_and_deletes_no_records() -> None:
    client = browser_of(Role.ADMINISTRATOR)
    ours = [
        route for route in all_routes(admin=True) if not re.search("/(auth|otp_[a-z]+)/", route) and route not in FREE
    ]
    records = {
        f"admin/django_twilio_call/{model._meta.model_name}/{act}"
        for model, shown in site._registry.items()
        for act in ("add/", "<path:object_id>/delete/")
        if isinstance(shown, RecordAdmin)
    }

    assert {route for route in ours if not is_let_in(client, "GET", route)} == {
        *records,
        "admin/autocomplete/",
    }  # that wants to know of what


def test_an_administrator_who_is_no_superuser_cannot_change_users_or_groups() -> None:
    client = browser_of(Role.ADMINISTRATOR)

    for path in ("user/add/", "user/1/password/", "group/", "group/add/"):
        assert client.get(f"/admin/auth/{path}").status_code == 403


def test_a_fragment_sends_nobody_to_the_login_with_the_whole_page() -> None:
    assert Client().get("/operations/live/", headers={"HX-Request": "true"}).headers["HX-Refresh"] == "true"


def test_roles_are_restored_by_every_migration_and_other_groups_left_alone() -> None:
    agents = Group.objects.get(name=Role.AGENT)
    agents.permissions.clear()
    own = Group.objects.create(name="night shift")
    own.permissions.set(Group.objects.get(name=Role.AUDITOR).permissions.all())

    call_command("migrate", verbosity=0)

    assert list(agents.permissions.values_list("codename", flat=True)) == [May.TAKE_MESSAGES]
    assert own.permissions.filter(codename=May.AUDIT).exists()


def test_roles_are_given_to_those_who_are_here_already() -> None:
    from importlib import import_module

    from django.apps import apps

    users = get_user_model().objects
    agent = Agent.objects.create(user=users.create(username="ada"), name="Ada")
    agent.user.groups.clear()
    staff, root = users.create(username="s", is_staff=True), users.create_superuser("root")

    import_module("django_twilio_call.migrations.0005_access").give_roles(apps, connection.schema_editor())

    assert [user.groups.count() for user in (agent.user, staff, root)] == [1, 1, 0]
    assert staff.has_perm(May.SUPERVISE.permission)
