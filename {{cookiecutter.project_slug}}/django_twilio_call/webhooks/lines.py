"""TwiML of the line: waiting in it, leaving a message instead, and meeting an agent. Pure functions."""

from __future__ import annotations

from typing import Final

from twilio.twiml.voice_response import Dial, Gather, VoiceResponse

from ..conf import Config
from ..constants import RecordingPolicy
from ..links import callback_url, twiml_url
from ..names import named
from ..services.decisions import DialOut, Meet, Offer, Queued, TakeMessage, Wait
from .speech import Speaker

HOLD_SECONDS: Final = 10
CONSENT_SECONDS: Final = 5
SILENCE_SECONDS: Final = 10
FINISH_KEY: Final = "#"


def queue(queued: Queued, config: Config) -> VoiceResponse:
    """Into the line; who is to be asked first comes back here with their answer, or with none."""
    response, speaker = VoiceResponse(), Speaker.of(config, queued.speech)
    if queued.recording == RecordingPolicy.ASKED:
        gather = response.gather(
            input="dtmf",
            num_digits=1,
            timeout=CONSENT_SECONDS,
            action_on_empty_result=True,
            action=twiml_url("consent", entry=queued.entry_id),
            method="POST",
        )
        speaker.say(gather, speaker.phrase("consent"))
        return response
    told = {}
    if queued.recording == RecordingPolicy.ANNOUNCED:
        speaker.say(response, speaker.phrase("recorded"))
        told = {"told": 1}  # an agent may have them fetched in the middle of it: who asks to wait has heard it
    ways = {name: way for name, way in (("then", queued.then), ("full", queued.full)) if way}
    response.enqueue(
        named(queued.queue),
        action=twiml_url("queue", entry=queued.entry_id, **ways),
        method="POST",
        wait_url=twiml_url("wait", entry=queued.entry_id, **told),
        wait_url_method="POST",
    )
    return response


def wait(wait: Wait, config: Config) -> VoiceResponse:
    """Position and estimate, where they are known, and music until Twilio asks again; keys may be pressed all along."""
    response, speaker = VoiceResponse(), Speaker.of(config, wait.speech)
    heard = _gather(response, wait.offers) if wait.offers else response
    if wait.position:
        estimate = () if wait.estimate is None else (speaker.wait(wait.estimate),)
        offers = (speaker.phrase(f"offer_{offer.way}") for offer in wait.offers)
        speaker.say(heard, speaker.phrase("position", position=wait.position), *estimate, *offers)
    if music := wait.music or config.hold_music_url:
        heard.play(music)
    else:
        heard.pause(length=HOLD_SECONDS)
    return response


def _gather(response: VoiceResponse, offers: tuple[Offer, ...]) -> Gather:
    """Listen for a key. Without one the document ends, and Twilio asks for the next."""
    gather: Gather = response.gather(
        input="dtmf",
        num_digits=1,
        timeout=1,
        action=twiml_url("ask", entry=offers[0].entry_id, at=offers[0].waited),
        method="POST",
    )
    return gather


def take_message(message: TakeMessage, config: Config) -> VoiceResponse:
    """<Record> has an action, or Twilio would ask this URL again for ever; without a sound it goes on below."""
    response, speaker = VoiceResponse(), Speaker.of(config, message.speech)
    speaker.say(response, speaker.phrase("message"))
    transcribed = {}
    if config.enable_transcription:
        written = callback_url("transcription", queue=message.queue_id)
        transcribed = {"transcribe": True, "transcribe_callback": written}
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
        **transcribed,
    )
    speaker.say(response, speaker.phrase("thanks"))
    response.hangup()
    return response


def meet(meet: Meet, config: Config) -> VoiceResponse:
    """Both legs say the same: a conference takes its callback from whoever comes first, and ends with either."""
    response = VoiceResponse()
    if meet.notice is not None:
        speaker = Speaker.of(config, meet.notice)
        speaker.say(response, speaker.phrase("recorded"))
    dial = Dial()
    supervisor = {"muted": True, "coach": meet.coach} if meet.coach else {}
    recording = {}
    if meet.recorded:
        recording = {
            "record": "record-from-start",
            "recording_status_callback": callback_url("conversation", reservation=meet.reservation_id),
            "recording_status_callback_method": "POST",
            "recording_status_callback_event": "in-progress completed absent",
        }
    dial.conference(
        named(meet.conference),
        start_conference_on_enter=not meet.coach,
        end_conference_on_exit=meet.ends,
        beep=False,
        status_callback=callback_url("conference", reservation=meet.reservation_id),
        status_callback_event="end join leave mute hold modify",  # its start is when the second has joined
        status_callback_method="POST",
        **supervisor,
        **recording,
    )
    response.append(dial)
    return response


def dial_out(out: DialOut, config: Config) -> VoiceResponse:
    """<Dial> counts against no limit of created calls, and tells how it went."""
    response = VoiceResponse()
    dial = Dial(
        action=twiml_url("outside-ended", reservation=out.reservation_id),
        method="POST",
        caller_id=config.twilio_phone_number,
        timeout=config.ring_timeout,
    )
    dial.number(out.number)
    response.append(dial)
    return response
