"""A conference and who takes part in it, and how."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from .calls import Call, Callback, Target

LARGEST: Final = 250
FULL: Final = 13212
BAD_COACH: Final = 13240
SAME_LABEL: Final = 16025


class CannotJoinError(Exception):
    """A leg cannot take part as it asks to: Twilio's code, and why."""

    def __init__(self, code: int, why: str) -> None:
        super().__init__(why)
        self.code = code


@dataclass(frozen=True, slots=True)
class Member:
    """How a leg takes part: whether the conference starts when it enters and ends when it leaves, and what it hears.

    `coached` is the CallSid of the one leg that hears it, `wait` what it hears until the start, `music` on hold.
    """

    starts: bool = True
    ends: bool = False
    muted: bool = False
    hold: bool = False
    coached: str = ""
    coaching: bool = False
    label: str = ""
    wait: Target | None = None
    music: Target | None = None


@dataclass(eq=False, slots=True)
class Conference:
    """Legs that hear one another. The callback is that of the first who came, as with Twilio."""

    sid: str
    name: str
    callback: Callback
    most: int = LARGEST
    recorded: Callback | None = None
    """Whom recordings are told, if it is recorded from its start."""
    sequence: int = 0
    started: bool = False
    members: dict[Call, Member] = field(default_factory=dict)
    invited: dict[Call, Member] = field(default_factory=dict)  # called by the app, until they join
    created: float = 0.0
    updated: float = 0.0
    reason: str = ""
    """Why it ended; "" while it has not."""
    ended_by: str = ""

    def plays(self, call: Call) -> Target | None:
        """What a leg hears instead of the others, if the app said what."""
        member = self.members[call]
        return member.music if member.hold else None if self.started else member.wait

    def refuse(self, call: Call | None, member: Member) -> None:
        """Raises `CannotJoinError` for what a leg may not be here."""
        others = {**self.members, **self.invited}
        if call is not None:
            others.pop(call, None)
        if member.label and member.label in {other.label for other in others.values()}:
            raise CannotJoinError(SAME_LABEL, f"participantLabel {member.label} is taken")
        if member.coaching and member.coached not in {other.sid for other in self.members if other is not call}:
            raise CannotJoinError(BAD_COACH, f"nobody to coach has the CallSid {member.coached or '(none)'}")
        if call not in self.members and len(self.members) >= self.most:
            raise CannotJoinError(FULL, f"there are {self.most} in it, and no more may be")


def participant(call: Call, member: Member) -> dict[str, str]:
    """What conference callbacks say of a participant."""
    flags = {
        "StartConferenceOnEnter": member.starts,
        "EndConferenceOnExit": member.ends,
        "Muted": member.muted,
        "Hold": member.hold,
        "Coaching": member.coaching,
    }
    said = {name: str(value).lower() for name, value in flags.items()}
    coached = {"CallSidToCoach": member.coached} if member.coaching else {}
    label = {"ParticipantLabel": member.label} if member.label else {}
    return {"CallSid": call.sid, **said, **coached, **label}
