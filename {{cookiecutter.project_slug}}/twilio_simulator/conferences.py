"""Conferences: who joins and leaves, when one starts and ends, and what the app is told of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from .account import Account
from .calls import Call, Callback, HungUp, Target, rfc2822
from .clock import Clock
from .members import CannotJoinError, Conference, Member, participant

if TYPE_CHECKING:
    from .recordings import Recordings

Send = Callable[[Callback, Mapping[str, str]], None]

UPDATED: Final = "participant_updated_via_api"
HUNG_UP: Final = "participant_hung_up"


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
        self._tell(conference, "participant-join", "join", participant(call, member))
        starts = any(each.starts for each in conference.members.values())
        if not conference.started and len(conference.members) > 1 and starts:
            conference.started = True
            if conference.recorded is not None:
                self._recordings.start(conference, "Conference", conference.recorded)
            self._tell(conference, "conference-start", "start", participant(call, member))
        call.enter("conference")
        for each in conference.members:
            each.changed.set()

    def change(self, conference: Conference, call: Call, **changes: Any) -> None:
        """A participant is muted, held, unheld …: fields of `Member`. Raises `CannotJoinError`."""
        before, after = conference.members[call], replace(conference.members[call], **changes)
        conference.refuse(call, after)
        conference.members[call] = after
        about = participant(call, after)
        if after.hold != before.hold:
            self._tell(conference, "participant-hold" if after.hold else "participant-unhold", "hold", about)
        if after.muted != before.muted:
            self._tell(conference, "participant-mute" if after.muted else "participant-unmute", "mute", about)
        if (after.ends, after.coaching, after.coached) != (before.ends, before.coaching, before.coached):
            self._tell(conference, "participant-modify", "modify", about)
        call.changed.set()

    def announced(self, conference: Conference, target: Target, *, to: Call | None, failure: str = "") -> None:
        """Tell that an announcement was heard, by one leg or by all."""
        about = participant(to, conference.members[to]) if to in conference.members else {}
        failed = {"ReasonAnnouncementFailed": failure} if failure else {}
        event = "announcement-fail" if failure else "announcement-end"
        self._tell(conference, event, "announcement", {**about, "AnnounceUrl": target.url, **failed})

    def speaks(self, call: Call) -> None:
        """Somebody says something, in a conference or not."""
        if conference := call.conference:
            for event in ("participant-speech-start", "participant-speech-stop"):
                self._tell(conference, event, "speaker", participant(call, conference.members[call]))

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
        """Everybody leaves, and each leg goes on with what follows; nobody is called into it any more."""
        self._recordings.stop_all(conference)
        for call in tuple(conference.members):
            self._drop(conference, call, "moderator_ended_conference" if by else "conference_ended_via_api")
        for call in tuple(conference.invited):
            del conference.invited[call], self._invited[call]
            call.interrupt(HungUp("app"))
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
        self._tell(conference, "participant-leave", "leave", {**participant(call, member), **why})

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
