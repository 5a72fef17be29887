"""The second factor: who must give one, who may, and what opens when the app is lost."""

from __future__ import annotations

import re
from base64 import b32decode
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission
from django.core.cache import cache
from django.test import Client
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice
from pytest_django import Settings

from django_twilio_call.models import AuditEntry, May, Role, give_role

pytestmark = pytest.mark.django_db
CODE, SET_UP = "/accounts/second-factor/", "/accounts/second-factor/set-up/"


@pytest.fixture(autouse=True)
def _required(settings: Settings) -> None:
    settings.DJANGO_TWILIO_SECOND_FACTOR = "required"


@pytest.fixture
def ada(db: None) -> Any:
    user = get_user_model().objects.create_user("ada", password="right")
    give_role(user, Role.ADMINISTRATOR)
    return user


def sign_in(name: str = "ada") -> Client:
    client = Client()
    assert client.post("/accounts/login/", {"username": name, "password": "right"}).status_code == 302
    return client


def set_up(client: Client) -> list[str]:
    """With an app that reads the key from the page; answers the recovery codes."""
    page = client.get(SET_UP).content.decode()
    key = b32decode(re.search(r"<code>([A-Z2-7= ]+)</code>", page)[1].replace(" ", ""))  # type: ignore[index]
    shown = client.post(SET_UP, {"code": f"{totp(key):06}"}).content.decode()
    return re.findall(r"<li><code>(\w+)</code>", shown)


def next_code() -> str:
    """What the app shows a step later: the one before was used."""
    return f"{totp(TOTPDevice.objects.get().bin_key, drift=1):06}"


def lead_to(client: Client, path: str = "/operations/") -> str:
    return client.get(path).headers.get("Location", "")


def test_an_administrator_goes_nowhere_without_one(ada: Any) -> None:
    client = sign_in()

    assert lead_to(client) == f"{CODE}?next=%2Foperations%2F"
    assert lead_to(client, "/admin/").startswith(CODE)
    assert lead_to(client, CODE) == SET_UP
    assert client.get("/live/", headers={"HX-Request": "true"}).headers["HX-Refresh"] == "true"
    assert client.get("/api/offers/").status_code == 403
    assert client.post("/accounts/logout/").status_code == 302


def test_setting_it_up_opens_everything_and_says_the_recovery_codes(ada: Any) -> None:
    client = sign_in()

    codes = set_up(client)

    assert client.get("/operations/").status_code == 200
    assert len(set(codes)) == 10
    assert not any(code in client.get(SET_UP).content.decode() for code in codes)


def test_who_is_half_signed_in_sees_no_ways_that_are_closed_to_them_but_can_sign_out(ada: Any) -> None:
    first = sign_in()
    setting_up = first.get(SET_UP).content.decode()
    set_up(first)
    asked = sign_in().get(CODE).content.decode()

    for page in (setting_up, asked):
        assert "<nav" not in page
        assert "/accounts/logout/" in page
    assert "<nav" in first.get(SET_UP).content.decode()


def test_the_next_sign_in_asks_for_a_code_of_the_app(ada: Any) -> None:
    set_up(sign_in())
    client = sign_in()
    assert lead_to(client).startswith(CODE)
    assert lead_to(client, SET_UP) == CODE  # whoever has only the password cannot replace it

    code = next_code()
    answer = client.post(CODE, {"code": f"{code[:3]} {code[3:]}", "next": "/operations/"})

    assert answer.headers["Location"] == "/operations/"
    assert client.get("/operations/").status_code == 200


def test_a_code_opens_once(ada: Any) -> None:
    set_up(sign_in())
    code = next_code()
    assert sign_in().post(CODE, {"code": code}).status_code == 302

    assert "That is not the code" in sign_in().post(CODE, {"code": code}).content.decode()


def test_wrong_codes_are_slowed_down(ada: Any) -> None:
    set_up(sign_in())
    client = sign_in()
    client.post(CODE, {"code": "000000"})

    assert client.post(CODE, {"code": next_code()}).status_code == 200
    assert AuditEntry.objects.filter(action="second_factor.wrong").count() == 2


def test_a_recovery_code_opens_once_when_the_app_is_lost(ada: Any) -> None:
    codes = set_up(sign_in())

    assert sign_in().post(CODE, {"code": codes[0].upper()}).headers["Location"] == "/"
    assert sign_in().post(CODE, {"code": codes[0]}).status_code == 200
    assert AuditEntry.objects.filter(action="second_factor.recovery", actor=ada).exists()


def test_the_way_on_leads_nowhere_else(ada: Any) -> None:
    set_up(sign_in())

    answer = sign_in().post(CODE, {"code": next_code(), "next": "https://evil.example/"})

    assert answer.headers["Location"] == "/"


def test_a_group_makes_an_administrator_who_is_no_staff() -> None:
    user = get_user_model().objects.create_user("hedy", password="right")
    user.groups.add(Group.objects.get(name=Role.ADMINISTRATOR))
    client = sign_in("hedy")

    for path in ("/operations/", "/audit/", "/calls/"):
        assert lead_to(client, path).startswith(CODE)
    set_up(client)
    assert client.get("/audit/").status_code == 200


def test_one_right_that_only_administrators_have_is_enough() -> None:
    user = get_user_model().objects.create_user("hedy", password="right")
    user.user_permissions.add(Permission.objects.get(codename=May.OPERATE))

    assert lead_to(sign_in("hedy")).startswith(CODE)


def test_who_is_given_the_rights_while_signed_in_owes_it_within_a_minute() -> None:
    user = get_user_model().objects.create_user("hedy", password="right")
    client = sign_in("hedy")
    assert client.get("/").status_code == 200

    user.groups.add(Group.objects.get(name=Role.ADMINISTRATOR))
    cache.clear()  # as the minute does

    assert lead_to(client, "/").startswith(CODE)


def test_supervisors_and_auditors_need_none() -> None:
    for role in (Role.SUPERVISOR, Role.AUDITOR):
        give_role(get_user_model().objects.create_user(role, password="right"), role)
        assert sign_in(role).get("/reports/").status_code == 200


def test_agents_need_none_but_may_have_one() -> None:
    get_user_model().objects.create_user("grace", password="right")
    client = sign_in("grace")
    assert client.get("/").status_code == 200

    set_up(client)

    assert lead_to(sign_in("grace"), "/").startswith(CODE)
    assert client.get("/").status_code == 200


def test_in_development_administrators_need_none(ada: Any, settings: Settings) -> None:
    settings.DJANGO_TWILIO_SECOND_FACTOR = "optional"

    assert sign_in().get("/operations/").status_code == 200


def test_a_device_that_is_taken_away_closes_the_session(ada: Any) -> None:
    client = sign_in()
    set_up(client)

    TOTPDevice.objects.all().delete()

    assert lead_to(client).startswith(CODE)
