"""The webhooks: each translates a request, makes one service call, and translates the decision to TwiML."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from ..conf import Config, get_config
from ..services import CallService, IVRService, QueueService, VoicemailService
from . import twiml
from .base import Delivery, StatusCallback, TwilioWebhook
from .links import twiml_url


class VoiceWebhook(TwilioWebhook):
    """A caller rings our number."""

    kind = "voice"

    def key(self, delivery: Delivery) -> str:
        """A call rings once."""
        return f"voice:{delivery.call_sid}"

    def respond(self, delivery: Delivery, config: Config) -> str:
        """Greet and offer the menu."""
        menu = CallService().receive(
            sid=delivery.call_sid,
            from_number=delivery.text("From", ""),
            to_number=delivery.text("To", ""),
            now=delivery.now,
        )
        return twiml.render(menu, config)


class GatherWebhook(TwilioWebhook):
    """The caller pressed a key, or none."""

    kind = "gather"

    def key(self, delivery: Delivery) -> str:
        """The menu is read several times to one call: the attempt tells them apart."""
        return f"gather:{delivery.call_sid}:{delivery.number('attempt')}"

    def respond(self, delivery: Delivery, config: Config) -> str:
        """Queue the caller, or read the menu again."""
        decision = IVRService().choose(
            call_sid=delivery.call_sid,
            digits=delivery.text("Digits", ""),
            attempt=delivery.number("attempt"),
            now=delivery.now,
        )
        return twiml.render(decision, config)


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
            now=delivery.now,
        )
        return twiml.render(decision, config)

    def fall_back(self, request: HttpRequest, delivery: Delivery, error: Exception) -> HttpResponse:
        """The caller simply goes on waiting."""
        return HttpResponse(twiml.hold(get_config()), content_type="text/xml")


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
            then=delivery.text("then", ""),
        )
        return twiml.render(decision, config)

    def respond(self, delivery: Delivery, config: Config) -> str:
        """Write the outcome."""
        QueueService().leave(
            entry_id=delivery.number("entry"),
            result=delivery.text("QueueResult"),
            then=delivery.text("then", ""),
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
        return HttpResponse(twiml.thanks(get_config()), content_type="text/xml")


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


class ConnectWebhook(TwilioWebhook):
    """The caller's call goes on outside the queue, to meet the agent."""

    kind = "connect"

    def key(self, delivery: Delivery) -> str:
        """A reservation connects once."""
        return f"connect:{delivery.call_sid}:{delivery.number('reservation')}"

    def respond(self, delivery: Delivery, config: Config) -> str:
        """Into the conference, back to the queue when the agent is gone, or nothing when the caller is."""
        decision = CallService().connect(
            reservation_id=delivery.number("reservation"), sid=delivery.call_sid, now=delivery.now
        )
        return twiml.render(decision, config)


class AgentWebhook(TwilioWebhook):
    """An agent's phone joins for a reservation (Voice URL of the TwiML App)."""

    kind = "agent"

    def key(self, delivery: Delivery) -> str:
        """A leg joins once."""
        return f"agent:{delivery.call_sid}"

    def respond(self, delivery: Delivery, config: Config) -> str:
        """Into the conference, where the caller follows."""
        reservation_id = delivery.number("reservation")
        decision = CallService().join(
            sid=delivery.call_sid,
            reservation_id=reservation_id,
            identity=delivery.text("From").removeprefix("client:"),
            from_number=delivery.text("From"),
            to_number=delivery.text("To", ""),
            connect_url=twiml_url("connect", reservation=reservation_id),
            now=delivery.now,
        )
        return twiml.render(decision, config)


class ConferenceWebhook(StatusCallback):
    """Something happened in a conference."""

    kind = "conference"

    def key(self, delivery: Delivery) -> str:
        """Twilio numbers the events of a conference."""
        return f"conf:{delivery.text('ConferenceSid')}:{delivery.number('SequenceNumber')}"

    def respond(self, delivery: Delivery, config: Config) -> str:
        """Only its end decides something; the others are kept for the record."""
        if delivery.text("StatusCallbackEvent") == "conference-end":
            CallService().conference_ended(reservation_id=delivery.number("reservation"), now=delivery.now)
        return ""


class StatusWebhook(StatusCallback):
    """The status of a leg changed."""

    kind = "status"

    def key(self, delivery: Delivery) -> str:
        """Twilio numbers the events of a call; where it does not, each status comes once."""
        mark = delivery.fields.get("SequenceNumber") or delivery.text("CallStatus")
        return f"call:{delivery.call_sid}:{mark}"

    def respond(self, delivery: Delivery, config: Config) -> str:
        """Project the status onto the call, in whatever order it came."""
        CallService().status(
            sid=delivery.call_sid,
            status=delivery.text("CallStatus"),
            sequence=delivery.number("SequenceNumber", 0),
            duration=delivery.number("CallDuration", 0),
            from_number=delivery.text("From", ""),
            to_number=delivery.text("To", ""),
            now=delivery.now,
        )
        return ""


def fallback(request: HttpRequest) -> HttpResponse:
    """The number's FallbackUrl: says sorry without asking anything, not even who asks."""
    return HttpResponse(twiml.trouble(get_config()), content_type="text/xml")
