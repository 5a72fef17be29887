"""Two tabs of one browser: one has the phone, the other says so, and can have it when nobody is torn from a call."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from django_twilio_call.constants import ReservationState
from django_twilio_call.models import Agent
from tests.fakes import Twilio
from tests.webhooks.test_walk import conference_end

from .conftest import Phones, violations
from .test_accessibility import meet
from .test_browser import go_available, offer

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
REASON = "Your phone is in another tab of this browser, so you cannot talk from this one."


@pytest.fixture
def other(desk: Page) -> Page:
    """A second tab with the desk, which the agent's browser opened after the first."""
    page: Page = desk.context.new_page()
    page.goto(desk.url)
    elsewhere(page)
    return page


def has_phone(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.dataset.phone") == "here")


def elsewhere(page: Page) -> None:
    page.locator("#phone-elsewhere", has_text=REASON).wait_for()


def gets_phone(page: Page) -> None:
    page.locator("[data-phone=here]").wait_for()


def use(page: Page) -> None:
    page.get_by_role("button", name="Use this tab").press("Enter")


def test_the_second_tab_cannot_accept_and_says_why(desk: Page, other: Page, twilio: Twilio, phones: Phones) -> None:
    go_available(desk)
    reservation = offer(twilio)
    accept = other.get_by_role("button", name="Accept", disabled=True)
    accept.wait_for()
    assert accept.evaluate("each => document.getElementById(each.getAttribute('aria-describedby')).innerText") == REASON
    assert other.evaluate("document.activeElement.tagName") == "H2"  # not a button that does nothing

    accept.focus()
    accept.press("Enter")
    accept.evaluate("each => each.form.requestSubmit()")
    other.evaluate("htmx.ajax('GET', '/desk/live/', {target: '#desk', swap: 'outerHTML'})")  # and after a swap
    other.locator("#desk:not([data-seen])").wait_for(state="detached")
    accept.evaluate("each => each.click()")
    other.get_by_role("button", name="Decline", disabled=False).wait_for()
    other.wait_for_timeout(500)

    reservation.refresh_from_db()
    assert (reservation.state, phones.asked) == (ReservationState.PENDING, [])
    assert other.get_by_role("alert").filter(has_text=REASON).count() == 1

    desk.get_by_role("button", name="Accept", disabled=False).click()
    desk.get_by_text("Your phone has joined").wait_for()


def test_a_tab_takes_the_phone_over_on_its_button(desk: Page, other: Page, twilio: Twilio, phones: Phones) -> None:
    go_available(desk)
    offer(twilio)
    other.get_by_role("button", name="Accept", disabled=True).wait_for()

    use(other)
    gets_phone(other)

    desk.get_by_role("button", name="Accept", disabled=True).wait_for()
    elsewhere(desk)
    assert other.locator("#second-tab").is_hidden()
    assert other.evaluate("document.activeElement.textContent") == "Accept"
    other.keyboard.press("Enter")
    other.get_by_text("Your phone has joined").wait_for()
    assert len(phones.asked) == 1


def test_of_three_tabs_the_one_that_asks_has_the_phone(desk: Page, other: Page) -> None:
    third = desk.context.new_page()
    third.goto(desk.url)
    elsewhere(third)

    use(third)
    gets_phone(third)
    third.wait_for_timeout(500)
    assert [has_phone(page) for page in (desk, other, third)] == [False, False, True]

    use(other)
    gets_phone(other)
    third.wait_for_timeout(500)
    assert [has_phone(page) for page in (desk, other, third)] == [False, True, False]


def test_who_asks_for_the_phone_and_is_gone_leaves_it_where_it_was(desk: Page) -> None:
    desk.locator("[data-phone=here]").wait_for()
    desk.evaluate("""() => {
      const name = `console-phone-${document.getElementById("phone").dataset.identity}`;
      new BroadcastChannel(name).postMessage({ from: "nobody" });
    }""")

    desk.locator("#announcer", has_text="Your phone is in this tab now.").wait_for(state="attached")
    assert has_phone(desk)


def test_a_tab_takes_the_phone_over_when_the_other_is_closed(desk: Page, other: Page, twilio: Twilio) -> None:
    go_available(desk)

    desk.close()

    gets_phone(other)
    assert other.get_by_role("alert").filter(has_text="Your phone is in this tab now.").count() == 1
    offer(twilio)
    other.get_by_role("button", name="Accept", disabled=False).click()
    other.get_by_text("Your phone has joined").wait_for()


def test_a_tab_that_hangs_loses_the_phone_unless_it_has_a_call(desk: Page, other: Page, twilio: Twilio) -> None:
    go_available(desk)
    deaf = "BroadcastChannel.prototype.postMessage = () => {}"
    desk.evaluate(deaf)
    use(other)
    gets_phone(other)

    offer(twilio)
    other.get_by_role("button", name="Accept").click()
    other.get_by_text("Your phone has joined").wait_for()
    other.evaluate(deaf)
    desk.get_by_text("Connecting").first.wait_for()
    use(desk)

    desk.get_by_role("status").filter(has_text="The other tab has a call and does not answer").wait_for()
    assert has_phone(other)


def test_a_call_is_not_torn_by_another_tab(desk: Page, other: Page, twilio: Twilio, assets: Path) -> None:
    go_available(desk)
    reservation = offer(twilio)
    desk.get_by_role("button", name="Accept").click()
    desk.get_by_text("Your phone has joined").wait_for()

    use(other)
    other.get_by_role("status").filter(has_text="The phone stays there until it is over.").wait_for()
    assert (has_phone(desk), has_phone(other)) == (True, False)
    assert other.get_by_role("button", name="Connect the phone").is_hidden()
    assert violations(other, assets) == []

    meet(twilio, reservation)
    key = other.locator("[data-digit='5']")
    key.wait_for(state="attached")
    other.locator("[data-digit='5'][aria-disabled=true]").wait_for(state="attached")
    assert desk.locator("[data-digit][aria-disabled]").count() == 0
    conference_end(twilio, reservation)
    other.get_by_text("Available again in").wait_for()
    desk.get_by_text("Available again in").wait_for()
    assert other.locator("#second-tab-says").inner_text() == ""
    use(other)
    gets_phone(other)


def test_an_offer_that_was_gone_when_it_was_accepted_keeps_no_tab_from_the_phone(
    desk: Page, other: Page, twilio: Twilio
) -> None:
    go_available(desk)
    reservation = offer(twilio)
    desk.get_by_role("button", name="Accept").wait_for()
    reservation.state = ReservationState.CANCELLED
    reservation.save(update_fields=["state"])
    desk.get_by_role("button", name="Accept").click()
    desk.locator(".message", has_text="This caller is no longer offered to you.").wait_for()

    use(other)

    gets_phone(other)


def test_a_tab_that_is_loaded_again_has_its_phone_back(desk: Page, other: Page) -> None:
    desk.reload()

    gets_phone(desk)
    elsewhere(other)


def test_who_supervises_in_one_tab_has_the_phone_of_their_desk_in_another(desk: Page, agent: Agent) -> None:
    """They are two phones, with names of their own."""
    agent.user.is_superuser = True
    agent.user.save()
    board = desk.context.new_page()
    board.goto(desk.url.replace("/desk/", "/"))

    gets_phone(board)
    assert has_phone(desk)


def hide(page: Page) -> None:
    """Another tab is looked at; the browser has slowed this one's timers down."""
    page.evaluate("""() => {
      const later = window.setTimeout;
      window.setTimeout = (act, ms, ...more) => later(act, ms >= 1000 ? 60_000 : ms, ...more);
      Object.defineProperty(document, "hidden", { value: true, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }""")


def test_an_offer_comes_in_time_to_a_hidden_tab_whose_timers_are_slow(desk: Page, twilio: Twilio) -> None:
    go_available(desk)
    hide(desk)
    desk.wait_for_timeout(2500)  # what the page had planned before
    offer(twilio)

    desk.get_by_role("button", name="Accept").wait_for(timeout=8000)


def test_a_tab_without_the_phone_may_sleep(desk: Page, other: Page, agent: Agent) -> None:
    go_available(desk)
    beacons: list[str] = []
    for page in (desk, other):
        page.on(
            "request", lambda request: beacons.append(request.post_data or "") if "presence" in request.url else None
        )

    sleep = "document.dispatchEvent(new Event('freeze')); document.dispatchEvent(new Event('resume'))"
    other.evaluate(sleep)
    other.wait_for_timeout(500)
    assert (beacons, other.locator("#slept").is_hidden()) == ([], True)

    desk.evaluate(sleep)
    desk.locator("#slept", has_text="This page slept from").wait_for()
    assert len(beacons) == 2
