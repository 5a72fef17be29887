"""The record in a real browser: a recording is played, under the content security policy, and written down."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from django_twilio_call.models import Agent, AuditEntry, Call, IVRFlow, Queue, Role, Voicemail
from django_twilio_call.services import voicemail
from tests.fakes import Twilio, call_sid
from tests.media import Recordings, wav
from tests.services.test_flow_check import WHOLE
from tests.webhooks.test_recordings import SID, tell
from tests.webhooks.test_walk import conference_end, connected

from .conftest import browser_of, violations

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def looking(browser_page: Page, live_server: LiveServer, twilio: Twilio, agent: Agent, recordings: Recordings) -> Page:
    """An administrator's browser, with a call that was recorded."""
    recordings.kept[SID] = wav()
    reservation = connected(twilio)
    tell(twilio, reservation)
    conference_end(twilio, reservation)
    tell(twilio, reservation, "completed")
    client: Client = browser_of(Role.ADMINISTRATOR)
    cookie = client.cookies[django_settings.SESSION_COOKIE_NAME].value
    browser_page.context.add_cookies(
        [{"name": django_settings.SESSION_COOKIE_NAME, "value": cookie, "url": live_server.url}]
    )
    return browser_page


def test_a_recording_is_played_from_its_middle_too(looking: Page, live_server: LiveServer) -> None:
    looking.goto(f"{live_server.url}/calls/")
    looking.get_by_role("link").filter(has=looking.locator("time")).first.click()
    looking.get_by_role("heading", name="Timeline").wait_for()
    length = looking.evaluate(
        """async () => {
            const sound = document.querySelector("audio");
            sound.muted = true;
            await sound.play();
            sound.pause();
            const moved = new Promise(resolve => sound.addEventListener("seeked", resolve, {once: true}));
            sound.currentTime = 1.5;
            await moved;
            return [sound.duration, sound.currentTime];
        }"""
    )

    assert length == [2, 1.5]
    assert AuditEntry.objects.get(action="recording.play").target == f"recording {SID}"


def test_what_cannot_be_played_says_so(looking: Page, live_server: LiveServer, recordings: Recordings) -> None:
    recordings.kept.clear()
    looking.goto(f"{live_server.url}/calls/{call_sid(1)}/")
    player, told = looking.get_by_label("Recording", exact=True), looking.get_by_role("alert")
    assert told.filter(has_text="cannot be played").count() == 0

    player.evaluate("each => each.play().catch(() => {})")

    told.filter(has_text="This cannot be played now.").wait_for()


def test_the_policy_blocks_nothing_that_the_pages_need(looking: Page, live_server: LiveServer) -> None:
    blocked: list[str] = []
    looking.on("console", lambda said: blocked.append(said.text) if "Content Security" in said.text else None)
    for path in ("/calls/", f"/calls/{call_sid(1)}/", "/flows/", "/audit/", "/voicemail/", "/admin/", "/operations/"):
        looking.goto(live_server.url + path)
        looking.locator("main, #content").first.wait_for()

    assert blocked == []


def test_axe_finds_nothing_on_pages_to_read(
    looking: Page, live_server: LiveServer, queue: Queue, twilio: Twilio, assets: Path
) -> None:
    """In both themes and two widths; `SCREENSHOTS=folder` leaves pictures for people to look at."""
    twilio.post(
        "/twilio/recording/?queue=" + str(queue.pk),
        sid=call_sid(1),
        RecordingSid="RE" + "7" * 32,
        RecordingStatus="completed",
        RecordingUrl="https://x.example/y",
        RecordingDuration=9,
    )
    Queue.objects.create(key="sales", name="Sales")
    flow = IVRFlow.objects.create(key="front", name="Front door", draft=WHOLE)
    flow.release = flow.versions.create(number=1, definition=WHOLE, sha256="x", created_at=timezone.now())
    flow.draft = {**WHOLE, "nodes": {**WHOLE["nodes"], "vip": {"type": "queue", "queue": "sales"}}}
    flow.save()
    detail = {"reason": "Case 7 of the district court, which wants everything of this caller until it is over"}
    AuditEntry.objects.create(at=timezone.now(), actor_name="judith", action="hold.place", target="call", detail=detail)
    pages = {
        "calls": "/calls/",
        "call": f"/calls/{call_sid(1)}/",
        "flows": "/flows/",
        "audit": "/audit/",
        "voicemail": "/voicemail/",
        "later": "/voicemail/?after=2026-01-01T00:00:00%2B00:00_1",
        "second": "/accounts/second-factor/set-up/",
        "reports": "/reports/",
        "operations": "/operations/",
        "admin": "/admin/",
        "queues": "/admin/django_twilio_call/queue/",
        "queue": f"/admin/django_twilio_call/queue/{queue.pk}/change/",
        "agent": "/admin/django_twilio_call/agent/add/",
        "rows": "/admin/django_twilio_call/webhookevent/",
    }
    for theme in ("light", "dark"):
        for width in (390, 1280):
            looking.emulate_media(color_scheme=theme)
            looking.set_viewport_size({"width": width, "height": 900})
            for name, path in pages.items():
                looking.goto(live_server.url + path)
                looking.locator("html[data-theme]" if path.startswith("/admin/") else "html").wait_for()
                assert looking.evaluate("document.documentElement.scrollWidth") <= width, (name, width)
                if folder := os.environ.get("SCREENSHOTS"):
                    looking.screenshot(path=Path(folder, f"{name}-{theme}-{width}.png"), full_page=True)
                assert violations(looking, assets) == [], (path, width, theme)


def test_the_inbox_is_paged_by_keyboard(
    looking: Page, live_server: LiveServer, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(voicemail, "SHOWN", 2)
    Voicemail.objects.bulk_create(
        Voicemail(
            queue=queue,
            call=Call.objects.get(sid=call_sid(1)),
            recording_sid=f"RE{number:032}",
            url="",
            duration=number,
            recorded_at=timezone.now(),
        )
        for number in range(1, 4)
    )
    looking.goto(f"{live_server.url}/voicemail/")
    later = looking.get_by_role("link", name="Later messages")
    for _ in range(30):
        looking.keyboard.press("Tab")
        if later.evaluate("each => each === document.activeElement"):
            break

    looking.keyboard.press("Enter")

    looking.get_by_role("link", name="To the first messages").wait_for()
    assert looking.get_by_role("button", name="Mark handled").count() == 1
    looking.keyboard.press("Tab")
    assert looking.evaluate("document.activeElement.textContent") == "Skip to content"
