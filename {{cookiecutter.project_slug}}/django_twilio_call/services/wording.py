"""Words for the codes that a call's record is made of, in the language of who reads it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, TypeAlias

from django.utils.translation import gettext_lazy as _

from ..constants import (
    AgentStatus,
    CallbackState,
    CallRole,
    Onward,
    OutboxKind,
    OutboxState,
    OverflowReason,
    QueueEntryState,
    RecordingPolicy,
    RecordingState,
    ReservationState,
    StateReason,
)

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

Words: TypeAlias = "Mapping[str, _StrPromise]"

VISITS: Final[Words] = {
    QueueEntryState.WAITING: _("waiting"),
    QueueEntryState.RESERVED: _("reserved"),
    QueueEntryState.ANSWERED: _("answered"),
    QueueEntryState.ABANDONED: _("abandoned"),
    QueueEntryState.OVERFLOWED: _("overflowed"),
}
OVERFLOWS: Final[Words] = {
    OverflowReason.CLOSED: _("closed"),
    OverflowReason.FULL: _("full"),
    OverflowReason.NOBODY: _("nobody there"),
    OverflowReason.WAITED: _("waited too long"),
    OverflowReason.TROUBLE: _("trouble"),
    OverflowReason.ASKED: _("as asked"),
    OverflowReason.WITHDRAWN: _("withdrawn"),
    OverflowReason.NO_ANSWER: _("no answer"),
}
"""Why a queue did not serve a caller."""
ONWARD: Final[Words] = {
    Onward.WAIT: _("wait"),
    Onward.GOODBYE: _("goodbye"),
    Onward.QUEUE: _("queue"),
    Onward.VOICEMAIL: _("voicemail"),
    Onward.CALLBACK: _("callback"),
}
OFFERS: Final[Words] = {
    ReservationState.PENDING: _("pending"),
    ReservationState.ACCEPTED: _("accepted"),
    ReservationState.COMPLETED: _("completed"),
    ReservationState.DECLINED: _("declined"),
    ReservationState.TIMEOUT: _("timeout"),
    ReservationState.CANCELLED: _("cancelled"),
}
AGENTS: Final[Words] = {
    AgentStatus.AVAILABLE: _("available"),
    AgentStatus.RESERVED: _("reserved"),
    AgentStatus.BUSY: _("busy"),
    AgentStatus.WRAP_UP: _("wrap up"),
    AgentStatus.ON_BREAK: _("on break"),
    AgentStatus.TRAINING: _("training"),
    AgentStatus.OFFLINE: _("offline"),
    AgentStatus.LUNCH: _("lunch"),
}
REASONS: Final[Words] = {
    StateReason.AWAY: _("away"),
    StateReason.NO_ANSWER: _("no answer"),
    StateReason.DECLINED: _("declined"),
    StateReason.HUNG_UP: _("hung up"),
}
"""Why the server changed an agent's state; agents' own reasons are in no catalogue of ours."""
LEGS: Final[Mapping[str, tuple[_StrPromise, _StrPromise]]] = {
    CallRole.CUSTOMER: (_("customer leg began"), _("customer leg ended")),
    CallRole.AGENT: (_("agent leg began"), _("agent leg ended")),
    CallRole.OUTSIDE: (_("outside leg began"), _("outside leg ended")),
    CallRole.SUPERVISOR: (_("supervisor leg began"), _("supervisor leg ended")),
}
RECORDINGS: Final[Words] = {
    RecordingState.IN_PROGRESS: _("in progress"),
    RecordingState.PAUSED: _("paused"),
    RecordingState.COMPLETED: _("completed"),
    RecordingState.ABSENT: _("absent"),
    RecordingState.FAILED: _("failed"),
}
CONSENTS: Final[Words] = {
    RecordingPolicy.NEVER: _("never"),
    RecordingPolicy.ANNOUNCED: _("always, and callers are told"),
    RecordingPolicy.ASKED: _("if the caller agrees"),
}
CALLBACKS: Final[Words] = {
    CallbackState.WAITING: _("waiting"),
    CallbackState.LINED_UP: _("lined up"),
    CallbackState.DONE: _("done"),
    CallbackState.FAILED: _("failed"),
    CallbackState.WITHDRAWN: _("withdrawn"),
}
COMMANDS: Final[Words] = {
    OutboxKind.REDIRECT_CALL: _("redirect call"),
    OutboxKind.END_CALL: _("end call"),
    OutboxKind.CREATE_CALL: _("create call"),
    OutboxKind.TRANSFER_CALL: _("transfer call"),
    OutboxKind.UPDATE_PARTICIPANT: _("participant"),
    OutboxKind.ADD_PARTICIPANT: _("add participant"),
    OutboxKind.PAUSE_RECORDING: _("pause recording"),
    OutboxKind.RESUME_RECORDING: _("resume recording"),
}
SENT: Final[Words] = {
    OutboxState.PENDING: _("pending"),
    OutboxState.SUBMISSION_UNKNOWN: _("in doubt"),
    OutboxState.DONE: _("done"),
    OutboxState.FAILED: _("failed"),
}
"""Where a command to Twilio stands."""


def of(words: Words, code: str) -> str:
    """What is said for a code; one that is new here is still shown."""
    return str(words.get(code) or code.replace("_", " "))
