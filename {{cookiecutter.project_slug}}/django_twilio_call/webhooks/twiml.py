"""Pure functions from a service's decision to the TwiML that says it."""

from __future__ import annotations

from typing import Final, assert_never

from twilio.twiml.voice_response import Dial, VoiceResponse

from ..conf import Config
from ..services.decisions import GiveUp, Goodbye, Meet, Menu, Queued, SendOn, Sorry, TakeMessage, Thanks, Wait
from .links import callback_url, twiml_url
from .speech import Speaker

Decision = Menu | Queued | SendOn | Wait | GiveUp | TakeMessage | Thanks | Meet | Sorry | Goodbye

GATHER_SECONDS: Final = 5
HOLD_SECONDS: Final = 10
SILENCE_SECONDS: Final = 10
FINISH_KEY: Final = "#"


def render(decision: Decision, config: Config) -> str:
    """The TwiML document for a decision; "" says nothing."""
    match decision:
        case Menu():
            return _menu(decision, config)
        case Queued():
            return _queue(decision)
        case Wait():
            return _wait(decision, config)
        case GiveUp():
            return _leave()
        case TakeMessage():
            return _take_message(decision, config)
        case Thanks():
            return thanks(config, decision)
        case Meet():
            return _meet(decision)
        case SendOn():
            return _send_on(decision, config)
        case Sorry():
            return _sorry(decision, config)
        case Goodbye():
            return ""
    assert_never(decision)


def trouble(config: Config) -> str:
    """What a caller hears when nothing works: it needs no database, no cache and no service."""
    speaker = Speaker.of(config)
    return _last_words(speaker, speaker.phrase("trouble"))


def try_again(config: Config, url: str) -> str:
    """Keep the caller on the line and ask us again in a moment: most trouble is short."""
    response, speaker = VoiceResponse(), Speaker.of(config)
    speaker.say(response, speaker.phrase("moment"))
    response.pause(length=3)
    response.redirect(url, method="POST")
    return _document(response)


def hold(config: Config) -> str:
    """What a waiting caller hears while nothing is known of them."""
    return _wait(Wait(position=0), config)


def thanks(config: Config, decision: Thanks | None = None) -> str:
    """What a caller hears last who left something with us."""
    speaker = Speaker.of(config, decision.speech if decision else None)
    return _last_words(speaker, speaker.phrase("thanks"))


def _menu(menu: Menu, config: Config) -> str:
    if not menu.options:
        return trouble(config)
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


def _wait(wait: Wait, config: Config) -> str:
    """Position and estimate, where they are known, and music until Twilio asks again."""
    response, speaker = VoiceResponse(), Speaker.of(config, wait.speech)
    if wait.position:
        estimate = () if wait.estimate is None else (speaker.wait(wait.estimate),)
        speaker.say(response, speaker.phrase("position", position=wait.position), *estimate)
    if music := wait.music or config.hold_music_url:
        response.play(music)
    else:
        response.pause(length=HOLD_SECONDS)
    return _document(response)


def _send_on(sent: SendOn, config: Config) -> str:
    response, speaker = VoiceResponse(), Speaker.of(config, sent.speech)
    if sent.reason:
        speaker.say(response, speaker.why(sent.reason, sent.closed))
    response.redirect(twiml_url("onward", entry=sent.entry_id), method="POST")
    return _document(response)


def _sorry(sorry: Sorry, config: Config) -> str:
    speaker = Speaker.of(config, sorry.speech)
    told_when = sorry.closed is not None and sorry.closed.opening is not None
    later = () if told_when else (speaker.phrase("later"),)
    return _last_words(speaker, speaker.why(sorry.reason, sorry.closed), *later)


def _last_words(speaker: Speaker, *texts: str) -> str:
    response = VoiceResponse()
    speaker.say(response, *texts)
    response.hangup()
    return _document(response)


def _take_message(message: TakeMessage, config: Config) -> str:
    """<Record> has an action, or Twilio would ask this URL again for ever; without a sound it goes on below."""
    response, speaker = VoiceResponse(), Speaker.of(config, message.speech)
    speaker.say(response, speaker.phrase("message"))
    response.record(
        action=twiml_url("recorded", queue=message.queue_id),
        method="POST",
        max_length=message.seconds,
        finish_on_key=FINISH_KEY,
        timeout=SILENCE_SECONDS,
        play_beep=True,
        recording_status_callback=callback_url("recording", queue=message.queue_id),
        recording_status_callback_method="POST",
        recording_status_callback_event="completed",
    )
    speaker.say(response, speaker.phrase("thanks"))
    response.hangup()
    return _document(response)


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


def _document(response: VoiceResponse) -> str:
    return str(response)
