"""The webhooks: each translates a request, makes one service call, and translates the decision to TwiML."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from ..conf import Config, get_config
from ..links import callback_url, twiml_url
from ..services import CallService, IVRService, SupervisionService
from . import twiml
from .base import Delivery, StatusCallback, TwilioWebhook


class VoiceWebhook(TwilioWebhook):
    """A caller rings our number."""

    kind = "voice"

    def key(self, delivery: Delivery) -> str:
        """A call rings once."""
        return f"voice:{delivery.call_sid}"

    def respond(self, delivery: Delivery, config: Config) -> str:
        """Greet, and offer what the number's flow begins with."""
        decision = CallService().receive(
            sid=delivery.call_sid,
            from_number=delivery.text("From", ""),
            to_number=delivery.text("To", ""),
            now=delivery.now,
        )
        return twiml.render(decision, config)


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


class IVRWebhook(TwilioWebhook):
    """The caller answered a menu of their flow, or goes on in it."""

    kind = "ivr"

    def key(self, delivery: Delivery) -> str:
        """The steps of a call through its flow are counted."""
        return f"ivr:{delivery.call_sid}:{delivery.number('step')}"

    def respond(self, delivery: Delivery, config: Config) -> str:
        """One step on."""
        decision = IVRService().press(
            call_sid=delivery.call_sid,
            node=delivery.text("node"),
            digits=delivery.text("Digits", ""),
            attempt=delivery.number("attempt"),
            step=delivery.number("step"),
            now=delivery.now,
        )
        return twiml.render(decision, config)


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
        """Into the conference, where the caller follows; a supervisor into one that is under way."""
        if "supervision" in delivery.fields:
            return self._supervise(delivery, config)
        reservation_id = delivery.number("reservation")
        decision = CallService().join(
            sid=delivery.call_sid,
            reservation_id=reservation_id,
            identity=delivery.text("From").removeprefix("client:"),
            from_number=delivery.text("From"),
            to_number=delivery.text("To", ""),
            connect_url=twiml_url("connect", reservation=reservation_id),
            status_url=callback_url("status", reservation=reservation_id),
            now=delivery.now,
        )
        return twiml.render(decision, config)

    def _supervise(self, delivery: Delivery, config: Config) -> str:
        decision = SupervisionService().join(
            supervision_id=delivery.number("supervision"),
            identity=delivery.text("From").removeprefix("client:"),
            sid=delivery.call_sid,
            from_number=delivery.text("From"),
            to_number=delivery.text("To", ""),
            now=delivery.now,
        )
        return twiml.render(decision, config)


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
            reservation_id=delivery.number("reservation", 0),
            now=delivery.now,
        )
        return ""


class ProbeWebhook(TwilioWebhook):
    """What `manage.py doctor` asks, to see that this process takes signatures of the deploy's token."""

    kind = "probe"

    def key(self, delivery: Delivery) -> None:
        """Asking twice is harmless."""

    def respond(self, delivery: Delivery, config: Config) -> str:
        """Nothing."""
        return ""


def fallback(request: HttpRequest) -> HttpResponse:
    """The number's FallbackUrl: says sorry without asking anything, not even who asks."""
    return HttpResponse(twiml.trouble(get_config()), content_type="text/xml")
