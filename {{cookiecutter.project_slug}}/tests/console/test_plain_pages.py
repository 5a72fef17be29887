"""Pages people would rather not meet, by axe's rules: errors, refusals, the second factor, no desk, locked out."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth import get_user_model
from django.test import Client
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from django_twilio_call.models import Role, give_role
from django_twilio_call.services import RecordService
from django_twilio_call.signin.second_factor import DUE, SESSION_KEY

from .conftest import violations

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SIZES = ((1280, 900), (390, 844))


@dataclass
class Visitor:
    """A browser, with what it takes to get where one would rather not be."""

    page: Page
    url: str
    settings: Settings
    monkeypatch: pytest.MonkeyPatch

    def signs_in(self, *, half: bool = False, device: bool = False) -> None:
        """A supervisor with a long name; `half`: who has yet to show the second factor."""
        user: Any = get_user_model().objects.create(username="bartholomew.featherstonehaugh@example.com")
        give_role(user, Role.SUPERVISOR)
        if device:
            TOTPDevice.objects.create(user=user, name="app", confirmed=True)
        client = Client()
        client.force_login(user)
        if half:
            session = client.session
            session[SESSION_KEY] = DUE
            session.save()
        name = django_settings.SESSION_COOKIE_NAME
        self.page.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": self.url}])

    def goes(self, path: str) -> int:
        """Open a page; answers the status."""
        answer = self.page.goto(self.url + path)
        assert answer is not None
        return answer.status

    def says(self, words: str) -> None:
        """Wait for words on the page."""
        self.page.get_by_text(words).first.wait_for()


@pytest.fixture
def visitor(
    browser_page: Page, live_server: LiveServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Visitor:
    return Visitor(browser_page, live_server.url, settings, monkeypatch)


def bad_request(visitor: Visitor) -> None:
    """More fields than Django reads."""
    visitor.signs_in()
    assert visitor.goes("/calls/?" + "a&" * 1001) == 400
    visitor.says("This cannot be read")


def forbidden(visitor: Visitor) -> None:
    visitor.signs_in()
    assert visitor.goes("/audit/") == 403
    visitor.says("This is not for you")


def old_form(visitor: Visitor) -> None:
    """A form whose cookie is gone."""
    visitor.goes("/accounts/login/")
    visitor.page.context.clear_cookies()
    visitor.page.get_by_label("Username").fill("ada")
    visitor.page.get_by_label("Password").fill("wrong")
    visitor.page.keyboard.press("Enter")
    visitor.says("This page was open too long")


def not_found(visitor: Visitor) -> None:
    visitor.signs_in()
    assert visitor.goes("/nowhere/") == 404
    visitor.says("There is nothing here")


def not_found_by_a_stranger(visitor: Visitor) -> None:
    assert visitor.goes("/nowhere/") == 404


def broken(visitor: Visitor) -> None:
    visitor.signs_in()

    def fails(*_args: object, **_options: object) -> None:
        raise RuntimeError("broken on purpose")

    visitor.monkeypatch.setattr(RecordService, "search", fails)
    assert visitor.goes("/calls/") == 500
    visitor.says("Something went wrong here")


def no_agent(visitor: Visitor) -> None:
    visitor.signs_in()
    assert visitor.goes("/desk/") == 403
    visitor.says("You have no desk yet")


def set_up(visitor: Visitor) -> None:
    visitor.settings.DJANGO_TWILIO_SECOND_FACTOR = "required"
    visitor.signs_in()
    visitor.goes("/accounts/second-factor/set-up/")
    visitor.page.get_by_role("textbox").fill("000000")
    visitor.page.keyboard.press("Enter")
    visitor.says("Is its clock right?")


def recovery_codes(visitor: Visitor) -> None:
    visitor.signs_in()
    visitor.goes("/accounts/second-factor/set-up/")
    device = TOTPDevice.objects.get()
    visitor.page.get_by_role("textbox").fill(f"{totp(device.bin_key):06}")
    visitor.page.keyboard.press("Enter")
    visitor.says("Recovery codes")


def verify(visitor: Visitor) -> None:
    visitor.signs_in(half=True, device=True)
    visitor.goes("/accounts/second-factor/")
    visitor.page.get_by_role("textbox").fill("000000")
    visitor.page.keyboard.press("Enter")
    visitor.says("That is not the code")


def provider_away(visitor: Visitor) -> None:
    visitor.settings.OIDC_ISSUER, visitor.settings.OIDC_CLIENT_ID = "http://127.0.0.1:9", "x"
    visitor.settings.OIDC_CLIENT_SECRET = "y" * 40
    assert visitor.goes("/accounts/oidc/") == 503
    visitor.says("does not answer")


def provider_refuses(visitor: Visitor) -> None:
    provider_away(visitor)
    assert visitor.goes("/accounts/oidc/back/?error=access_denied&state=x") == 403
    visitor.says("did not let you in")


def locked_out(visitor: Visitor) -> None:
    visitor.settings.DJANGO_TWILIO_LOGIN_ATTEMPTS = 1
    for _ in range(2):
        visitor.goes("/accounts/login/")
        visitor.page.get_by_label("Username").fill("ada")
        visitor.page.get_by_label("Password").fill("wrong")
        visitor.page.keyboard.press("Enter")
        visitor.page.locator(".message.error").first.wait_for()
    visitor.says("Too many attempts")


PAGES: tuple[Callable[[Visitor], None], ...] = (
    bad_request,
    forbidden,
    old_form,
    not_found,
    not_found_by_a_stranger,
    broken,
    no_agent,
    set_up,
    recovery_codes,
    verify,
    provider_away,
    provider_refuses,
    locked_out,
)


@pytest.mark.parametrize("meet", PAGES, ids=lambda meet: meet.__name__)
def test_axe_finds_nothing_where_nobody_wants_to_be(
    visitor: Visitor, assets: Path, meet: Callable[[Visitor], None]
) -> None:
    """In both themes and two widths; `SCREENSHOTS=folder` leaves pictures for people to look at."""
    meet(visitor)
    page = visitor.page
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for width, height in SIZES:
            page.set_viewport_size({"width": width, "height": height})
            if folder := os.environ.get("SCREENSHOTS"):
                page.screenshot(path=Path(folder, f"{meet.__name__}-{scheme}-{width}.png"), full_page=True)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (width, scheme)
            assert violations(page, assets) == [], (width, scheme)
