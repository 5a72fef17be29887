"""A stand-in for Twilio's conferences: does what the outbox says, and tells us of it as Twilio would, in any order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any
from xml.etree import ElementTree as ET

from django.utils import timezone

from django_twilio_call.exceptions import CallNotInProgress
from django_twilio_call.models import Reservation
from django_twilio_call.services import AgentService, OutboxService, RoutingService, SettlingService
from django_twilio_call.telephony import TwilioCall, TwilioRecording

from .fakes import Twilio, call_sid

CALLER = call_sid(1)
"""The first caller's leg."""

FLAGS = {
    "hold": "Hold",
    "muted": "Muted",
    "coaching": "Coaching",
    "end_conference_on_exit": "EndConferenceOnExit",
}


@dataclass
class Room:
    """One conference: its legs with their flags, and how many events were told."""

    name: str
    sid: str
    callback: str
    legs: dict[str, dict[str, str]] = field(default_factory=dict)
    sequence: int = 0


class Switch:
    """Telephony as the outbox asks it. `dice`, if given, delivers callbacks late, twice and in any order."""

    def __init__(self, twilio: Twilio, dice: Random | None = None) -> None:
        self.twilio, self.dice = twilio, dice
        self.rooms: dict[str, Room] = {}
        self.where: dict[str, str] = {}  # live leg -> room, queue, outside or ""
        self.calling: dict[str, str] = {}  # label -> its status URL
        self.late: list[tuple[str, str, dict[str, Any]]] = []
        self.numbers = iter(range(1000, 10**6))
        self.conferences = 0
        self.asked: list[str] = []
        self.deaf: set[str] = set()  # legs that do not end when they are told to

    # What the outbox asks.

    def redirect_call(self, *, sid: str, url: str) -> None:
        self._must_live(sid)
        self._leave(sid)
        self.fetch(sid, url)

    def create_call(self, *, to: str, url: str, status_url: str) -> str:
        raise AssertionError("nobody is called back here")

    def call(self, *, sid: str) -> TwilioCall | None:
        raise AssertionError("nothing is compared here")

    def calls_made(self, *, to: str, since: datetime) -> list[TwilioCall]:
        raise AssertionError("nothing is in doubt here")

    def live_calls(self, *, most: int) -> list[TwilioCall]:
        raise AssertionError("nothing is compared here")

    def recording(self, *, sid: str) -> TwilioRecording | None:
        raise AssertionError("nothing is recorded here")

    def recordings(self, *, since: datetime, until: datetime) -> Iterator[TwilioRecording]:
        raise AssertionError("nothing is recorded here")

    def end_call(self, *, sid: str) -> None:
        self._must_live(sid)
        if sid not in self.deaf:
            self.hang_up(sid)

    def update_participant(self, *, conference: str, sid: str, changes: Mapping[str, Any]) -> None:
        room = next((room for room in self.rooms.values() if room.sid == conference and sid in room.legs), None)
        if room is None:
            raise CallNotInProgress("participant not found", code=20404, status=404)
        self.asked.append(f"{sid[-1]} {' '.join(f'{name}={value}' for name, value in sorted(changes.items()))}")
        for name, value in changes.items():
            if name in FLAGS:
                room.legs[sid][FLAGS[name]] = str(value).lower()
        self._tell(room, "participant-modify", sid)

    def add_participant(self, *, conference: str, to: str, label: str, status_url: str) -> None:
        if not any(room.sid == conference for room in self.rooms.values()):
            raise CallNotInProgress("conference not found", code=20404, status=404)
        self.calling[label] = status_url

    # What people do.

    def fetch(self, sid: str, url: str, **fields: Any) -> None:
        """A leg asks for its TwiML and does what it says."""
        path = url.partition("#")[0].removeprefix(self.twilio.base)
        root = ET.fromstring(self.twilio.post(path, sid=sid, **fields).content)
        self.where[sid] = ""
        if (noun := root.find("Dial/Conference")) is not None:
            self._enter(sid, noun)
        elif root.find("Enqueue") is not None:
            self.where[sid] = "queue"
        elif root.find("Dial/Number") is not None:
            self.where[sid] = "outside"
        else:
            self.hang_up(sid)

    def ring(self, sid: str = CALLER, digit: str = "1") -> None:
        """A caller gets in line."""
        self.where[sid] = "menu"
        self.twilio.post("/twilio/voice/", sid=sid)
        self.fetch(sid, "/twilio/gather/?attempt=1", Digits=digit)

    def take(self, reservation: Reservation) -> str:
        """An agent accepts, and their phone joins; answers its sid."""
        AgentService().accept(reservation_id=reservation.pk, agent_id=reservation.agent_id, now=timezone.now())
        sid = call_sid(next(self.numbers))
        self.fetch(sid, "/twilio/agent/", From=f"client:{reservation.agent.identity}", reservation=reservation.pk)
        self.work()
        return sid

    def answer(self, label: str, room: str) -> str:
        """Somebody who is called in picks up."""
        del self.calling[label]
        sid = call_sid(next(self.numbers))
        self._join(sid, self.rooms[room], {"ParticipantLabel": label, "EndConferenceOnExit": "false"})
        return sid

    def hang_up(self, sid: str) -> None:
        """A leg ends, wherever it is."""
        if sid in self.where:
            self._leave(sid)
            del self.where[sid]
            self._later("/twilio/status/", sid, CallStatus="completed", SequenceNumber=9, CallDuration=1)

    def work(self, now: datetime | None = None) -> None:
        """Callbacks arrive, and a worker does all that is to be done."""
        for _ in range(2):
            self.deliver()
            RoutingService().sweep(now=now or timezone.now())
            SettlingService().sweep(now=now or timezone.now())
            RoutingService().route(now=now or timezone.now())
            OutboxService(telephony=self).deliver(now=now or timezone.now())
        self.deliver()

    def deliver(self, *, everything: bool = False) -> None:
        """Deliver callbacks: all, or with dice some of them, some twice."""
        told, self.late = self.late, []
        if self.dice is not None:
            self.dice.shuffle(told)
        for path, sid, fields in told:
            if self.dice is not None and not everything and self.dice.random() < 0.3:
                self.late.append((path, sid, fields))
                continue
            for _ in range(2 if self.dice is not None and self.dice.random() < 0.2 else 1):
                assert self.twilio.post(path, sid=sid, **fields).status_code == 200

    def _enter(self, sid: str, noun: ET.Element) -> None:
        name = noun.text or ""
        if name not in self.rooms:
            self.conferences += 1
            callback = noun.get("statusCallback", "").partition("#")[0].removeprefix(self.twilio.base)
            self.rooms[name] = Room(name, f"CF{self.conferences:032x}", callback)
        flags = {
            "EndConferenceOnExit": noun.get("endConferenceOnExit", "false"),
            "Muted": noun.get("muted", "false"),
            "Coaching": str(noun.get("coach") is not None).lower(),
        }
        self._join(sid, self.rooms[name], flags)

    def _join(self, sid: str, room: Room, flags: dict[str, str]) -> None:
        room.legs[sid] = {"Hold": "false", "Muted": "false", "Coaching": "false", **flags}
        self.where[sid] = room.name
        self._tell(room, "participant-join", sid)

    def _leave(self, sid: str) -> None:
        room = self.rooms.get(self.where.get(sid, ""))
        if room is None:
            return
        self.where[sid] = ""
        flags = room.legs.pop(sid)
        self._tell(room, "participant-leave", sid, flags)
        if flags["EndConferenceOnExit"] == "true" or not room.legs:
            others = list(room.legs)
            for other in others:
                self._tell(room, "participant-leave", other, room.legs.pop(other))
                self.where[other] = ""
            self.rooms.pop(room.name)
            self._tell(room, "conference-end")
            for other in others:
                self.hang_up(other)

    def _tell(self, room: Room, event: str, sid: str = "", flags: dict[str, str] | None = None) -> None:
        room.sequence += 1
        about = {"ConferenceSid": room.sid, "FriendlyName": room.name, "StatusCallbackEvent": event}
        flags = flags or room.legs.get(sid, {})
        self._later(room.callback, sid or CALLER, **about, **flags, SequenceNumber=room.sequence)

    def _later(self, path: str, sid: str, **fields: Any) -> None:
        self.late.append((path, sid, fields))

    def _must_live(self, sid: str) -> None:
        if sid not in self.where:
            raise CallNotInProgress("call is not in progress", code=21220, status=400)
