"""The webhooks of conversations: who is in a conference, and callers who leave one for somewhere else."""

from __future__ import annotations

from typing import Final

from ..conf import Config
from ..constants import CallStatus
from ..models import Participant
from ..names import unnamed
from ..services import ConferenceService, TransferService
from ..services.rooms import departure
from . import twiml
from .base import Delivery, StatusCallback, TwilioWebhook

NAME: Final = 60
"""Longest name of a conference: a namespace and one of ours."""


class ConferenceWebhook(StatusCallback):
    """Something happened in a conference."""

    kind = "conference"

    def key(self, delivery: Delivery) -> str:
        """Twilio numbers the events of a conference."""
        return f"conf:{delivery.text('ConferenceSid')}:{delivery.number('SequenceNumber')}"

    def respond(self, delivery: Delivery, config: Config) -> str:
        """Its end decides something; the others say who is in it, and how."""
        event = delivery.text("StatusCallbackEvent")
        if event == "conference-end":
            ConferenceService().ended(
                reservation_id=delivery.number("reservation"),
                room=unnamed(delivery.text("FriendlyName", "", most=NAME)),
                sid=delivery.text("ConferenceSid", most=34),
                now=delivery.now,
            )
        elif event.startswith("participant-"):
            ConferenceService().told(_participant(delivery, left=event == "participant-leave"))
        return ""


class TransferWebhook(TwilioWebhook):
    """A caller has left a conversation for a queue or another agent."""

    kind = "transfer"

    def key(self, delivery: Delivery) -> str:
        """A conversation is left once."""
        return departure(delivery.call_sid, to="transfer", reservation=delivery.number("reservation"))

    def respond(self, delivery: Delivery, config: Config) -> str:
        """Into the line, or to whoever has taken them meanwhile."""
        decision = TransferService().arrive(reservation_id=delivery.number("reservation"), call_sid=delivery.call_sid)
        return twiml.render(decision, config)


class OutsideWebhook(TwilioWebhook):
    """A caller has left a conversation for a number outside."""

    kind = "outside"

    def key(self, delivery: Delivery) -> str:
        """A conversation is left once."""
        return departure(delivery.call_sid, to="outside", reservation=delivery.number("reservation"))

    def respond(self, delivery: Delivery, config: Config) -> str:
        """Dial."""
        decision = TransferService().outside(reservation_id=delivery.number("reservation"), call_sid=delivery.call_sid)
        return twiml.render(decision, config)


class OutsideEndedWebhook(TwilioWebhook):
    """The conversation outside is over, or there was none."""

    kind = "outside-ended"

    def key(self, delivery: Delivery) -> str:
        """It ends once."""
        return f"outside-ended:{delivery.call_sid}:{delivery.number('reservation')}"

    def respond(self, delivery: Delivery, config: Config) -> str:
        """Goodbye, or back in line."""
        decision = TransferService().outside_ended(
            reservation_id=delivery.number("reservation"),
            call_sid=delivery.call_sid,
            status=delivery.text("DialCallStatus", ""),
            now=delivery.now,
        )
        return twiml.render(decision, config)


class OutsideStatusWebhook(StatusCallback):
    """How the call goes to somebody outside who was asked into a conversation."""

    kind = "outside-status"

    def key(self, delivery: Delivery) -> str:
        """Each status comes once."""
        return f"outside-status:{delivery.call_sid}:{delivery.text('CallStatus')}"

    def respond(self, delivery: Delivery, config: Config) -> str:
        """Only its end matters: that they have come in, the conference tells."""
        ended = delivery.text("CallStatus") in CallStatus.COMPLETED_STATUSES
        ConferenceService().outside_status(leg_id=delivery.number("leg"), ended=ended, now=delivery.now)
        return ""


def _participant(delivery: Delivery, *, left: bool) -> Participant:
    """What one event says of a participant."""
    return Participant(
        sid=delivery.text("ConferenceSid", most=34),
        call_sid=delivery.call_sid,
        room=unnamed(delivery.text("FriendlyName", f"reservation-{delivery.number('reservation')}", most=NAME)),
        label=delivery.text("ParticipantLabel", "", most=40),
        hold=delivery.text("Hold", "") == "true",
        muted=delivery.text("Muted", "") == "true",
        coaching=delivery.text("Coaching", "") == "true",
        ends=delivery.text("EndConferenceOnExit", "") == "true",
        sequence=delivery.number("SequenceNumber"),
        joined_at=delivery.now,
        left_at=delivery.now if left else None,
    )
