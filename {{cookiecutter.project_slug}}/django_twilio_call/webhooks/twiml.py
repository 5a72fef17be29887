"""Pure functions from a service's decision to the TwiML that says it."""

from __future__ import annotations

from typing import Final, assert_never

from twilio.twiml.voice_response import VoiceResponse

from ..conf import Config
from ..constants import OverflowReason
from ..links import twiml_url
from ..services.decisions import (
    Ask,
    DialOut,
    GiveUp,
    Go,
    Goodbye,
    HangUp,
    Meet,
    Menu,
    Promise,
    Queued,
    Said,
    SendOn,
    Sorry,
    Speech,
    TakeMessage,
    Thanks,
    Wait,
)
from . import lines
from .speech import Speaker

Decision = (
    Ask
    | DialOut
    | GiveUp
    | Go
    | Goodbye
    | HangUp
    | Meet
    | Menu
    | Promise
    | Queued
    | Said
    | SendOn
    | Sorry
    | TakeMessage
    | Thanks
    | Wait
)

GATHER_SECONDS: Final = 5


def render(decision: Decision, config: Config) -> str:
    """The TwiML document for a decision; "" says nothing."""
    return "" if isinstance(decision, Goodbye) else str(_response(decision, config))


def _response(decision: Decision, config: Config) -> VoiceResponse:
    match decision:
        case Menu():
            return _menu(decision, config)
        case Ask():
            return _ask(decision, config)
        case Said():
            return _said(decision, config)
        case Go():
            return _redirect(twiml_url("ivr", node=decision.node, attempt=0, step=decision.step))
        case Queued():
            return lines.queue(decision, config)
        case Wait():
            return lines.wait(decision, config)
        case GiveUp():
            return _alone("leave")
        case TakeMessage():
            return lines.take_message(decision, config)
        case Thanks():
            return _farewell("thanks", decision.speech, config)
        case Promise():
            return _farewell("promise", decision.speech, config)
        case Meet():
            return lines.meet(decision, config)
        case DialOut():
            return lines.dial_out(decision, config)
        case SendOn():
            return _send_on(decision, config)
        case Sorry():
            return _sorry(decision, config)
        case HangUp():
            return _alone("hangup")
        case Goodbye():
            return VoiceResponse()
    assert_never(decision)


def trouble(config: Config) -> str:
    """What a caller hears when nothing works: it needs no database, no cache and no service."""
    speaker = Speaker.of(config)
    return str(_last_words(speaker, config.fallback_text or speaker.phrase("trouble")))


def try_again(config: Config, url: str) -> str:
    """Keep the caller on the line and ask us again in a moment: most trouble is short."""
    response, speaker = VoiceResponse(), Speaker.of(config)
    speaker.say(response, speaker.phrase("moment"))
    response.pause(length=3)
    response.redirect(url, method="POST")
    return str(response)


def _menu(menu: Menu, config: Config) -> VoiceResponse:
    if not menu.options:
        speaker = Speaker.of(config)
        return _last_words(speaker, speaker.phrase("trouble"))
    response, speaker = VoiceResponse(), Speaker.of(config)
    gather = response.gather(
        input="dtmf",
        num_digits=1,
        timeout=GATHER_SECONDS,
        action_on_empty_result=True,
        action=twiml_url("gather", attempt=menu.attempt),
        method="POST",
    )
    options = (speaker.phrase("option", name=name, digit=digit) for digit, name in menu.options)
    speaker.say(gather, speaker.phrase("welcome" if menu.attempt == 1 else "again"), *options)
    return response


def _ask(ask: Ask, config: Config) -> VoiceResponse:
    response, speaker = VoiceResponse(), Speaker.of(config, ask.speech)
    gather = response.gather(
        input="dtmf",
        num_digits=1,
        finish_on_key="",
        timeout=ask.timeout,
        action_on_empty_result=True,
        action=twiml_url("ivr", node=ask.node, attempt=ask.attempt, step=ask.step),
        method="POST",
    )
    again = (speaker.phrase("again"),) if ask.attempt > 1 else ()
    speaker.say(gather, *again, ask.text)
    return response


def _said(said: Said, config: Config) -> VoiceResponse:
    response = VoiceResponse()
    Speaker.of(config, said.speech).say(response, *said.texts)
    for verb in _response(said.then, config).verbs:
        response.append(verb)
    return response


def _send_on(sent: SendOn, config: Config) -> VoiceResponse:
    response, speaker = VoiceResponse(), Speaker.of(config, sent.speech)
    if sent.reason:
        speaker.say(response, speaker.why(sent.reason, sent.closed))
    response.redirect(twiml_url("onward", entry=sent.entry_id), method="POST")
    return response


def _sorry(sorry: Sorry, config: Config) -> VoiceResponse:
    speaker = Speaker.of(config, sorry.speech)
    if sorry.reason == OverflowReason.TROUBLE:
        return _last_words(speaker, speaker.phrase("trouble"))
    told_when = sorry.closed is not None and sorry.closed.opening is not None
    later = () if told_when else (speaker.phrase("later"),)
    return _last_words(speaker, speaker.why(sorry.reason, sorry.closed), *later)


def _last_words(speaker: Speaker, *texts: str) -> VoiceResponse:
    response = VoiceResponse()
    speaker.say(response, *texts)
    response.hangup()
    return response


def _alone(verb: str) -> VoiceResponse:
    """One verb without anything else."""
    response = VoiceResponse()
    getattr(response, verb)()
    return response


def _redirect(url: str) -> VoiceResponse:
    response = VoiceResponse()
    response.redirect(url, method="POST")
    return response


def _farewell(key: str, speech: Speech, config: Config) -> VoiceResponse:
    speaker = Speaker.of(config, speech)
    return _last_words(speaker, speaker.phrase(key))
