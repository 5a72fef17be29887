"""The system's notification of an offer: for whom it is out of view, and only after they asked for it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes import Twilio, call_sid

from .conftest import violations
from .test_browser import go_available, offer
from .test_browser_tabs import elsewhere, hide

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

RECORD = """
window.shown = [];
window.Notification = class extends Notification {
  constructor(title, options) {
    super(title, options);
    shown.push({ title, ...options, open: true, click: () => this.onclick() });
    this.number = shown.length - 1;
    document.documentElement.dataset.notified = "yes";
  }
  close() {
    super.close();
    shown[this.number].open = false;
    document.documentElement.dataset.notified = "no";
  }
};
window.focus = () => (window.focused = true);
"""
"""The browser's own, and what was made of it. Headless, nobody else would see it."""

ASKED = """
window.Notification = class {
  static permission = "default";
  static requestPermission = async () => (Notification.permission = "%s");
};
"""
"""A browser whose agent answers when asked, which headless ones do not let anybody do."""


@pytest.fixture
def allowed(desk: Page) -> Page:
    """A desk whose agent has allowed notifications, and is available."""
    desk.context.grant_permissions(["notifications"])
    desk.add_init_script(RECORD)
    desk.reload()
    go_available(desk)
    return desk


def shown(page: Page) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = page.evaluate("shown.map(({ click, ...each }) => each)")
    return found


def notified(page: Page, what: str) -> None:
    page.locator(f"[data-notified={what}]").wait_for()


def view(page: Page) -> None:
    """Look at the page again."""
    page.evaluate("""() => {
      Object.defineProperty(document, "hidden", { value: false, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }""")


def test_an_offer_to_a_hidden_desk_is_shown_once_and_goes_with_it(allowed: Page, twilio: Twilio) -> None:
    hide(allowed)
    reservation = offer(twilio)
    notified(allowed, "yes")
    for _ in range(2):
        with allowed.expect_response("**/desk/live/**"):
            pass
    allowed.evaluate("htmx.ajax('GET', '/desk/live/', {target: '#desk', swap: 'outerHTML'})")
    allowed.locator("#desk:not([data-seen])").wait_for(state="detached")

    (notification,) = shown(allowed)
    assert (notification["title"], notification["body"]) == ("Incoming call · Support", "+1 415 555 0100")
    assert (notification["tag"], notification["open"], notification["lang"]) == ("offer", True, "en")
    assert notification["silent"]  # for the ring tone rings

    twilio.post("/twilio/status/", sid=call_sid(1), CallStatus="completed", SequenceNumber=3)
    twilio.post(f"/twilio/queue/?entry={reservation.entry_id}", sid=call_sid(1), QueueResult="hangup")
    notified(allowed, "no")


def test_a_desk_that_is_looked_at_shows_the_offer_itself(allowed: Page, twilio: Twilio) -> None:
    offer(twilio)
    allowed.get_by_role("button", name="Accept").wait_for()
    assert shown(allowed) == []

    hide(allowed)
    assert [each["open"] for each in shown(allowed)] == [True]
    view(allowed)
    assert [each["open"] for each in shown(allowed)] == [False]


def test_a_click_on_it_brings_the_tab(allowed: Page, twilio: Twilio) -> None:
    hide(allowed)
    offer(twilio)
    notified(allowed, "yes")

    allowed.evaluate("shown[0].click()")

    assert allowed.evaluate("focused")
    assert not shown(allowed)[0]["open"]


def test_the_tab_with_the_phone_is_the_one_that_shows_it(allowed: Page, twilio: Twilio) -> None:
    other = allowed.context.new_page()
    other.add_init_script(RECORD)
    other.goto(allowed.url)
    elsewhere(other)
    hide(other)
    hide(allowed)
    offer(twilio)
    notified(allowed, "yes")
    other.get_by_role("button", name="Accept", disabled=True).wait_for()
    assert shown(other) == []

    allowed.close()

    notified(other, "yes")


def test_an_agent_is_asked_only_at_the_button(desk: Page) -> None:
    desk.add_init_script(ASKED % "granted")
    desk.reload()
    button = desk.get_by_role("button", name="Notify me of calls")
    button.wait_for()
    assert desk.evaluate("Notification.permission") == "default"

    button.press("Enter")

    button.wait_for(state="hidden")
    assert desk.evaluate("document.activeElement.id") == "ring"
    assert "A call is now shown also when" in desk.locator("#announcer").inner_text()
    assert desk.locator("#notify-denied").is_hidden()


def test_an_agent_who_said_no_reads_how_to_change_it(desk: Page, assets: Path) -> None:
    desk.add_init_script(ASKED % "denied")
    desk.reload()
    assert desk.locator("#notify-denied").is_hidden()

    desk.get_by_role("button", name="Notify me of calls").click()

    desk.locator("#notify-denied", has_text="notifications are blocked").wait_for()
    assert "has the setting" in desk.locator("#announcer").inner_text()
    assert desk.locator("#notify").is_hidden()
    assert violations(desk, assets) == []


@pytest.mark.parametrize(
    "without",
    ["delete window.Notification", "Object.defineProperty(window, 'isSecureContext', { value: false })"],
    ids=["no notifications", "no https"],
)
def test_a_browser_that_has_none_is_not_offered_any(desk: Page, without: str) -> None:
    desk.add_init_script(without)
    desk.reload()
    desk.locator("[data-phone=here]").wait_for()

    assert desk.locator("#notify").is_hidden()
    assert desk.locator("#notify-denied").is_hidden()


def test_a_browser_that_has_the_word_alone_shows_the_offer_as_before(desk: Page, twilio: Twilio) -> None:
    """As those of mobile phones."""
    errors: list[str] = []
    desk.on("pageerror", lambda error: errors.append(str(error)))
    desk.add_init_script("""window.Notification = class {
      static permission = "granted";
      constructor() { throw new TypeError("Illegal constructor"); }
    }""")
    desk.reload()
    go_available(desk)
    hide(desk)

    offer(twilio)

    desk.get_by_role("button", name="Accept").wait_for()
    assert errors == []
