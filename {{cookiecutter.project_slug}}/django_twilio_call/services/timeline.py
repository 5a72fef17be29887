"""One call's timeline: every webhook with its TwiML, every command, every change of state, in the order they came.

It is for people: in the language of who reads it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Q
from django.utils.translation import gettext, ngettext

from ..constants import CallRole, ReservationState
from ..exceptions import NotFound
from ..models import (
    AgentStateSpan,
    AuditEntry,
    Call,
    CallbackRequest,
    CallOutcome,
    LegalHold,
    Outbox,
    QueueEntry,
    Recording,
    Reservation,
    Supervision,
    Voicemail,
    WebhookEvent,
)
from . import wording
from .base import BaseService
from .company import Outside, of_supervisions
from .moments import Moment

MOST: Final = 2000
"""Webhooks of one call that are shown: a day of waiting, asked for every ten seconds, would be more."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """A call with all its legs, and what happened to it."""

    call: Call
    legs: list[Call]
    moments: list[Moment]
    recordings: list[Recording]
    voicemails: list[Voicemail]
    hold: LegalHold | None


class TimelineService(BaseService):
    """In the same number of statements for any call."""

    service_type = "call"

    def of(self, *, call_sid: str, acts: bool = True) -> Timeline:
        """The timeline of the call with that leg; `acts`: with what the audit log says of it. Raises `NotFound`."""
        call = self._caller(call_sid)
        entries = list(call.entries.select_related("queue").order_by("pk"))
        taken = Reservation.objects.filter(entry__call=call).select_related("agent", "agent_call").order_by("pk")
        reservations = list(taken)
        with_them = Supervision.objects.filter(reservation__in=reservations).select_related("user").order_by("pk")
        supervisions = list(with_them)
        outside = Outside(call, reservations)
        recordings = list(call.recordings.order_by("pk"))
        voicemails = list(call.voicemails.select_related("queue", "heard_by").order_by("pk"))
        agents = [each.agent_call for each in reservations if each.agent_call is not None]
        supervisors = Call.objects.filter(sid__in=[each.call_sid for each in supervisions if each.call_sid])
        legs = [call, *agents, *supervisors.order_by("pk")]
        sids = [*(leg.sid for leg in legs), *outside.sids]
        log = _log(call, reservations, recordings, voicemails, acts=acts)
        moments = [
            *_of_webhooks(sids, recordings, outside.told()),
            *_of_commands(sids, outside.wanted()),
            *_of_legs(legs),
            *_of_entries(entries),
            *_of_reservations(reservations),
            *_of_agents(reservations),
            *of_supervisions(supervisions, reservations, log),
            *outside.moments(),
            *_of_sounds(recordings, voicemails),
            *_of_acts(log),
            *_of_callbacks(call),
        ]
        return Timeline(
            call=call,
            legs=legs,
            moments=sorted(moments, key=lambda moment: moment.at),
            recordings=recordings,
            voicemails=voicemails,
            hold=LegalHold.objects.select_related("placed_by").filter(call=call).first(),
        )

    def _caller(self, sid: str) -> Call:
        """The caller's leg: somebody may ask by the agent's, or a supervisor's."""
        call = Call.objects.select_related("ivr_version__flow").filter(sid=sid).first()
        if call is None:
            raise NotFound(f"call {sid!r}")
        with_caller = Reservation.objects.select_related("entry__call__ivr_version__flow")
        supervises = call.role == CallRole.SUPERVISOR
        leg = {"supervisions__call_sid": sid} if supervises else {"agent_call": call}
        reservation = with_caller.filter(**leg).first()
        return call if reservation is None else reservation.entry.call


def _of_webhooks(sids: list[str], recordings: Iterable[Recording], outside: Q) -> Iterator[Moment]:
    """Those of all legs; callbacks of a conference's recording name no leg."""
    keys = [f"rec:{each.sid}:{state}" for each in recordings for state in ("in-progress", "completed", "absent")]
    events = WebhookEvent.objects.filter(Q(call_sid__in=sids) | Q(key__in=keys) | outside)
    for event in events.order_by("received_at", "pk")[:MOST]:
        said = event.payload.get("CallStatus") or event.payload.get("StatusCallbackEvent") or ""
        digits = event.payload.get("Digits") and gettext("pressed %(digits)s") % {"digits": event.payload["Digits"]}
        result = event.payload.get("QueueResult") or event.payload.get("RecordingStatus") or ""
        yield Moment(
            event.received_at,
            "webhook",
            event.kind,
            ", ".join(filter(None, (said, digits, result))),
            twiml=event.response,
            fields=_told(event.payload),
        )


def _told(payload: dict[str, Any]) -> dict[str, Any]:
    """What Twilio sent, but no addresses: RecordingUrl, TranscriptionUrl. The sound there is heard unwatched."""
    return {name: value for name, value in payload.items() if not name.endswith("Url")}


def _of_commands(sids: list[str], outside: Q) -> Iterator[Moment]:
    for command in Outbox.objects.filter(Q(call_sid__in=sids) | outside).order_by("pk"):
        title, wanted = wording.of(wording.COMMANDS, command.kind), gettext("wanted")
        yield Moment(command.created_at, "command", title, f"{wanted}: {command.url}" if command.url else wanted)
        if command.done_at:
            tries = _after_tries(command.attempts) if command.attempts > 1 else ""
            told = ", ".join(filter(None, (wording.of(wording.SENT, command.state), tries, command.last_error)))
            yield Moment(command.done_at, "command", title, told)


def _after_tries(number: int) -> str:
    return ngettext("after %(tries)s try", "after %(tries)s tries", number) % {"tries": number}


def _of_legs(legs: Iterable[Call]) -> Iterator[Moment]:
    for leg in legs:
        began, ended = wording.LEGS[leg.role]
        yield Moment(leg.started_at, "state", str(began), leg.sid)
        if leg.ended_at:
            yield Moment(leg.ended_at, "state", str(ended), leg.status)


def _of_entries(entries: Iterable[QueueEntry]) -> Iterator[Moment]:
    for entry in entries:
        queue = entry.queue.name
        priority = gettext("priority %(priority)s") % {"priority": entry.priority}
        yield Moment(entry.enqueued_at, "state", gettext("waits in %(queue)s") % {"queue": queue}, priority)
        if entry.ended_at:
            state = wording.of(wording.VISITS, entry.state)
            title = gettext("left %(queue)s: %(state)s") % {"queue": queue, "state": state}
            yield Moment(entry.ended_at, "state", title, ", ".join(filter(None, _why(entry))))


def _why(entry: QueueEntry) -> Iterator[str]:
    """Why a visit overflowed, and where to."""
    yield wording.of(wording.OVERFLOWS, entry.overflow_reason)
    if entry.overflow_to:
        yield gettext("to %(where)s") % {"where": wording.of(wording.ONWARD, entry.overflow_to)}


def _of_reservations(reservations: Iterable[Reservation]) -> Iterator[Moment]:
    for each in reservations:
        named = {"agent": each.agent.name, "state": wording.of(wording.OFFERS, each.state)}
        yield Moment(each.created_at, "state", gettext("offered to %(agent)s") % named)
        if each.accepted_at:
            yield Moment(each.accepted_at, "state", gettext("accepted by %(agent)s") % named)
        if each.ended_at:
            yield Moment(each.ended_at, "state", gettext("offer to %(agent)s: %(state)s") % named)
    for said in CallOutcome.objects.filter(reservation__in=[each.pk for each in reservations]):
        yield Moment(said.created_at, "act", gettext("outcome: %(code)s") % {"code": said.code}, said.note)


def _of_agents(reservations: list[Reservation]) -> Iterator[Moment]:
    """What the call made of its agents' states: from the offer to the end of wrap-up."""
    if not reservations:
        return
    theirs = Q()
    for each in reservations:
        theirs |= Q(agent_id=each.agent_id, started_at__gte=each.created_at) & (
            Q(started_at__lte=each.ended_at) if each.ended_at else Q()
        )
    for span in AgentStateSpan.objects.filter(theirs).select_related("agent").order_by("pk")[:MOST]:
        title = f"{span.agent.name}: {wording.of(wording.AGENTS, span.state)}"
        yield Moment(span.started_at, "state", title, str(wording.REASONS.get(span.reason, span.reason)))


def _log(
    call: Call, reservations: list[Reservation], recordings: list[Recording], voicemails: list[Voicemail], *, acts: bool
) -> list[AuditEntry]:
    """What the audit log has of a call: the steps of supervisors, and with `acts` what people did with it and heard."""
    # A reservation is written down with the state it was in.
    supervised = [f"reservation {each.pk} {state}" for each in reservations for state in ReservationState.STATES]
    of_call = [f"call {call.sid}", *map(str, recordings), *(f"recording {each.recording_sid}" for each in voicemails)]
    targets = [*supervised, *(of_call if acts else ())]
    return list(AuditEntry.objects.filter(target__in=targets).order_by("at", "pk")[:MOST])


def _of_sounds(recordings: list[Recording], voicemails: list[Voicemail]) -> Iterator[Moment]:
    for recording in recordings:
        consent = wording.of(wording.CONSENTS, recording.consent)
        yield Moment(recording.started_at, "state", gettext("recording began"), consent)
        if recording.ended_at:
            title = gettext("recording %(state)s") % {"state": wording.of(wording.RECORDINGS, recording.state)}
            yield Moment(recording.ended_at, "state", title, f"{recording.duration} s")
    for message in voicemails:
        title = gettext("message for %(queue)s") % {"queue": message.queue.name}
        yield Moment(message.recorded_at, "state", title, f"{message.duration} s")


def _of_acts(log: list[AuditEntry]) -> Iterator[Moment]:
    for entry in log:
        if not entry.action.startswith("supervise."):
            why = entry.detail.get("reason") or entry.detail.get("why") or ""
            told = ", ".join(filter(None, (entry.actor_name or gettext("the server"), why)))
            yield Moment(entry.at, "act", entry.action, told)


def _of_callbacks(call: Call) -> Iterator[Moment]:
    for wish in CallbackRequest.objects.filter(Q(call=call) | Q(entry__call=call)).select_related("queue"):
        title = gettext("callback wanted from %(queue)s") % {"queue": wish.queue.name}
        yield Moment(wish.requested_at, "state", title)
        if wish.ended_at:
            title = gettext("callback %(state)s") % {"state": wording.of(wording.CALLBACKS, wish.state)}
            tries = ngettext("%(tries)s try", "%(tries)s tries", wish.attempts) % {"tries": wish.attempts}
            yield Moment(wish.ended_at, "state", title, tries)
