"""A call as a line of the history reads: who, where, with whom, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext

from ..models import Call
from ..services import wording
from .presenters import caller_text, clock_text


@dataclass(frozen=True, slots=True)
class CallRow:
    """One call in words."""

    sid: str
    caller: str
    began: datetime
    length: str
    queues: str
    agents: str
    outcome: str
    is_recorded: bool
    has_message: bool


def present_call(call: Call) -> CallRow:
    """From a call with its visits, their taken reservations, recordings and messages at hand."""
    entries = list(call.entries.all())
    agents = [each.agent.name for entry in entries for each in entry.reservations.all() if each.accepted_at]
    return CallRow(
        sid=call.sid,
        caller=caller_text(call.from_number) if not call.erased_at else _erased(),
        began=call.started_at,
        length=clock_text((call.ended_at - call.started_at).total_seconds()) if call.ended_at else gettext("live"),
        queues=", ".join(dict.fromkeys(entry.queue.name for entry in entries)),
        agents=", ".join(dict.fromkeys(agents)),
        outcome=wording.of(wording.VISITS, entries[-1].state) if entries else gettext("in the menu"),
        is_recorded=any(recording.is_there for recording in call.recordings.all()),
        has_message=any(message.erased_at is None for message in call.voicemails.all()),
    )


def outside_text(number: str | None) -> str:
    """Whom somebody called outside, as callers are written; "" where it was nobody."""
    return "" if number is None else caller_text(number) if number else _erased()


def _erased() -> str:
    return gettext("Erased")
