"""Conferences over REST, and who takes part: called in, muted, held, coached, announced to, taken out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import unquote
from xml.etree import ElementTree as ET

from . import shapes
from .call_resources import manner_of, numbers_of
from .calls import Call, Target
from .conferences import UPDATED
from .http import Reply, Request
from .members import BAD_COACH, LARGEST, CannotJoinError, Conference, Member
from .resources import (
    SID,
    RefusedRequest,
    Resources,
    Route,
    callback_of,
    filtered,
    flag,
    not_found,
    target_of,
    whole,
)
from .talking import announce

WHO: Final = r"([^/]+)"
"""A CallSid or a label; for a conference the SID or, where one is called in, the name."""

FLAGS: Final = {"muted": "Muted", "hold": "Hold", "ends": "EndConferenceOnExit", "coaching": "Coaching"}


class ConferenceResources(Resources):
    """`Conferences` and their `Participants`."""

    @property
    def routes(self) -> Sequence[Route]:
        """What is answered."""
        return (
            ("GET", "Conferences", self._list),
            ("GET", f"Conferences/{SID}", self._fetch),
            ("POST", f"Conferences/{SID}", self._update),
            ("GET", f"Conferences/{SID}/Participants", self._participants),
            ("POST", f"Conferences/{WHO}/Participants", self._invite),
            ("GET", f"Conferences/{SID}/Participants/{WHO}", self._participant),
            ("POST", f"Conferences/{SID}/Participants/{WHO}", self._change),
            ("DELETE", f"Conferences/{SID}/Participants/{WHO}", self._remove),
        )

    def _list(self, request: Request) -> Reply:
        shown = [shapes.conference(each, self.account) for each in reversed(self.exchange.conferences.all)]
        wanted = filtered(shown, request, {"friendly_name": "FriendlyName", "status": "Status"})
        return self.page("conferences", wanted, request)

    def _fetch(self, _: Request, sid: str) -> Reply:
        return Reply(200, shapes.conference(self._conference_of(sid), self.account))

    def _update(self, request: Request, sid: str) -> Reply:
        conference = self._conference_of(sid)
        if "AnnounceUrl" in request.fields:
            target = target_of(request, "AnnounceUrl", "AnnounceMethod")
            if not conference.started or conference.reason:
                raise RefusedRequest(400, 20001, f"conference {sid} is not in progress: nobody would hear it")
            announce(self.exchange, conference, target)
        if request.fields.get("Status") == "completed" and not conference.reason:
            self.exchange.conferences.end(conference, "conference-ended-via-api")
        return Reply(200, shapes.conference(conference, self.account))

    def _participants(self, request: Request, sid: str) -> Reply:
        conference = self._conference_of(sid)
        legs = (*conference.members, *conference.invited)
        shown = [shapes.participant(call, conference, self.account) for call in legs]
        names = {"muted": "Muted", "hold": "Hold", "coaching": "Coaching"}
        return self.page("participants", filtered(shown, request, names), request)

    def _participant(self, _: Request, sid: str, who: str) -> Reply:
        conference = self._conference_of(sid)
        return Reply(200, shapes.participant(_leg_of(conference, who), conference, self.account))

    def _invite(self, request: Request, where: str) -> Reply:
        """Call somebody into a conference, by its SID or name; it comes into being if need be."""
        fields, conferences = request.fields, self.exchange.conferences
        sender, to = numbers_of(request)
        member = _invited(request)
        conference = conferences.by_sid(where)
        if conference is None or conference.reason:
            recorded = fields.get("ConferenceRecord") in ("true", "record-from-start")
            conference = conferences.open(
                conference.name if conference else unquote(where),
                callback_of(request, "ConferenceStatusCallback", default=""),
                most=whole(request, "MaxParticipants", LARGEST),
                recorded=callback_of(request, "ConferenceRecordingStatusCallback") if recorded else None,
            )
        try:
            conference.refuse(None, member)
        except CannotJoinError as error:
            conferences.forget_unused(conference)
            raise RefusedRequest(400, error.code, str(error)) from None
        twiml = ET.tostring(_joining(conference, member), encoding="unicode")
        call = self.exchange.place(
            fields.get("CallerId") or sender, to, Target(twiml=twiml), callback_of(request), manner_of(request)
        )
        conferences.invite(conference, call, member)
        return Reply(201, shapes.participant(call, conference, self.account))

    def _change(self, request: Request, sid: str, who: str) -> Reply:
        conference = self._conference_of(sid)
        call = _leg_of(conference, who)
        if call not in conference.members:
            raise RefusedRequest(400, 20001, f"participant {who} has not joined yet")
        fields, changes = request.fields, dict[str, Any]()
        changes |= {key: flag(request, name) for key, name in FLAGS.items() if name in fields}
        if "HoldUrl" in fields:
            changes["music"] = target_of(request, "HoldUrl", "HoldMethod")
        if "WaitUrl" in fields:
            changes["wait"] = target_of(request, "WaitUrl", "WaitMethod")
        if "CallSidToCoach" in fields:
            changes |= {"coached": fields["CallSidToCoach"], "coaching": changes.get("coaching", True)}
        said = target_of(request, "AnnounceUrl", "AnnounceMethod") if "AnnounceUrl" in fields else None
        try:
            self.exchange.conferences.change(conference, call, **changes)
        except CannotJoinError as error:
            raise RefusedRequest(400, error.code, str(error)) from None
        if said:
            announce(self.exchange, conference, said, to=call)
        return Reply(200, shapes.participant(call, conference, self.account))

    def _remove(self, _: Request, sid: str, who: str) -> Reply:
        self.exchange.conferences.leave(_leg_of(self._conference_of(sid), who), UPDATED, kicked=True)
        return Reply(204)

    def _conference_of(self, sid: str) -> Conference:
        if (conference := self.exchange.conferences.by_sid(sid)) is None:
            raise not_found(f"Conference {sid}")
        return conference


def _invited(request: Request) -> Member:
    fields = request.fields
    coached = fields.get("CallSidToCoach", "")
    if flag(request, "Coaching", default=bool(coached)) and not coached:
        raise RefusedRequest(400, BAD_COACH, "CallSidToCoach is required to coach.")
    return Member(
        starts=flag(request, "StartConferenceOnEnter", default=True),
        ends=flag(request, "EndConferenceOnExit"),
        muted=flag(request, "Muted"),
        coached=coached,
        coaching=bool(coached),
        label=fields.get("Label", ""),
        wait=target_of(request, "WaitUrl", "WaitMethod") if fields.get("WaitUrl") else None,
    )


def _joining(conference: Conference, member: Member) -> ET.Element:
    """The TwiML of a leg that is called into a conference: it finds there how it was invited."""
    root = ET.Element("Response")
    noun = ET.SubElement(ET.SubElement(root, "Dial"), "Conference")
    noun.text = conference.name
    noun.set("startConferenceOnEnter", str(member.starts).lower())
    return root


def _leg_of(conference: Conference, who: str) -> Call:
    """A participant, by CallSid or label."""
    legs = {**conference.members, **conference.invited}
    for call, member in legs.items():
        if who == call.sid or (member.label and unquote(who) == member.label):
            return call
    raise not_found(f"Participant {who} of conference {conference.sid}")
