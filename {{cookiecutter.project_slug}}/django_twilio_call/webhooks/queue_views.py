"""The webhooks of a caller whom no agent has taken yet: in line, sent on, or leaving a message."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from django.http import HttpRequest, HttpResponse

from ..conf import Config, get_config
from ..services import QueueService, RecordingService, VoicemailService
from ..services.decisions import Thanks, Wait
from . import twiml
from .base import Delivery, StatusCallback, TwilioWebhook

TEXT_LENGTH: Final = 10_000
"""Two minutes of speech, several times over."""


class WaitWebhook(TwilioWebhook):
    """Twilio asks what a waiting caller hears next."""

    kind = "wait"

    def key(self, delivery: Delivery) -> None:
        """A function of the request and the visit: asked twice, it says the same."""

    def respond(self, delivery: Delivery, config: Config) -> str:
        """Position and music, or the end of the wait."""
        decision = QueueService().wait(
            entry_id=delivery.number("entry"),
            position=delivery.number("QueuePosition", 0),
            waited=delivery.number("QueueTime", 0),
            told=delivery.number("told", 0) == 1,
            now=delivery.now,
        )
        return twiml.render(decision, config)

    def fall_back(self, request: HttpRequest, delivery: Delivery, error: Exception) -> HttpResponse:
        """The caller simply goes on waiting."""
        return HttpResponse(twiml.render(Wait(position=0), get_config()), content_type="text/xml")


class AskWebhook(TwilioWebhook):
    """A waiting caller pressed a key."""

    kind = "ask"

    def key(self, delivery: Delivery) -> str:
        """A caller may press several: the second of the wait tells them apart."""
        return f"ask:{delivery.call_sid}:{delivery.number('entry')}:{delivery.number('at')}"

    def respond(self, delivery: Delivery, config: Config) -> str:
        """Out of the line, or on with the music."""
        decision = QueueService().ask(
            entry_id=delivery.number("entry"),
            call_sid=delivery.call_sid,
            digits=delivery.text("Digits", ""),
            now=delivery.now,
        )
        return twiml.render(decision, config)

    def fall_back(self, request: HttpRequest, delivery: Delivery, error: Exception) -> HttpResponse:
        """The caller simply goes on waiting."""
        return HttpResponse(twiml.render(Wait(position=0), get_config()), content_type="text/xml")


class ConsentWebhook(TwilioWebhook):
    """A caller said whether their conversation may be recorded."""

    kind = "consent"

    def key(self, delivery: Delivery) -> str:
        """Each visit is asked once."""
        return f"consent:{delivery.call_sid}:{delivery.number('entry')}"

    def respond(self, delivery: Delivery, config: Config) -> str:
        """Into the line, either way."""
        decision = RecordingService().consent(
            entry_id=delivery.number("entry"), call_sid=delivery.call_sid, digits=delivery.text("Digits", "")
        )
        return twiml.render(decision, config)


class ConversationWebhook(StatusCallback):
    """Twilio records a conversation, or has done so."""

    kind = "conversation"

    def key(self, delivery: Delivery) -> str:
        """Each status of a recording comes once."""
        return f"rec:{delivery.text('RecordingSid')}:{delivery.text('RecordingStatus')}"

    def respond(self, delivery: Delivery, config: Config) -> str:
        """Write it down."""
        RecordingService().told(
            reservation_id=delivery.number("reservation"),
            sid=delivery.text("RecordingSid")[:34],
            conference_sid=delivery.text("ConferenceSid", "")[:34],
            status=delivery.text("RecordingStatus"),
            duration=delivery.number("RecordingDuration", 0),
            now=delivery.now,
        )
        return ""


class QueueWebhook(TwilioWebhook):
    """The caller has left Twilio's queue, one way or another."""

    kind = "queue"

    def key(self, delivery: Delivery) -> str:
        """A visit ends once; a call may visit twice, so the entry tells them apart, and a redirect ends nothing."""
        return f"queue:{delivery.call_sid}:{delivery.number('entry')}:{delivery.text('QueueResult')}"

    def foresee(self, delivery: Delivery, config: Config) -> str:
        """Twilio's result and our own URL say whether anybody is left to hear something."""
        decision = QueueService().farewell(
            entry_id=delivery.number("entry"),
            result=delivery.text("QueueResult"),
            then=_way(delivery),
        )
        return twiml.render(decision, config)

    def respond(self, delivery: Delivery, config: Config) -> str:
        """Write the outcome."""
        QueueService().leave(
            entry_id=delivery.number("entry"),
            result=delivery.text("QueueResult"),
            then=_way(delivery),
            now=delivery.now,
        )
        return self.foresee(delivery, config)


class OnwardWebhook(TwilioWebhook):
    """A queue did not serve the caller, and has a way for them to go on."""

    kind = "onward"

    def key(self, delivery: Delivery) -> str:
        """From each visit the caller goes on once."""
        return f"onward:{delivery.call_sid}:{delivery.number('entry')}"

    def respond(self, delivery: Delivery, config: Config) -> str:
        """One step on the way."""
        decision = QueueService().onward(
            entry_id=delivery.number("entry"), call_sid=delivery.call_sid, now=delivery.now
        )
        return twiml.render(decision, config)


class RecordedWebhook(TwilioWebhook):
    """The caller has left a message, or hung up over it."""

    kind = "recorded"

    def key(self, delivery: Delivery) -> None:
        """It changes nothing: the message comes with `RecordingWebhook`."""

    def respond(self, delivery: Delivery, config: Config) -> str:
        """Thank them."""
        return twiml.render(VoicemailService().taken(queue_id=delivery.number("queue")), config)

    def fall_back(self, request: HttpRequest, delivery: Delivery, error: Exception) -> HttpResponse:
        """The message is with Twilio: that is worth thanks, whatever is broken here."""
        return HttpResponse(twiml.render(Thanks(), get_config()), content_type="text/xml")


class RecordingWebhook(StatusCallback):
    """Twilio has a recording."""

    kind = "recording"

    def key(self, delivery: Delivery) -> str:
        """Each status of a recording comes once."""
        return f"rec:{delivery.text('RecordingSid')}:{delivery.text('RecordingStatus')}"

    def respond(self, delivery: Delivery, config: Config) -> str:
        """Keep the message."""
        if delivery.text("RecordingStatus") == "completed":
            VoicemailService().keep(
                queue_id=delivery.number("queue"),
                call_sid=delivery.call_sid,
                recording_sid=delivery.text("RecordingSid")[:34],
                url=delivery.text("RecordingUrl", most=300),
                duration=delivery.number("RecordingDuration", 0),
                now=delivery.now,
            )
        return ""


class TranscriptionWebhook(StatusCallback):
    """Twilio has written down a message, or could not."""

    kind = "transcription"

    def key(self, delivery: Delivery) -> str:
        """Each is told of once."""
        return f"text:{delivery.text('TranscriptionSid')}"

    def respond(self, delivery: Delivery, config: Config) -> str:
        """Keep the text."""
        if delivery.text("TranscriptionStatus") == "completed":
            VoicemailService().write_down(
                queue_id=delivery.number("queue"),
                call_sid=delivery.call_sid,
                recording_sid=delivery.text("RecordingSid")[:34],
                url=delivery.text("RecordingUrl", most=300),
                transcription_sid=delivery.text("TranscriptionSid")[:34],
                text=delivery.text("TranscriptionText", "", most=TEXT_LENGTH),
                now=delivery.now,
            )
        return ""

    def _claim(self, key: str, delivery: Delivery, answer: str) -> None:
        """Without the text: what Twilio sent is shown to more people than may hear the message, and kept for longer."""
        kept = {name: value for name, value in delivery.fields.items() if name != "TranscriptionText"}
        super()._claim(key, replace(delivery, fields=kept), answer)


def _way(delivery: Delivery) -> str:
    """Where the caller goes whom Twilio's queue lets go, as our own URL says: one it never took has another way."""
    return delivery.text("full" if delivery.text("QueueResult") == "queue-full" else "then", "")
