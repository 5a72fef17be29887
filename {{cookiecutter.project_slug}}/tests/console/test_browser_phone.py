"""Twilio's own phone in a real browser with no network: it constructs, gives up in time, and says why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.conf import settings as django_settings
from django.test import Client
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from django_twilio_call.models import Agent

from .conftest import chromium

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
NO_NETWORK = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost"
FAKE_MEDIA = ("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream")

JOIN = """async () => {
  const texts = document.getElementById("phone").dataset;
  const phone = new Softphone(new TwilioPhone({ texts, patience: 1500 }), texts);
  await phone.join({ reservation: 1 });
  return [phone.state, phone.text, phone.driver.device === null];
}"""

STUB = """(plans) => {
  window.ended = [];
  let made = 0;
  window.Twilio = { Device: class {
    state = "registered";
    on() {}
    destroy() {}
    async connect() {
      if (this.active) throw new Error("A Call is already active");
      this.active = true;
      const number = ++made, { after, taken } = plans[number - 1], acts = {};
      await new Promise((resolve) => setTimeout(resolve, after));
      if (taken) setTimeout(() => acts.accept(), 10);
      return { once: (name, act) => (acts[name] = act), disconnect: () => ended.push(number) };
    }
  } };
}"""
"""A device whose calls come after so many ms, and are taken or not; like Twilio's it makes one at a time."""

JOIN_TWICE = """async () => {
  const texts = document.getElementById("phone").dataset;
  const phone = new Softphone(new TwilioPhone({ texts, patience: 300 }), texts);
  const states = [];
  for (let time = 0; time < 2; time++) {
    await phone.join({ reservation: 1 });
    states.push(phone.state);
  }
  await new Promise((resolve) => setTimeout(resolve, 600));
  return [states, ended];
}"""


DEVICE = """(trouble) => {
  window.did = [];
  window.loose = [];
  addEventListener("unhandledrejection", (event) => loose.push(String(event.reason)));
  window.Twilio = { Device: class {
    state = "unregistered";
    acts = {};
    constructor() { window.device = this; }
    on(name, act) { this.acts[name] = act; }
    once() {}
    destroy() {}
    updateToken() { did.push("updateToken"); }
    async register() {
      did.push("register");
      if (!trouble) return (this.state = "registered");
      this.acts.error(trouble);
      return new Promise(() => {});
    }
    async connect() {
      return { once: (name, act) => name === "accept" && act(), disconnect() {} };
    }
  } };
}"""
"""A device that signs in, or like Twilio's says what the trouble is, and waits for ever."""

JOIN_AGAIN_LATER = """async () => {
  const texts = { ...document.getElementById("phone").dataset };
  const phone = new Softphone(new TwilioPhone({ texts, patience: 1500 }), texts);
  await phone.join({ reservation: 1 });
  const address = texts.token;
  texts.token = "/nowhere/";
  device.acts.tokenWillExpire();
  await new Promise((resolve) => setTimeout(resolve, 1000));
  texts.token = address;
  device.state = "unregistered"; // its token has run out
  await phone.join({ reservation: 2 });
  return [phone.state, did, loose];
}"""


@pytest.fixture
def desk(
    live_server: LiveServer, settings: Settings, assets: Path, agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Page]:
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    settings.TWILIO_BACKEND = "twilio"
    settings.TWILIO_API_KEY, settings.TWILIO_API_SECRET = "SK" + "1" * 32, "x" * 32
    settings.TWILIO_TWIML_APP_SID = "AP" + "2" * 32
    client = Client()
    client.force_login(agent.user)
    url = live_server.url.replace("127.0.0.1", "localhost")
    with chromium(NO_NETWORK, *FAKE_MEDIA) as browser:
        context = browser.new_context()
        context.set_default_timeout(15_000)
        session = client.cookies[django_settings.SESSION_COOKIE_NAME].value
        context.add_cookies([{"name": django_settings.SESSION_COOKIE_NAME, "value": session, "url": url}])
        page = context.new_page()
        page.goto(f"{url}/desk/")
        yield page


def test_twilios_phone_gives_up_in_time_and_says_why(desk: Page, live_server: LiveServer) -> None:
    errors: list[str] = []
    desk.on("pageerror", lambda error: errors.append(str(error)))

    state, text, gone = desk.evaluate(JOIN)

    assert state == "failed"
    assert "Twilio did not answer within 2 seconds" in text
    assert "firewall" in text
    assert gone
    assert errors == []
    asked = desk.evaluate("performance.getEntriesByType('resource').map(entry => new URL(entry.name).hostname)")
    assert {host for host in asked if "twilio.com" not in host} == {"localhost"}
    assert not any(host.startswith("sdk.") for host in asked)


@pytest.mark.parametrize("after", [0, 600], ids=["nobody takes it", "it comes too late"])
def test_a_call_that_was_given_up_is_ended_and_does_not_keep_the_next_one_away(desk: Page, after: int) -> None:
    desk.evaluate(STUB, [{"after": after, "taken": False}, {"after": 0, "taken": True}])

    assert desk.evaluate(JOIN_TWICE) == [["failed", "joined"], [1]]


def test_a_phone_without_keys_says_which(desk: Page, settings: Settings) -> None:
    settings.TWILIO_TWIML_APP_SID = ""

    state, text, _ = desk.evaluate(JOIN)

    assert state == "failed"
    assert "a phone needs TWILIO_TWIML_APP_SID" in text


def test_what_twilio_says_of_a_trouble_is_told(desk: Page) -> None:
    desk.evaluate(DEVICE, {"code": 20101, "message": "AccessTokenInvalid (20101): Twilio was unable to validate it"})

    state, text, gone = desk.evaluate(JOIN)

    assert (state, gone) == ("failed", True)
    assert "AccessTokenInvalid (20101)" in text
    assert "firewall" not in text


def test_a_phone_whose_token_could_not_be_renewed_is_given_one_with_the_next_call(desk: Page) -> None:
    desk.evaluate(DEVICE, None)

    assert desk.evaluate(JOIN_AGAIN_LATER) == ["joined", ["register", "updateToken", "register"], []]
