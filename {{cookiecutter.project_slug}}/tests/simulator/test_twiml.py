"""TwiML verb by verb, and what follows from it."""

from __future__ import annotations

import time

import pytest

from .stage import App, Said, Stage

MENU = '<Gather action="/chose" numDigits="1" timeout="0.05"><Say>Press 1</Say></Gather><Redirect>/nothing</Redirect>'


def hears(app: App, stage: Stage, twiml: str) -> str:
    """What the caller heard last."""
    app.says("/voice", twiml)
    call = stage.dial()
    stage.ended(call)
    return call.hears


@pytest.mark.parametrize(
    ("twiml", "heard"),
    [
        ("<Say>Hello</Say>", "Hello"),
        ("<Say>Hello <emphasis>you</emphasis></Say><Pause/>", "Hello you"),
        ("<Say>Hello</Say><Play>https://example.com/song.mp3</Play>", "https://example.com/song.mp3"),
        ("<Say>Hello</Say><Hangup/><Say>Never</Say>", "Hello"),
    ],
)
def test_the_caller_hears_what_is_said(app: App, stage: Stage, twiml: str, heard: str) -> None:
    assert hears(app, stage, twiml) == heard


@pytest.mark.parametrize("twiml", ["<Say>a hundred letters…</Say>", '<Say loop="3">short</Say>', '<Pause length="1"/>'])
def test_speech_and_pauses_take_time(app: App, stage: Stage, twiml: str) -> None:
    stage.exchange.speech = 0.1
    began = time.monotonic()
    hears(app, stage, twiml)

    assert 0.09 < time.monotonic() - began < 0.4


def test_an_unknown_verb_is_warned_of_and_passed_over(app: App, stage: Stage) -> None:
    app.says("/voice", "<Shout>Hey</Shout><Redirect>/more</Redirect>")

    assert stage.live_through()["warnings"] == ["12200: <Shout> in <Response>"]
    assert app.to("/more")


def test_a_number_that_is_none_is_warned_of(app: App, stage: Stage) -> None:
    app.says("/voice", '<Pause length="long"/>')

    assert stage.live_through()["warnings"] == ['12200: length="long" in <Pause>']


def test_a_redirect_is_followed_from_where_it_stands(app: App, stage: Stage) -> None:
    stage.account.voice_url = app.says("/ivr/voice", '<Redirect method="GET">more?a=1#rc=0</Redirect><Say>Never</Say>')
    stage.live_through()

    assert (app.to("/ivr/more")[0].method, app.to("/ivr/more")[0].params["a"]) == ("GET", "1")


def test_a_key_goes_to_the_action(app: App, stage: Stage) -> None:
    app.says("/voice", MENU.replace("0.05", "5"))
    call = stage.dial()
    stage.reaches(call, "menu")
    stage.press(call, "1")
    stage.ended(call)

    assert app.to("/chose")[0].params["Digits"] == "1"
    assert app.to("/nothing") == []


def test_a_key_ends_the_prompt(app: App, stage: Stage) -> None:
    stage.exchange.speech = 10
    app.says("/voice", MENU.replace('numDigits="1"', 'numDigits="2"'))
    call = stage.dial()
    stage.reaches(call, "menu")
    stage.press(call, "2")

    assert app.wait_for("/chose").params["Digits"] == "2"


def test_no_key_falls_through_to_the_next_verb(app: App, stage: Stage) -> None:
    app.says("/voice", MENU)
    stage.live_through()

    assert [each.path for each in app.asked] == ["/voice", "/nothing", "/status"]


def test_no_key_goes_to_the_action_where_that_is_wanted(app: App, stage: Stage) -> None:
    app.says("/voice", MENU.replace("<Gather", '<Gather actionOnEmptyResult="true"'))
    stage.live_through()

    assert app.to("/chose")[0].params["Digits"] == ""


@pytest.mark.parametrize(("keys", "digits"), [("12#", "12"), ("123", "123"), ("1234", "123")])
def test_a_number_ends_with_its_last_key_or_its_length(app: App, stage: Stage, keys: str, digits: str) -> None:
    app.says("/voice", '<Gather action="/chose" numDigits="3"/>')
    call = stage.dial()
    stage.reaches(call, "menu")
    stage.press(call, keys)

    assert app.wait_for("/chose").params["Digits"] == digits


def test_a_menu_without_an_action_asks_where_it_stands(app: App, stage: Stage) -> None:
    stage.account.voice_url = app.says("/voice", '<Gather numDigits="1"/>', "") + "?step=1"
    call = stage.dial()
    stage.reaches(call, "menu")
    stage.press(call, "7")

    again = app.wait_for("/voice", 2).params
    assert (again["Digits"], again["step"]) == ("7", "1")


def test_only_prompts_stand_in_a_menu(app: App, stage: Stage) -> None:
    app.says("/voice", '<Gather timeout="0"><Hangup/></Gather><Redirect>/nothing</Redirect>')

    assert stage.live_through()["warnings"] == ["12200: <Hangup> in <Gather>"]
    assert app.to("/nothing")


def test_a_caller_may_hang_up_in_a_menu(app: App, stage: Stage) -> None:
    app.says("/voice", MENU.replace("0.05", "5"))
    call = stage.dial()
    stage.reaches(call, "menu")
    stage.hang_up(call)

    assert stage.ended(call)["ended_by"] == "caller"


def test_leave_does_nothing_outside_a_queue(app: App, stage: Stage) -> None:
    assert hears(app, stage, "<Leave/><Say>Still here</Say>") == "Still here"


def test_a_dial_of_nobody_fails(app: App, stage: Stage) -> None:
    app.says("/voice", '<Dial action="/dialled"><Number/></Dial>')

    assert stage.live_through()["warnings"] == ["12200: <Dial> of nobody"]
    assert app.to("/dialled")[0].params["DialCallStatus"] == "failed"


def test_after_a_conference_the_action_goes_on(app: App, stage: Stage) -> None:
    app.says("/voice", '<Dial action="/after"><Conference endConferenceOnExit="true">room</Conference></Dial>')
    first, second = stage.dial(), stage.dial()
    for call in (first, second):
        stage.reaches(call, "conference")
    stage.hang_up(first)
    stage.ended(second)

    assert [each.params["DialCallStatus"] for each in app.to("/after")] == ["answered"]


def test_an_action_may_break_as_a_first_document_may(app: App, stage: Stage) -> None:
    app.says("/voice", '<Gather action="/chose" timeout="0" actionOnEmptyResult="true"/>')
    app.says("/chose", Said(status=500))

    assert stage.live_through()["error"] == "11200"
