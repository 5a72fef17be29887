"""Whole calls in real browsers, against web, worker and simulator: from the caller's first ring to wrap-up."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from tests.callcenter import CallCenter, _process, answers, running, stage

from .conftest import chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.integration]


RECORDED = """
import django
django.setup()
from django_twilio_call.models import Queue
Queue.objects.update(recording="announced")
"""
PLAYED = """async () => {
    const sound = document.querySelector("audio");
    sound.muted = true;
    await sound.play();
    sound.pause();
    return sound.duration;
}"""


@dataclass
class Town:
    """A call center, its simulator, and the browsers of those who work there."""

    center: CallCenter
    browser: Browser
    logins: dict[str, Any]

    def person(self, headers: dict[str, str], path: str) -> Page:
        """Somebody's browser, signed in, at a page."""
        context = self.browser.new_context()
        context.set_default_timeout(20_000)
        cookies = dict(pair.split("=", 1) for pair in headers["Cookie"].split("; "))
        context.add_cookies([{"name": name, "value": value, "url": self.center.url} for name, value in cookies.items()])
        page = context.new_page()
        page.goto(self.center.url + path)
        return page

    def agent(self, number: int) -> Page:
        """An agent at their desk, available."""
        page = self.person(self.logins["agents"][number - 1]["headers"], "/desk/")
        page.get_by_role("button", name="Go available").click()
        page.get_by_text("Ready for the next call").wait_for()
        return page

    def simulator(self, path: str, **fields: str) -> Any:
        """Ask the simulator."""
        url = f"http://127.0.0.1:{self.center.simulator_port}/_simulator/{path}"
        data = urlencode(fields).encode() if fields else None
        with urllib.request.urlopen(urllib.request.Request(url, data), timeout=5) as answer:
            return json.load(answer)

    def ring(self) -> str:
        """A caller rings, and chooses the first queue; answers their sid."""
        sid: str = self.simulator("calls", **{"from": "+14155550123"})["call_sid"]
        self.until(lambda: self.stage(sid) == "menu")
        self.simulator(f"calls/{sid}/digits", digits="1")
        return sid

    def stage(self, sid: str) -> str:
        """What a leg is doing."""
        return next((call["stage"] for call in self.simulator("state")["calls"] if call["call_sid"] == sid), "ended")

    def in_conference(self) -> list[int]:
        """How many are in each conference."""
        return list(self.simulator("state")["conferences"].values())

    def until(self, what: Any) -> None:
        """Wait for something, or fail."""
        deadline = time.monotonic() + 20
        while not what():
            assert time.monotonic() < deadline, self.simulator("state")
            time.sleep(0.1)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    folder: Path = tmp_path_factory.mktemp("town")
    with chromium() as browser, stage(folder) as env, running(folder, env) as center:
        logins = folder / "logins.json"
        center.manage("demo", "--agents", "4", "--wrap-up", "600", "--json", str(logins))
        options = {
            "port": center.simulator_port,
            "account-sid": "AC" + "0" * 32,
            "number": "+15550100000",
            "voice-url": f"{center.url}/twilio/voice/",
            "status-url": f"{center.url}/twilio/status/",
            "client-voice-url": f"{center.url}/twilio/agent/",
            "fallback-url": f"{center.url}/twilio/fallback/",
        }
        argv = [part for name, value in options.items() for part in (f"--{name}", str(value))]
        center.run(RECORDED)
        with _process(center, "simulator", "-m", "twilio_simulator", "serve", *argv) as simulator:
            answers(f"http://127.0.0.1:{center.simulator_port}/_simulator/state", simulator)
            yield Town(center, browser, json.loads(logins.read_text()))


def test_a_call_is_held_handed_over_and_supervised(town: Town) -> None:
    ada, grace = town.agent(1), town.agent(2)
    caller = town.ring()
    desks = (ada, grace) if "offer" in ada.locator("#desk").get_attribute("data-phase") else None  # type: ignore[operator]
    if desks is None:
        town.until(lambda: any(page.locator("#desk").get_attribute("data-phase") == "offer" for page in (ada, grace)))
        first = ada if ada.locator("#desk").get_attribute("data-phase") == "offer" else grace
        desks = (first, grace if first is ada else ada)
    first, second = desks

    first.get_by_role("button", name="Accept").click()
    first.get_by_text("Your phone is connected.").wait_for()
    first.get_by_role("button", name="Hold", exact=True).click()
    first.locator(".kicker", has_text="The caller is on hold").wait_for()
    first.get_by_role("button", name="Take off hold").click()
    first.get_by_role("button", name="Mute", exact=True).click()
    first.locator(".kicker", has_text="You are muted").wait_for()
    first.get_by_role("button", name="Unmute").click()
    first.get_by_text("Keypad").first.click()
    first.get_by_role("button", name="5", exact=True).click()

    first.get_by_text("Transfer", exact=True).click()
    name = "Agent 2" if second is grace else "Agent 1"
    first.get_by_label("To", exact=True).select_option(label=name)
    first.get_by_role("button", name="Ask first").click()
    second.get_by_text("asks you into a call").wait_for()
    second.get_by_role("button", name="Accept").click()
    first.get_by_text(f"{name} is in the call.").wait_for()
    assert town.in_conference() == [3]
    first.get_by_role("button", name="Complete the transfer").click()
    first.get_by_text("Finish your notes").wait_for()
    town.until(lambda: town.in_conference() == [2])

    boss = town.person(town.logins["staff"]["headers"], "/")
    boss.get_by_role("button", name=f"Listen to {name}").click()
    boss.get_by_text("Your phone is connected.").wait_for()
    assert boss.locator(".current", has_text=f"You listen to {name}. Nobody hears you.").is_visible()
    boss.get_by_role("button", name="Whisper to the agent").click()
    boss.locator(".current", has_text=f"{name} hears you, the caller does not.").wait_for()
    assert town.in_conference() == [3]

    town.simulator(f"calls/{caller}/hangup", now="1")
    second.get_by_text("Finish your notes").wait_for()
    boss.get_by_text("Nobody is on a call.").wait_for()
    town.until(lambda: town.simulator("state")["calls"] == [])


def test_a_caller_is_sent_to_another_queue(town: Town) -> None:
    hedy = town.agent(3)
    caller = town.ring()
    hedy.get_by_role("button", name="Accept").click()
    hedy.get_by_text("Your phone is connected.").wait_for()

    hedy.get_by_text("Transfer", exact=True).click()
    queue = hedy.locator("#transfer-to optgroup[label=Queues] option").last.inner_text()
    hedy.get_by_label("To", exact=True).select_option(label=queue)
    hedy.get_by_role("button", name="Send over").click()

    hedy.get_by_text("Finish your notes").wait_for()
    town.until(lambda: town.stage(caller) == "queue")
    town.simulator(f"calls/{caller}/hangup", now="1")


def test_a_call_from_a_phone_to_the_record_is_heard_paused_and_played(town: Town) -> None:
    """By hand on both sides: the phone's page, the desk, and who listens to the recording later."""
    tony = town.agent(4)
    phone = town.browser.new_page()
    phone.goto(f"http://127.0.0.1:{town.center.simulator_port}/")
    phone.get_by_role("button", name="Call", exact=True).click()
    town.until(lambda: [call["stage"] for call in town.simulator("state")["calls"]] == ["menu"])
    phone.keyboard.press("1")
    phone.get_by_text("number 1 in").wait_for()
    (caller,) = [call["call_sid"] for call in town.simulator("state")["calls"]]
    tony.get_by_role("button", name="Accept").click()
    tony.get_by_role("button", name="Pause recording").click()
    tony.get_by_role("button", name="Resume recording").click()
    tony.get_by_role("button", name="Pause recording").wait_for()
    phone.get_by_role("button", name="Hang up").click()
    tony.get_by_text("Finish your notes").wait_for()

    boss = town.person(town.logins["staff"]["headers"], f"/calls/{caller}/")
    town.until(lambda: boss.reload() and boss.get_by_label("Recording", exact=True).count())
    assert boss.evaluate(PLAYED) > 0
