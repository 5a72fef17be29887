"""Conferences: who joins and leaves, when one starts and ends, and what the app is told of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from .account import Account
from .calls import Call, Callback, Target, rfc2822
from .clock import Clock

if TYPE_CHECKING:
    from .recordings import Recordings

Send = Callable[[Callback, Mapping[str, str]], None]

LARGEST: Final = 250
FULL: Final = 13212
BAD_COACH: Final = 13240
SAME_LABEL: Final = 16025

UPDATED: Final = "participant_updated_via_api"
HUNG_UP: Final = "participant_hung_up"


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


class Conferences:
    """Those that are open, by name, and those that were. `send` delivers a callback that nobody waits for."""

    def __init__(self, account: Account, send: Send, clock: Clock, recordings: Recordings) -> None:
        self._recordings = recordings
        self._clock = clock
        self._account = account
        self._send = send
        self._open: dict[str, Conference] = {}
        self._known: dict[str, Conference] = {}
        self._invited: dict[Call, Conference] = {}

    def __iter__(self) -> Iterator[Conference]:
        return iter(self._open.values())

    @property
    def all(self) -> list[Conference]:
        """Open and ended ones, in the order they began."""
        return list(self._known.values())

    def by_sid(self, sid: str) -> Conference | None:
        """A conference, ended ones too."""
        return self._known.get(sid)

    def open(self, name: str, callback: Callback, **terms: Any) -> Conference:
        """The open conference of this name; a new one if there is none. `terms` are fields of `Conference`."""
        if name not in self._open:
            now = self._clock.time()
            made = Conference(self._account.new_sid("CF"), name, callback, created=now, updated=now, **terms)
            self._open[name] = self._known[made.sid] = made
        return self._open[name]

    def invite(self, conference: Conference, call: Call, member: Member) -> None:
        """A leg that was called will join."""
        conference.invited[call] = member
        self._invited[call] = conference

    def forget_unused(self, conference: Conference) -> None:
        """It was opened for somebody who may not join."""
        if not conference.sequence and not conference.invited:
            del self._open[conference.name], self._known[conference.sid]

    def join(self, call: Call, conference: Conference, member: Member) -> None:
        """A leg joins; with the second one the conference starts, if one of them may start it.

        Raises `CannotJoinError`.
        """
        try:
            conference.refuse(call, member)
        except CannotJoinError:
            self.forget_unused(conference)
            raise
        member = conference.invited.pop(call, member)
        self._invited.pop(call, None)
        conference.members[call] = member
        call.conference = conference
        call.journal["conferences"].append([conference.name, self._clock.time(), None])
        self._tell(conference, "participant-join", "join", _participant(call, member))
        starts = any(each.starts for each in conference.members.values())
        if not conference.started and len(conference.members) > 1 and starts:
            conference.started = True
            if conference.recorded is not None:
                self._recordings.start(conference, "Conference", conference.recorded)
            self._tell(conference, "conference-start", "start", _participant(call, member))
        call.enter("conference")
        for each in conference.members:
            each.changed.set()

    def change(self, conference: Conference, call: Call, **changes: Any) -> None:
        """A participant is muted, held, unheld …: fields of `Member`. Raises `CannotJoinError`."""
        before, after = conference.members[call], replace(conference.members[call], **changes)
        conference.refuse(call, after)
        conference.members[call] = after
        about = _participant(call, after)
        if after.hold != before.hold:
            self._tell(conference, "participant-hold" if after.hold else "participant-unhold", "hold", about)
        if after.muted != before.muted:
            self._tell(conference, "participant-mute" if after.muted else "participant-unmute", "mute", about)
        if (after.ends, after.coaching, after.coached) != (before.ends, before.coaching, before.coached):
            self._tell(conference, "participant-modify", "modify", about)
        call.changed.set()

    def announced(self, conference: Conference, target: Target, *, to: Call | None, failure: str = "") -> None:
        """Tell that an announcement was heard, by one leg or by all."""
        about = _participant(to, conference.members[to]) if to in conference.members else {}
        failed = {"ReasonAnnouncementFailed": failure} if failure else {}
        event = "announcement-fail" if failure else "announcement-end"
        self._tell(conference, event, "announcement", {**about, "AnnounceUrl": target.url, **failed})

    def leave(self, call: Call, reason: str = HUNG_UP, *, kicked: bool = False) -> None:
        """A leg leaves its conference, if it is in one; that ends with the last, or with one whose leaving ends it."""
        if (missed := self._invited.pop(call, None)) is not None:
            self._leaves(missed, call, missed.invited.pop(call), "participant_add_failed")
            self._end_if_empty(missed, call, kicked=kicked)
        conference = call.conference
        if conference is None:
            return
        ends = conference.members[call].ends
        self._drop(conference, call, reason)
        if ends:
            how = "kicked" if kicked else "left"
            self.end(conference, f"participant-with-end-conference-on-exit-{how}", by=call)
        else:
            self._end_if_empty(conference, call, kicked=kicked)

    def end(self, conference: Conference, reason: str, *, by: Call | None = None) -> None:
        """Everybody leaves, and each leg goes on with what follows."""
        self._recordings.stop_all(conference)
        for call in tuple(conference.members):
            self._drop(conference, call, "moderator_ended_conference" if by else "conference_ended_via_api")
        for call in tuple(conference.invited):
            del conference.invited[call], self._invited[call]
        del self._open[conference.name]
        conference.reason, conference.ended_by = reason, by.sid if by else ""
        ending = {"CallSidEndingConference": by.sid} if by else {}
        self._tell(conference, "conference-end", "end", {"ReasonConferenceEnded": reason, **ending})

    def _end_if_empty(self, conference: Conference, last: Call, *, kicked: bool) -> None:
        if not conference.members and not conference.invited:
            self.end(conference, f"last-participant-{'kicked' if kicked else 'left'}", by=last)

    def _drop(self, conference: Conference, call: Call, reason: str) -> None:
        member = conference.members.pop(call)
        call.conference = None
        call.journal["conferences"][-1][2] = self._clock.time()
        call.changed.set()
        self._leaves(conference, call, member, reason)

    def _leaves(self, conference: Conference, call: Call, member: Member, reason: str) -> None:
        why = {"ReasonParticipantLeft": reason, "ParticipantCallStatus": call.status}
        self._tell(conference, "participant-leave", "leave", {**_participant(call, member), **why})

    def _tell(self, conference: Conference, event: str, kind: str, details: Mapping[str, str]) -> None:
        """Events are numbered whether the app wants to hear of them or not."""
        conference.sequence += 1
        conference.updated = self._clock.time()
        if conference.callback.wants(kind):
            about = {
                "AccountSid": self._account.sid,
                "ConferenceSid": conference.sid,
                "FriendlyName": conference.name,
                "StatusCallbackEvent": event,
                "SequenceNumber": str(conference.sequence),
                "Timestamp": rfc2822(self._clock.time()),
            }
            self._send(conference.callback, {**about, **details})


def _participant(call: Call, member: Member) -> dict[str, str]:
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
