"""Desk and wallboard by axe's rules, in every phase of a call, light and dark, wide and narrow."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.utils import timezone
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from django_twilio_call.constants import AgentStatus
from django_twilio_call.models import Agent, AgentStateSpan, Disposition, Queue, Reservation
from django_twilio_call.services import ConferenceService
from tests.conftest import make_agent
from tests.fakes import Twilio, call_sid
from tests.webhooks.test_walk import AGENT_LEG, accepted, conference_end, enqueue, offer

from .conftest import violations

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SIZES = ((1280, 900), (390, 844))


def in_call(twilio: Twilio) -> None:
    """Caller and agent talk, and a colleague is free."""
    make_agent("grace", Queue.objects.get(key="support"))
    meet(twilio, accepted(twilio))


def meet(twilio: Twilio, reservation: Reservation) -> None:
    """The agent's phone and the caller come into the conference."""
    client = f"client:{reservation.agent.identity}"
    twilio.post("/twilio/agent/", sid=AGENT_LEG, From=client, reservation=reservation.pk)
    twilio.post(f"/twilio/connect/?reservation={reservation.pk}")
    for sequence, sid in enumerate((AGENT_LEG, call_sid(1)), start=1):
        come_in(twilio, reservation, sid, sequence)


def come_in(twilio: Twilio, reservation: Reservation, sid: str, sequence: int) -> None:
    twilio.post(
        f"/twilio/conference/?reservation={reservation.pk}",
        sid=sid,
        ConferenceSid="CF" + "0" * 32,
        FriendlyName=reservation.conference,
        SequenceNumber=sequence,
        StatusCallbackEvent="participant-join",
        EndConferenceOnExit="true",
    )


def asking(twilio: Twilio) -> None:
    in_call(twilio)
    agent, other = Agent.objects.get(name="Ada"), Agent.objects.get(name="Grace")
    ConferenceService().ask_agent(agent_id=agent.pk, other_id=other.pk, now=timezone.now())


def wrapping_up(twilio: Twilio) -> None:
    Disposition.objects.create(queue=Queue.objects.get(key="support"), code="sold", label="Sold")
    in_call(twilio)
    conference_end(twilio, Agent.objects.get(name="Ada").reservations.get())


def ready(twilio: Twilio) -> None:
    """Nothing goes on."""


def on_break(twilio: Twilio) -> None:
    AgentStateSpan.objects.update(state=AgentStatus.ON_BREAK)


def ringing(twilio: Twilio) -> None:
    """A caller who has called before."""
    entry = enqueue(twilio, call_sid(5))
    twilio.post("/twilio/status/", sid=call_sid(5), CallStatus="completed", SequenceNumber=3)
    twilio.post(f"/twilio/queue/?entry={entry.pk}", sid=call_sid(5), QueueResult="hangup")
    offer(twilio)


PHASES: tuple[Callable[[Twilio], object], ...] = (ready, on_break, ringing, in_call, asking, wrapping_up)


@pytest.mark.parametrize("phase", PHASES, ids=lambda phase: phase.__name__)
def test_axe_finds_nothing(
    browser_page: Page,
    live_server: LiveServer,
    twilio: Twilio,
    agent: Agent,
    assets: Path,
    settings: Settings,
    phase: Callable[[Twilio], object],
) -> None:
    settings.TWILIO_BACKEND, settings.TWILIO_API_BASE_URL = "simulator", live_server.url
    settings.DJANGO_TWILIO_TRANSFER_PREFIXES = "+1"
    phase(twilio)
    agent.user.is_superuser = True
    agent.user.save()
    client = Client()
    client.force_login(agent.user)
    name = django_settings.SESSION_COOKIE_NAME
    browser_page.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": live_server.url}])

    for path in ("/desk/", "/"):
        browser_page.goto(live_server.url + path)
        browser_page.locator("[data-connection=live] [data-live]").first.wait_for()
        browser_page.evaluate("document.querySelectorAll('details').forEach((each) => each.setAttribute('open', ''))")
        for width, height in SIZES:
            browser_page.set_viewport_size({"width": width, "height": height})
            for scheme in ("light", "dark"):
                browser_page.emulate_media(color_scheme=scheme)
                if folder := os.environ.get("SCREENSHOTS"):
                    shot = f"{phase.__name__}{path.replace('/', '-')}{width}-{scheme}.png"
                    browser_page.screenshot(path=Path(folder, shot), full_page=True)
                wide = browser_page.evaluate("document.documentElement.scrollWidth - innerWidth")
                assert wide <= 0, (path, width)
                assert violations(browser_page, assets) == [], (path, width, scheme)


def test_on_a_narrow_screen_the_second_factor_can_be_seen_and_touched(
    browser_page: Page, live_server: LiveServer, agent: Agent
) -> None:
    client = Client()
    client.force_login(agent.user)
    name = django_settings.SESSION_COOKIE_NAME
    browser_page.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": live_server.url}])
    browser_page.set_viewport_size({"width": 390, "height": 844})
    browser_page.goto(live_server.url)

    link = browser_page.get_by_role("link", name=agent.user.username)
    box = link.bounding_box()

    assert box is not None
    assert min(box["width"], box["height"]) >= 44
    assert link.locator("svg").is_visible()


def test_axe_finds_nothing_where_people_sign_in(browser_page: Page, live_server: LiveServer, assets: Path) -> None:
    for scheme in ("light", "dark"):
        browser_page.emulate_media(color_scheme=scheme)
        for width, height in SIZES:
            browser_page.set_viewport_size({"width": width, "height": height})
            browser_page.goto(live_server.url)
            browser_page.get_by_label("Password").fill("wrong")
            browser_page.get_by_label("Username").fill("nobody")
            assert violations(browser_page, assets) == [], (width, scheme)
            browser_page.keyboard.press("Enter")
            browser_page.locator(".message.error").first.wait_for()
            assert violations(browser_page, assets) == [], ("refused", width, scheme)
