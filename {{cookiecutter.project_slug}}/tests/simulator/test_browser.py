"""The simulator's pages in a real browser: a call made by hand, one that comes in, and what the timeline shows."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from tests.console.conftest import assets, browser_page, violations  # noqa: F401
from twilio_simulator.account import Account
from twilio_simulator.calls import Callback, Target

from .stage import App, Stage

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser


@pytest.fixture
def real_time(account: Account) -> Iterator[Stage]:
    """The simulator, speaking slowly enough to be heard."""
    with Stage(account, speech=0.3).running() as stage:
        yield stage


@pytest.fixture
def phone(browser_page: Page, app: App, real_time: Stage) -> Page:  # noqa: F811
    """A phone on a page, and a call center with a menu and a queue."""
    app.says("/voice", '<Gather action="/chosen" numDigits="1"><Say>Welcome. Press 1 to talk.</Say></Gather>')
    app.says("/chosen", '<Enqueue waitUrl="/wait">support</Enqueue>')
    app.says("/wait", "<Play>http://music.example/a.mp3</Play>")
    browser_page.goto(f"{real_time.url}/")
    browser_page.get_by_text("Ready to call +15550100000").wait_for()
    return browser_page


def test_somebody_calls_in_by_hand_and_looks_at_the_webhooks(phone: Page, app: App) -> None:
    phone.get_by_role("button", name="Call", exact=True).click()
    heard = phone.get_by_role("log", name="What you hear")
    heard.get_by_text("Welcome. Press 1 to talk.").wait_for()
    assert phone.evaluate("document.activeElement.textContent") == "Hang up"

    phone.keyboard.press("1")
    phone.get_by_text("number 1 in support").wait_for()
    heard.get_by_text("Music: http://music.example/a.mp3").first.wait_for()
    assert app.to("/chosen")[0].params["Digits"] == "1"

    phone.get_by_role("button", name="Hang up").click()
    phone.get_by_text("The call has ended").wait_for()
    phone.get_by_role("link", name="This call's webhooks").click()
    chosen = phone.get_by_role("listitem").filter(has_text="POST /chosen")
    chosen.locator("summary").click()
    chosen.get_by_text("<Enqueue").wait_for()
    phone.context.grant_permissions(["clipboard-read", "clipboard-write"])
    chosen.get_by_role("button", name="Copy as curl").click()
    phone.get_by_text("as a curl command").wait_for()
    shell = shlex.split(phone.evaluate("navigator.clipboard.readText()"))
    asked = app.to("/chosen")[0]
    assert f"X-Twilio-Signature: {asked.headers['X-Twilio-Signature']}" in shell
    assert {"POST", "Digits=1", f"CallSid={asked.params['CallSid']}"} <= set(shell)
    chosen.get_by_role("button", name="Send as a duplicate").click()
    phone.get_by_text("duplicate of", exact=False).first.wait_for()
    again = app.wait_for("/chosen", 2)
    first = app.to("/chosen")[0]
    assert again.headers["I-Twilio-Idempotency-Token"] == first.headers["I-Twilio-Idempotency-Token"]
    assert phone.locator("details[open]").count() == 1


def test_a_callback_rings_and_is_answered(phone: Page, app: App, real_time: Stage) -> None:
    out = Target(app.says("/out", "<Say>It is your turn.</Say><Pause length='60'/>"))
    phone.get_by_label("This phone's number").fill("+14155550188")
    with phone.expect_response("**/phones/%2B14155550188*"):  # from then on it rings here
        phone.keyboard.press("Tab")
    assert phone.url.endswith("number=%2B14155550188")
    real_time.do(lambda: real_time.exchange.place("+15550100000", "+14155550188", out, Callback()))

    phone.get_by_text("Somebody calls you").wait_for()
    phone.get_by_role("button", name="Answer").click()
    phone.get_by_text("It is your turn.").wait_for()
    phone.get_by_role("button", name="Hang up").click()
    phone.get_by_text("The call has ended").wait_for()


def test_a_simulator_that_went_away_is_said(phone: Page) -> None:
    phone.route("**/phones/**", lambda route: route.abort())

    phone.get_by_role("alert").filter(has_text="The simulator does not answer").wait_for()
    phone.unroute("**/phones/**")
    phone.get_by_role("alert").wait_for(state="hidden")


def test_axe_finds_nothing_on_the_pages(phone: Page, real_time: Stage, assets: Path) -> None:  # noqa: F811
    phone.get_by_role("button", name="Call", exact=True).click()
    phone.get_by_role("log", name="What you hear").get_by_text("Welcome. Press 1 to talk.").wait_for()
    number = phone.get_by_label("This phone's number").input_value()
    for path in ("phone", "timeline"):
        phone.goto(f"{real_time.url}/_simulator/{path}?number={quote(number)}")
        phone.locator("main").wait_for()
        for scheme in ("light", "dark"):
            phone.emulate_media(color_scheme=scheme)
            for width in (1280, 390):
                phone.set_viewport_size({"width": width, "height": 900})
                assert violations(phone, assets) == [], (path, width, scheme)


def test_the_pages_keep_a_strict_content_security_policy(phone: Page, real_time: Stage) -> None:
    blocked: list[str] = []
    phone.on("console", lambda message: blocked.append(message.text))
    for path in ("phone", "timeline"):
        answer = phone.goto(f"{real_time.url}/_simulator/{path}")
        assert answer is not None
        assert "default-src 'none'; script-src 'self'" in answer.headers["content-security-policy"]
        phone.wait_for_timeout(300)
    assert blocked == []
