"""Wallboard and reports in a real browser: live without a reload, asked for by a form, within the page's policy."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from django_twilio_call.models import Queue, QueueInterval, Role, give_role, interval_of
from tests.services.test_intervals import visit

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def yesterday(queue: Queue) -> datetime:
    """An hour of calls, a day ago."""
    begin = interval_of(timezone.now() - timedelta(days=1)).replace(hour=9, minute=0)
    for step in range(4):
        QueueInterval.objects.create(
            queue=queue,
            begins_at=begin + step * timedelta(minutes=15),
            offered=100,
            answered=80,
            answered_in_time=60,
            abandoned=20,
            abandoned_in_time=10,
            handled=80,
            answer_wait_ms=800_000,
            talk_ms=16_000_000,
        )
    return begin


@pytest.fixture
def supervisor(browser_page: Page, live_server: LiveServer) -> Page:
    """The browser of somebody who may see reports."""
    user = get_user_model().objects.create(username="grace")
    give_role(user, Role.SUPERVISOR)
    client, name = Client(), settings.SESSION_COOKIE_NAME
    client.force_login(user)
    browser_page.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": live_server.url}])
    return browser_page


def test_a_report_is_asked_for_by_a_form(supervisor: Page, live_server: LiveServer, yesterday: datetime) -> None:
    supervisor.goto(live_server.url)
    supervisor.get_by_role("link", name="Reports").click()
    day = timezone.localtime(yesterday).date().isoformat()
    supervisor.get_by_label("From").fill(day)
    supervisor.get_by_label("To", exact=True).fill(day)
    supervisor.get_by_label("Abandoned count as").select_option("timely")
    supervisor.get_by_role("button", name="Show").click()

    supervisor.locator(".figure", has_text="70%").wait_for()
    assert supervisor.get_by_role("img", name="400 calls from 00:00 to 23:45").is_visible()
    supervisor.get_by_text("By quarter of an hour", exact=True).click()
    assert supervisor.get_by_role("row", name="09:15 100 26 38").is_visible()
    with supervisor.expect_download() as download:
        supervisor.get_by_role("link", name="Download the queues").click()
    assert download.value.suggested_filename == f"queues-{day}-{day}.csv"


def test_a_wallboard_polls_without_a_session_and_shows_what_is_new(
    supervisor: Page, live_server: LiveServer, queue: Queue
) -> None:
    supervisor.goto(live_server.url)
    supervisor.get_by_text("nobody is waiting").wait_for()

    visit(queue, timezone.now() - timedelta(seconds=70))

    clock = supervisor.locator(".tile", has_text="Longest wait").locator(".clock")
    clock.wait_for()
    first = clock.inner_text()
    assert first.startswith("1:1")
    supervisor.wait_for_function("(before) => document.querySelector('.tile .clock').textContent > before", arg=first)


def test_wallboard_and_reports_need_nothing_inline(
    supervisor: Page, live_server: LiveServer, yesterday: datetime
) -> None:
    said: list[str] = []
    supervisor.on("console", lambda message: said.append(message.text))
    day = timezone.localtime(yesterday).date()
    for path in ("/", f"/reports/?first={day}&last={day}"):
        supervisor.goto(live_server.url + path)
        assert supervisor.locator("svg path").count() > 0
        assert supervisor.locator("script:not([src]), style, [style], [onclick]").count() == 0
    assert said == []
