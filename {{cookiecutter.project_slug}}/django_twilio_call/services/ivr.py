"""Menus: the published flow of a number, or where there is none one menu of the queues that have a digit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import F, Q

from ..exceptions import NotFound
from ..models import Call, IVRFlow, Queue
from .base import BaseService, cache_result
from .callbacks import CallbackService
from .decisions import Ask, Go, HangUp, Menu, Promise, Queued, Said, SendOn, Sorry, Speech, TakeMessage
from .hours import HoursService
from .queues import QueueService
from .voicemail import VoicemailService

MAX_ATTEMPTS: Final = 3
"""How often a menu is read before the caller goes on anyway: nobody is cut off for not pressing a key."""

TIMEOUT: Final = 5
"""Seconds a menu waits for a key."""

Step = Ask | Go | HangUp | Promise | Queued | SendOn | Sorry | TakeMessage


@dataclass(frozen=True, slots=True)
class Place:
    """Where a call is in its flow. `step` counts the questions it was asked: it tells repeated webhooks apart."""

    call_sid: str
    flow: Mapping[str, Any]
    step: int
    menu: str = ""
    attempt: int = 0

    @property
    def speech(self) -> Speech:
        """How the flow speaks."""
        return Speech(self.flow.get("language", ""), self.flow.get("voice", ""), self.flow.get("texts", {}))


class IVRService(BaseService):
    """What a caller is asked, and where the answer leads."""

    service_type = "ivr"

    @cache_result(service_type="ivr", key_prefix="menu", warm=lambda: [{}])
    def options(self) -> list[tuple[str, str, str]]:
        """(digit, queue key, queue name) of every queue in the menu, by digit."""
        active = Queue.objects.filter(is_active=True).order_by("digit")
        return [(queue.digit, queue.key, queue.name) for queue in active if queue.digit]

    @cache_result(service_type="ivr", key_prefix="release")
    def release(self, *, number: str) -> tuple[int, dict[str, Any]] | None:
        """(version's row, definition) of what callers of a number go through; None: the one menu."""
        released = IVRFlow.objects.exclude(release=None).filter(Q(number=number) | Q(number=None))
        flow = released.select_related("release").order_by(F("number").asc(nulls_last=True)).first()
        return None if flow is None or flow.release is None else (flow.release.pk, flow.release.definition)

    def menu(self, *, attempt: int) -> Menu:
        """The menu as the caller hears it."""
        return Menu(options=tuple((digit, name) for digit, _, name in self.options()), attempt=attempt)

    def choose(self, *, call_sid: str, digits: str, attempt: int, now: datetime) -> Queued | SendOn | Sorry | Menu:
        """The caller pressed `digits` (empty: nothing). Queue them, or read the menu again."""
        options = self.options()
        if not options:
            raise NotFound("no active queue has a digit: nothing can be offered in the menu")
        chosen = next((key for digit, key, _ in options if digit == digits), None)
        if chosen is None and attempt < MAX_ATTEMPTS:
            return self.menu(attempt=attempt + 1)
        return QueueService().enter(call_sid=call_sid, queue_key=chosen or options[0][1], now=now)

    def start(self, *, call_sid: str, flow: Mapping[str, Any], now: datetime) -> Said | Step:
        """The beginning of a flow."""
        return self._follow(Place(call_sid, flow, step=0), flow["start"], now, direct=False)

    def press(self, *, call_sid: str, node: str, digits: str, attempt: int, step: int, now: datetime) -> Said | Step:
        """The caller answered the menu `node`, of the version their call began with. Attempt 0: go to the node."""
        call = Call.objects.select_related("ivr_version").filter(sid=call_sid).exclude(ivr_version=None).first()
        flow = call.ivr_version.definition if call is not None and call.ivr_version is not None else {"nodes": {}}
        if node not in flow["nodes"]:
            raise NotFound(f"node {node!r} of call {call_sid!r}")
        if attempt == 0:
            return self._follow(Place(call_sid, flow, step), node, now)
        place = Place(call_sid, flow, step, node, attempt)
        menu = flow["nodes"][node]
        target = menu["keys"].get(digits)
        return self._again(place, now) if target is None else self._follow(place, target, now)

    def _again(self, place: Place, now: datetime) -> Said | Step:
        """Read the menu once more, or go where it leads by itself."""
        menu = place.flow["nodes"][place.menu]
        if place.attempt < menu.get("attempts", MAX_ATTEMPTS):
            return self._ask(place, place.menu, attempt=place.attempt + 1)
        return self._follow(place, menu["default"], now)

    def _follow(self, place: Place, name: str, now: datetime, *, direct: bool = True) -> Said | Step:
        """Walk on until something is to be asked or done. The checker has seen to it that every walk ends.

        What needs more rows is done in a webhook of its own (`Go`), unless it is reached directly: each stays quick.
        """
        said: list[str] = []
        while True:
            node = place.flow["nodes"][name]
            match node["type"]:
                case "say":
                    said.append(node["text"])
                    name = node["next"]
                case "hours":
                    is_open = HoursService().is_open(calendar_key=node["calendar"], at=now)
                    name = node["open" if is_open else "closed"]
                    direct = False
                case "repeat" if node["menu"] == place.menu:
                    return self._again(place, now)
                case "repeat":
                    name = node["menu"]
                case "menu":
                    return _after(said, self._ask(place, name, attempt=1), place)
                case "hangup":
                    return _after([*said, *filter(None, [node.get("text")])], HangUp(), place)
                case _ if direct:
                    return _after(said, self._do(place, node, now), place)
                case _:
                    return _after(said, Go(node=name, step=place.step + 1), place)

    def _ask(self, place: Place, name: str, *, attempt: int) -> Ask:
        menu = place.flow["nodes"][name]
        return Ask(
            node=name,
            text=menu["text"],
            attempt=attempt,
            step=place.step + 1,
            timeout=menu.get("timeout", TIMEOUT),
            speech=place.speech,
        )

    def _do(self, place: Place, node: Mapping[str, Any], now: datetime) -> Step:
        if node["type"] == "queue":
            wanted = " ".join(f"{skill}:{level}" for skill, level in node.get("skills", {}).items())
            return QueueService().enter(call_sid=place.call_sid, queue_key=node["queue"], requires=wanted, now=now)
        queue = Queue.objects.filter(key=node["queue"]).first()
        if queue is None:
            raise NotFound(f"queue {node['queue']!r}")
        if node["type"] == "voicemail":
            return VoicemailService().take(queue=queue) if self.config.enable_voicemail else Sorry(speech=place.speech)
        call = Call.objects.get(sid=place.call_sid)
        return CallbackService().request(queue=queue, call=call, since=now, now=now)


def _after(said: list[str], step: Step, place: Place) -> Said | Step:
    return Said(texts=tuple(said), then=step, speech=place.speech) if said else step
