"""German words are longer: no page gets wider than the screen by them, and none of its boxes than their place."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.conf import settings as django_settings
from django.test import Client
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from django_twilio_call.models import Agent, Queue
from tests.fakes import Twilio

from .test_every_word import fill, pages

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

TOO_WIDE = """() => [...document.querySelectorAll("main *, header *")].filter((each) => {
    const inside = each.closest(".scroll, .picture, pre, .unseen, select, svg, thead, .who");
    const isCut = each.scrollWidth > each.clientWidth + 1 && getComputedStyle(each).display !== "inline";
    return each.clientWidth && !inside && isCut;
}).map((each) => each.outerHTML.slice(0, 200))"""
"""Elements whose content does not fit, but for those that are there to be scrolled, or are not seen."""


def test_german_pages_fit_where_english_ones_do(
    browser_page: Page,
    live_server: LiveServer,
    twilio: Twilio,
    agent: Agent,
    queue: Queue,
    german: None,
    settings: Settings,
) -> None:
    """`SCREENSHOTS=folder` leaves pictures for people to look at."""
    settings.TWILIO_BACKEND, settings.TWILIO_API_BASE_URL = "simulator", live_server.url
    settings.DJANGO_TWILIO_TRANSFER_PREFIXES, settings.DJANGO_TWILIO_CALLS_PER_SECOND = "+1", 100
    fill(twilio, agent, queue)
    agent.user.is_superuser = agent.user.is_staff = True
    agent.user.save()
    client, name = Client(), django_settings.SESSION_COOKIE_NAME
    client.force_login(agent.user)
    browser_page.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": live_server.url}])
    browser_page.set_extra_http_headers({"Accept-Language": "de"})

    for width in (390, 1440):
        browser_page.set_viewport_size({"width": width, "height": 900})
        for shown, path in pages().items():
            if not shown.endswith(("live", "recording", "ways")):
                browser_page.goto(live_server.url + path)
                browser_page.locator("html[lang=de]").wait_for()
                if folder := os.environ.get("SCREENSHOTS"):
                    browser_page.screenshot(path=Path(folder, f"de-{shown}-{width}.png"), full_page=True)
                assert browser_page.evaluate("document.documentElement.scrollWidth") <= width, (shown, width)
                assert browser_page.evaluate(TOO_WIDE) == [], (shown, width)
