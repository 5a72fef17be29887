"""Conferences: who joins and leaves, when one starts and ends, and what the app is told of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping

from .account import Account
from .calls import Call, Conference, Member, rfc2822

Send = Callable[[str, Mapping[str, str]], None]


class Conferences:
    """Those that are open, by name. `send` delivers a callback that nobody waits for."""

    def __init__(self, account: Account, send: Send) -> None:
        self._account = account
        self._send = send
        self._open: dict[str, Conference] = {}

    def __iter__(self) -> Iterator[Conference]:
        return iter(self._open.values())

    def by_sid(self, sid: str) -> Conference | None:
        """An open conference."""
        return next((each for each in self if each.sid == sid), None)

    def join(self, call: Call, name: str, member: Member, *, callback: str, events: frozenset[str]) -> Conference:
        """A leg joins; with the second one the conference starts, if one of them may start it."""
        conference = self._open.get(name)
        if conference is None:
            conference = Conference(self._account.new_sid("CF"), name, callback, events)
            self._open[name] = conference
        conference.members[call] = member
        call.conference = conference
        call.journal["conferences"].append([name, time.time(), None])
        self._tell(conference, "participant-join", "join", _participant(call, member))
        if (
            not conference.started
            and len(conference.members) > 1
            and any(m.starts for m in conference.members.values())
        ):
            conference.started = True
            self._tell(conference, "conference-start", "start", _participant(call, member))
        call.enter("conference")
        for each in conference.members:
            each.changed.set()
        return conference

    def leave(self, call: Call) -> None:
        """A leg leaves its conference, if it is in one; that ends with the last, or with one whose leaving ends it."""
        conference = call.conference
        if conference is None:
            return
        ends = conference.members[call].ends
        self._drop(conference, call)
        if ends:
            self.end(conference, "participant-with-end-conference-on-exit-left", by=call)
        elif not conference.members:
            self.end(conference, "last-participant-left", by=call)

    def end(self, conference: Conference, reason: str, *, by: Call | None = None) -> None:
        """Everybody leaves, and each leg goes on with what follows."""
        for call in tuple(conference.members):
            self._drop(conference, call)
        del self._open[conference.name]
        ending = {"CallSidEndingConference": by.sid} if by else {}
        self._tell(conference, "conference-end", "end", {"ReasonConferenceEnded": reason, **ending})

    def _drop(self, conference: Conference, call: Call) -> None:
        member = conference.members.pop(call)
        call.conference = None
        call.journal["conferences"][-1][2] = time.time()
        call.changed.set()
        self._tell(conference, "participant-leave", "leave", _participant(call, member))

    def _tell(self, conference: Conference, event: str, kind: str, details: Mapping[str, str]) -> None:
        """Events are numbered whether the app wants to hear of them or not."""
        conference.sequence += 1
        if conference.callback and kind in conference.events:
            about = {
                "AccountSid": self._account.sid,
                "ConferenceSid": conference.sid,
                "FriendlyName": conference.name,
                "StatusCallbackEvent": event,
                "SequenceNumber": str(conference.sequence),
                "Timestamp": rfc2822(),
            }
            self._send(conference.callback, {**about, **details})


def _participant(call: Call, member: Member) -> dict[str, str]:
    return {
        "CallSid": call.sid,
        "StartConferenceOnEnter": str(member.starts).lower(),
        "EndConferenceOnExit": str(member.ends).lower(),
        **dict.fromkeys(("Muted", "Hold", "Coaching"), "false"),
    }
