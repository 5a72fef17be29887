"""Pure functions from a service's decision to the TwiML that says it."""

from __future__ import annotations

from typing import Final, assert_never

from twilio.twiml.voice_response import Dial, VoiceResponse

from ..conf import Config
from ..constants import OverflowReason
from ..phrases import next_opening, phrase
from ..services.decisions import Closed, GiveUp, Goodbye, Meet, Menu, Queued, SendOn, Sorry, Wait
from .links import callback_url, twiml_url

Decision = Menu | Queued | SendOn | Wait | GiveUp | Meet | Sorry | Goodbye

GATHER_SECONDS: Final = 5
HOLD_SECONDS: Final = 10


def render(decision: Decision, config: Config) -> str:
    """The TwiML document for a decision, in the voice and language of the configuration; "" says nothing."""
    match decision:
        case Menu():
            return _menu(decision, config)
        case Queued():
            return _queue(decision)
        case Wait():
            return hold(config, position=decision.position)
        case GiveUp():
            return _leave()
        case Meet():
            return _meet(decision)
        case SendOn():
            return _send_on(decision, config)
        case Sorry():
            return _sorry(decision, config)
        case Goodbye():
            return ""
    assert_never(decision)


def apology(config: Config, text: str) -> str:
    """Say why the call ends, and end it."""
    response = VoiceResponse()
    _say(response, config, text)
    response.hangup()
    return _document(response)


def trouble(config: Config) -> str:
    """What a caller hears when nothing works: it needs no database, no cache and no service."""
    return apology(config, phrase("trouble", config.caller_language))


def try_again(config: Config, url: str) -> str:
    """Keep the caller on the line and ask us again in a moment: most trouble is short."""
    response = VoiceResponse()
    _say(response, config, phrase("moment", config.caller_language))
    response.pause(length=3)
    response.redirect(url, method="POST")
    return _document(response)


def hold(config: Config, *, position: int = 0) -> str:
    """What a waiting caller hears until Twilio asks again: their position, where it is known, and music."""
    response = VoiceResponse()
    if position:
        _say(response, config, phrase("position", config.caller_language, position=position))
    if config.hold_music_url:
        response.play(config.hold_music_url)
    else:
        response.pause(length=HOLD_SECONDS)
    return _document(response)


def _menu(menu: Menu, config: Config) -> str:
    if not menu.options:
        return trouble(config)
    response = VoiceResponse()
    gather = response.gather(
        input="dtmf",
        num_digits=1,
        timeout=GATHER_SECONDS,
        action_on_empty_result=True,
        action=twiml_url("gather", attempt=menu.attempt),
        method="POST",
    )
    language = config.caller_language
    greeting = phrase("welcome" if menu.attempt == 1 else "again", language)
    options = (phrase("option", language, name=name, digit=digit) for digit, name in menu.options)
    _say(gather, config, " ".join((greeting, *options)))
    return _document(response)


def _queue(queued: Queued) -> str:
    response = VoiceResponse()
    then = {"then": queued.then} if queued.then else {}
    response.enqueue(
        queued.queue,
        action=twiml_url("queue", entry=queued.entry_id, **then),
        method="POST",
        wait_url=twiml_url("wait", entry=queued.entry_id),
        wait_url_method="POST",
    )
    return _document(response)


def _send_on(sent: SendOn, config: Config) -> str:
    response = VoiceResponse()
    if sent.reason:
        _say(response, config, _why(sent.reason, sent.closed, config))
    response.redirect(twiml_url("onward", entry=sent.entry_id), method="POST")
    return _document(response)


def _sorry(sorry: Sorry, config: Config) -> str:
    why = _why(sorry.reason, sorry.closed, config)
    told_when = sorry.closed is not None and sorry.closed.opening is not None
    return apology(config, why if told_when else f"{why} {phrase('later', config.caller_language)}")


def _why(reason: str, closed: Closed | None, config: Config) -> str:
    """Why a queue does not serve the caller, and when it will where that is known."""
    language = config.caller_language
    key = reason if reason in (OverflowReason.CLOSED, OverflowReason.NOBODY) else "busy"
    if closed is None or closed.opening is None:
        return phrase(key, language)
    return f"{phrase(key, language)} {next_opening(language, closed.opening, closed.asked)}"


def _leave() -> str:
    response = VoiceResponse()
    response.leave()
    return _document(response)


def _meet(meet: Meet) -> str:
    """Both legs say the same: a conference takes its callback from whoever comes first, and ends with either."""
    response = VoiceResponse()
    dial = Dial()
    dial.conference(
        meet.conference,
        start_conference_on_enter=True,
        end_conference_on_exit=True,
        beep=False,
        status_callback=callback_url("conference", reservation=meet.reservation_id),
        status_callback_event="start end join leave",
        status_callback_method="POST",
    )
    response.append(dial)
    return _document(response)


def _say(parent: VoiceResponse, config: Config, text: str) -> None:
    parent.say(text, voice=config.caller_voice, language=config.caller_language)


def _document(response: VoiceResponse) -> str:
    return str(response)
