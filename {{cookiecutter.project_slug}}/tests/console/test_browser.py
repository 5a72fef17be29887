"""The desk in a real browser: one whole call, and what an agent is told when something is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.conf import settings as django_settings
from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from django_twilio_call.constants import AgentStatus
from django_twilio_call.models import Agent, AgentStateSpan, CallOutcome, Queue, Reservation, Supervision
from django_twilio_call.services import ConferenceService, RoutingService
from tests.conftest import make_agent
from tests.fakes import Twilio, call_sid
from tests.webhooks.test_recordings import tell
from tests.webhooks.test_walk import accepted, conference_end, enqueue

from .conftest import Phones
from .test_accessibility import come_in, meet

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def offer(twilio: Twilio) -> Reservation:
    enqueue(twilio)
    RoutingService().route(now=timezone.now())
    return Reservation.objects.get()


def go_available(desk: Page) -> None:
    desk.get_by_role("button", name="Go available").click()
    desk.get_by_text("Ready for the next call").wait_for()


def test_an_agent_takes_a_call_from_ring_to_wrap_up(desk: Page, twilio: Twilio, phones: Phones) -> None:
    go_available(desk)
    reservation = offer(twilio)
    desk.get_by_role("heading", name="+1 415 555 0100").wait_for()
    assert desk.title().startswith("Incoming call from +1 415 555 0100")
    assert desk.get_by_role("alert").first.inner_text() == "Incoming call from +1 415 555 0100, Support"
    assert desk.evaluate("document.activeElement.textContent") == "Accept"

    desk.get_by_role("button", name="Accept").click()
    desk.get_by_text("Your phone has joined").wait_for()
    assert phones.asked == [
        (f"/_simulator/devices/{reservation.agent.identity}/connect", {"reservation": [str(reservation.pk)]})
    ]

    client = f"client:{reservation.agent.identity}"
    twilio.post("/twilio/agent/", sid=call_sid(2), From=client, reservation=reservation.pk)
    twilio.post(f"/twilio/connect/?reservation={reservation.pk}")
    desk.get_by_text("Your phone is connected.").wait_for()
    assert desk.title().startswith("Desk")

    desk.get_by_role("button", name="Hang up").click()
    desk.locator(".message", has_text="Hanging up").wait_for()
    conference_end(twilio, reservation)
    desk.get_by_text("Available again in").wait_for()
    desk.get_by_role("button", name="Ready now").click()
    desk.get_by_text("Ready for the next call").wait_for()
    assert desk.url.endswith("/desk/")


def test_a_phone_that_cannot_connect_is_said_and_tried_again(desk: Page, twilio: Twilio, phones: Phones) -> None:
    phones.status = 404
    go_available(desk)
    offer(twilio)
    desk.get_by_role("button", name="Accept").click()

    desk.locator("#phone-says", has_text="Your phone could not connect: the simulator refused (404)").wait_for()
    phones.status = 200
    desk.get_by_role("button", name="Connect the phone").click()
    desk.get_by_text("Your phone has joined").wait_for()


HEARS_AGAIN = """() => {
    const again = new MutationObserver(() => (window.toldAgain = true));
    again.observe(document.getElementById("phone-says"), { childList: true });
}"""
FOCUSED = "document.activeElement.textContent"


def focused(page: Page, words: str) -> None:
    """Wait for what says these words to have the focus: that comes a moment after a swap."""
    page.locator(":focus", has_text=words).wait_for()


def told(page: Page) -> str:
    return page.locator("#announcer").inner_text()


def test_who_presses_a_button_stays_at_it_and_hears_what_it_did(desk: Page, twilio: Twilio) -> None:
    go_available(desk)
    meet(twilio, accepted(twilio))
    desk.get_by_text("Your phone is connected.").wait_for()

    desk.get_by_role("button", name="Hold", exact=True).press("Enter")
    focused(desk, "Take off hold")
    assert (desk.evaluate(FOCUSED), told(desk)) == ("Take off hold", "The caller is on hold")

    desk.get_by_role("button", name="Mute", exact=True).press("Enter")
    focused(desk, "Unmute")
    assert (desk.evaluate(FOCUSED), told(desk)) == ("Unmute", "The caller is on hold · You are muted")
    assert desk.locator(".stage .acts [aria-pressed]").count() == 0  # the words say it already


@pytest.mark.parametrize("trouble", ["refused", "failed", "unanswered"])
def test_a_microphone_is_muted_only_where_the_desk_says_so(desk: Page, twilio: Twilio, trouble: str) -> None:
    go_available(desk)
    meet(twilio, accepted(twilio))
    desk.get_by_text("Your phone is connected.").wait_for()
    desk.evaluate("() => { window.muted = []; SimPhone.prototype.mute = (on) => muted.push(on); }")

    def answer(route: Route) -> None:
        if trouble == "refused":
            route.continue_(post_data=(route.request.post_data or "").replace("on=1", "on="))
        elif trouble == "failed":
            route.fulfill(status=500)
        else:
            route.abort()

    desk.route("**/desk/mute/", answer)
    desk.get_by_role("button", name="Mute", exact=True).click()
    desk.wait_for_function("() => muted.length > 1")
    assert desk.evaluate("[muted[0], muted.at(-1)]") == [True, False]

    desk.unroute("**/desk/mute/")
    desk.get_by_role("button", name="Mute", exact=True).click()
    desk.locator(".kicker", has_text="You are muted").wait_for()
    desk.wait_for_timeout(100)
    assert desk.evaluate("muted.at(-1)") is True


def test_a_desk_is_left_alone_when_a_colleague_comes_free(desk: Page, twilio: Twilio, queue: Queue) -> None:
    go_available(desk)
    meet(twilio, accepted(twilio))
    desk.get_by_text("Your phone is connected.").wait_for()
    desk.get_by_text("Transfer", exact=True).click()
    desk.evaluate("document.getElementById('desk').isTheSame = true")

    make_agent("grace", queue)
    with desk.expect_response("**/desk/live/**"):
        pass  # sent before, maybe
    with desk.expect_response("**/desk/live/**"):
        pass
    desk.wait_for_timeout(100)
    assert desk.evaluate("document.getElementById('desk').isTheSame")

    desk.get_by_text("Transfer", exact=True).click()
    desk.get_by_text("Transfer", exact=True).click()
    desk.get_by_role("option", name="Grace").wait_for(state="attached")


def test_a_transfer_goes_nowhere_once_who_was_chosen_is_gone(desk: Page, twilio: Twilio, queue: Queue) -> None:
    go_available(desk)
    meet(twilio, accepted(twilio))
    make_agent("aaron", queue)
    grace = make_agent("grace", queue)
    desk.get_by_text("Your phone is connected.").wait_for()
    transfer, to = desk.get_by_text("Transfer", exact=True), desk.get_by_label("To", exact=True)
    transfer.click()
    assert to.evaluate("each => each.selectedOptions[0].text") == "Choose…"

    to.select_option(label="Grace")
    transfer.click()
    AgentStateSpan.objects.filter(agent=grace).update(state=AgentStatus.LUNCH)
    transfer.click()
    desk.locator("#announcer", has_text="Grace can no longer be chosen. Choose anew.").wait_for(state="attached")
    assert to.input_value() == ""

    desk.get_by_role("button", name="Send over").click()
    desk.locator(".message", has_text="The caller stays with you.").wait_for()


@pytest.mark.parametrize("at", ["5", "Send over", "Transfer", "Earlier calls", "Hold"])
def test_a_desk_that_is_drawn_anew_leaves_people_where_they_were(
    desk: Page, twilio: Twilio, agent: Agent, at: str
) -> None:
    past = enqueue(twilio, call_sid(5))
    twilio.post("/twilio/status/", sid=call_sid(5), CallStatus="completed", SequenceNumber=3)
    twilio.post(f"/twilio/queue/?entry={past.pk}", sid=call_sid(5), QueueResult="hangup")
    go_available(desk)
    meet(twilio, accepted(twilio))
    desk.get_by_text("Your phone is connected.").wait_for()
    for each in ("Keypad", "Transfer", "Earlier calls"):
        desk.locator("summary", has_text=each).click()
    desk.evaluate(HEARS_AGAIN)
    desk.locator("button, summary").filter(has_text=at).last.focus()

    ConferenceService().mute(agent_id=agent.pk, on=True, now=timezone.now())
    desk.locator(".kicker", has_text="You are muted").wait_for()
    desk.wait_for_timeout(200)

    assert desk.locator(":focus").inner_text().startswith(at)
    assert desk.locator("details[open]").count() == 3
    assert desk.evaluate("window.toldAgain") is None


def test_the_recordings_button_keeps_the_focus_while_the_page_asks_and_when_it_is_pressed(
    desk: Page, twilio: Twilio
) -> None:
    go_available(desk)
    reservation = accepted(twilio)
    meet(twilio, reservation)
    tell(twilio, reservation)
    button = desk.locator("#recording-pause:not([name])")

    with desk.expect_response(lambda answer: "/desk/recording/?v=" in answer.url and answer.status == 204):
        button.focus()
    desk.wait_for_timeout(100)
    assert desk.evaluate("document.activeElement.id") == "recording-pause"

    button.press("Enter")
    desk.locator("#recording-pause[name=resume]").wait_for()
    desk.wait_for_timeout(100)
    assert desk.evaluate("document.activeElement.id") == "recording-pause"


def test_nothing_moves_under_the_pointer_while_the_desk_is_drawn_anew(desk: Page, twilio: Twilio) -> None:
    go_available(desk)
    reservation = accepted(twilio)
    meet(twilio, reservation)
    tell(twilio, reservation)
    pause = desk.get_by_role("button", name="Pause recording")
    spot = pause.bounding_box()
    desk.route("**/desk/recording/**", lambda route: route.abort())

    desk.get_by_role("button", name="Hold", exact=True).click()
    desk.locator(".kicker", has_text="The caller is on hold").wait_for()

    assert pause.is_visible()
    assert pause.bounding_box() == spot


def test_a_supervisor_stays_at_a_button_and_hears_who_hears_them(
    desk: Page, twilio: Twilio, live_server: LiveServer
) -> None:
    go_available(desk)
    reservation = accepted(twilio)
    meet(twilio, reservation)
    client, boss = Client(), get_user_model().objects.create(username="boss", is_superuser=True)
    client.force_login(boss)
    name = django_settings.SESSION_COOKIE_NAME
    desk.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": live_server.url}])
    desk.goto(live_server.url)

    desk.get_by_role("button", name="Listen to Ada").press("Enter")
    desk.get_by_role("button", name="Leave the call").wait_for()
    focused(desk, "Supervise")
    assert (desk.evaluate(FOCUSED), told(desk)) == ("Supervise", "You listen to Ada. Nobody hears you.")

    phone, supervision = call_sid(500), Supervision.objects.get()
    twilio.post("/twilio/agent/", sid=phone, From=f"client:supervisor_{boss.pk}", supervision=supervision.pk)
    come_in(twilio, reservation, phone, 3)
    desk.get_by_role("button", name="Whisper to the agent", disabled=False).press("Enter")
    desk.locator(".current", has_text="Ada hears you").wait_for()
    focused(desk, "Whisper to the agent")
    assert (desk.evaluate(FOCUSED), told(desk)) == ("Whisper to the agent", "Ada hears you, the caller does not.")


def test_a_note_is_kept_as_it_is_typed_and_goes_along_with_ready_now(desk: Page, twilio: Twilio) -> None:
    go_available(desk)
    reservation = accepted(twilio)
    meet(twilio, reservation)
    conference_end(twilio, reservation)

    with desk.expect_response("**/desk/note/"):
        desk.get_by_label("Notes").fill("wants a red one")
    assert CallOutcome.objects.get().note == "wants a red one"

    desk.get_by_label("Notes").fill("wants a blue one")
    desk.get_by_role("button", name="Ready now").click()
    desk.get_by_text("Ready for the next call").wait_for()
    assert CallOutcome.objects.get().note == "wants a blue one"


def test_a_note_is_kept_though_the_desk_was_drawn_anew_as_it_was_typed(desk: Page, twilio: Twilio) -> None:
    go_available(desk)
    reservation = accepted(twilio)
    meet(twilio, reservation)
    conference_end(twilio, reservation)

    with desk.expect_response("**/desk/note/"):
        desk.get_by_label("Notes").fill("wants a red one")
        desk.evaluate("htmx.ajax('GET', '/desk/live/', {target: '#desk', swap: 'outerHTML'})")

    assert CallOutcome.objects.get().note == "wants a red one"
    assert desk.get_by_label("Notes").input_value() == "wants a red one"


def test_an_offer_rings_until_it_is_taken(desk: Page, twilio: Twilio) -> None:
    go_available(desk)
    offer(twilio)
    desk.locator("#ring[data-rings=yes]").wait_for()

    desk.get_by_role("button", name="Accept").click()

    desk.locator("#ring[data-rings=no]").wait_for()


@pytest.mark.parametrize("wake", ["pointer", "key", "script"])
def test_a_ring_tone_that_cannot_sound_yet_says_so(desk: Page, wake: str) -> None:
    desk.reload()
    ring = desk.get_by_role("button", name="Ring tone: click once to hear it", pressed=False)
    ring.wait_for()

    if wake == "pointer":
        ring.click()
    elif wake == "key":
        ring.press("Enter")
    else:
        ring.evaluate("each => each.click()")

    desk.get_by_role("button", name="Ring tone", exact=True, pressed=True).wait_for()
    desk.get_by_role("button", name="Ring tone", exact=True).click()
    desk.get_by_role("button", name="Ring tone", exact=True, pressed=False).wait_for()


def test_a_ring_tone_that_was_silenced_stays_so(desk: Page, twilio: Twilio) -> None:
    go_available(desk)
    ring = desk.get_by_role("button", name="Ring tone")
    ring.click()
    desk.reload()
    offer(twilio)
    desk.get_by_role("button", name="Accept").wait_for()
    assert (ring.get_attribute("aria-pressed"), ring.get_attribute("data-rings")) == ("false", "no")

    ring.click()

    desk.locator("#ring[data-rings=yes]").wait_for()


def test_who_is_signed_out_in_a_call_keeps_it_and_is_told(desk: Page, twilio: Twilio, agent: Agent) -> None:
    go_available(desk)
    meet(twilio, accepted(twilio))
    desk.get_by_text("Your phone is connected.").wait_for()
    desk.evaluate("window.isTheSame = true")
    Session.objects.all().delete()

    desk.get_by_text("You are signed out. Your call goes on").wait_for()
    desk.get_by_role("button", name="Hold", exact=True).click()
    desk.wait_for_timeout(2500)  # another look
    assert desk.evaluate("window.isTheSame")

    with desk.expect_popup() as opened:
        desk.get_by_role("link", name="Sign in again in another tab").click()
    opened.value.get_by_label("Username").fill(agent.user.username)
    opened.value.get_by_label("Password").fill("open sesame")
    opened.value.get_by_role("button", name="Sign in").click()
    desk.get_by_text("You are signed out.").wait_for(state="hidden")
    desk.locator("#desk:not([data-seen])").wait_for(state="detached")
    desk.get_by_role("button", name="Hold", exact=True).click()
    desk.locator(".kicker", has_text="The caller is on hold").wait_for()
    assert desk.evaluate("window.isTheSame")


def test_a_server_that_stops_answering_is_not_shown_as_live(desk: Page) -> None:
    desk.route("**/desk/live/**", lambda route: route.abort())

    desk.get_by_text("No connection for").wait_for()
    desk.unroute("**/desk/live/**")
    desk.get_by_text("No connection for").wait_for(state="hidden")


def test_the_pages_keep_a_strict_content_security_policy(desk: Page, live_server: LiveServer) -> None:
    """No inline script or style, no foreign host: what a strict policy would block is not there to begin with."""
    for path in ("/", "/desk/"):
        desk.goto(live_server.url + path)
        desk.locator("[data-connection=live] [data-live]").wait_for()
        assert desk.locator("script:not([src]), style, [style], [onclick]").count() == 0
        hosts = desk.evaluate("performance.getEntriesByType('resource').map(entry => new URL(entry.name).origin)")
        assert set(hosts) == {live_server.url}
