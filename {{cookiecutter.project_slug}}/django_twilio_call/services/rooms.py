"""What is done to a leg in a conference, shared by the services: the row shows it at once, Twilio is told after commit.

A callback that says otherwise has the last word, since Twilio numbers them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext

from ..conf import get_config
from ..constants import OutboxKind, ReservationState
from ..exceptions import BusinessLogicError
from ..links import callback_url, twiml_url
from ..models import Call, Outbox, OutsideLeg, Participant, QueueEntry, Reservation
from ..models.written import lock_reservation
from ..signals import wake_workers

_ARGUMENTS = {"ends": "end_conference_on_exit"}
"""Field of a participant -> what Twilio calls it, where that differs."""


def talking(agent_id: int, *, own: bool = True) -> Reservation:
    """The agent's conversation, locked; `own`: one whose caller is theirs. Raises `BusinessLogicError` without one."""
    mine = Reservation.objects.filter(agent_id=agent_id, state=ReservationState.ACCEPTED)
    reservation_id = mine.values_list("pk", flat=True).first()
    reservation = None if reservation_id is None else lock_reservation(reservation_id)
    if reservation is None or reservation.agent_call is None or reservation.entry.answered_at is None:
        raise BusinessLogicError(gettext("agent %(agent)s is in no conversation") % {"agent": agent_id})
    if own and reservation.asked_by_id is not None:
        raise BusinessLogicError(
            gettext("agent %(agent)s was asked into a conversation that is somebody else's") % {"agent": agent_id}
        )
    return reservation


@contextmanager
def one_at_a_time(agent_id: int) -> Iterator[None]:
    """A transaction in which the tables' last guards refuse in our words: whoever meets them has lost a race."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        raise BusinessLogicError(
            gettext("the call of agent %(agent)s is being transferred already") % {"agent": agent_id}
        ) from error


def inside(room: str, call: Call | None = None, *, label: str = "") -> Participant | None:
    """A leg's part in the room, by its call or by its label; None when it is not in there."""
    found = Participant.objects.inside(room)
    found = found.filter(call_sid=call.sid) if call is not None else found.filter(label=label)
    return found.order_by("-pk").first()


def present(room: str, call: Call) -> Participant:
    """The same, for those without whom nothing can be done. Raises `BusinessLogicError`."""
    if (part := inside(room, call)) is None:
        raise BusinessLogicError(
            gettext("call %(call)s has not come into %(room)s yet, or has left it") % {"call": call.sid, "room": room}
        )
    return part


def tell(part: Participant | None, *, now: datetime, **changes: bool) -> None:
    """Have Twilio change a participant: `hold`, `muted`, `coaching`, `ends`. What is so already is left alone."""
    if part is None:
        return
    news = {name: value for name, value in changes.items() if getattr(part, name) != value}
    if not news:
        return
    Participant.objects.filter(pk=part.pk).update(**news)
    arguments: dict[str, bool | str] = {_ARGUMENTS.get(name, name): value for name, value in news.items()}
    if news.get("hold") and (music := get_config().hold_music_url):
        arguments["hold_url"] = music
    command(OutboxKind.UPDATE_PARTICIPANT, part.call_sid, now=now, conference=part.sid, changes=arguments)


def call_in(leg: OutsideLeg, *, conference: str, now: datetime) -> None:
    """Have Twilio call an outside number into the conference, once."""
    command(
        OutboxKind.ADD_PARTICIPANT,
        "",
        now=now,
        conference=conference,
        to_number=leg.number,
        status_url=callback_url("outside-status", leg=leg.pk),
        changes={"label": leg.label, "leg": leg.pk},
    )


def send_away(
    caller: Call, *, to: str, reservation: Reservation, entry: QueueEntry | None = None, now: datetime
) -> None:
    """Have the caller leave the conversation of `reservation` and go on at the TwiML `to`."""
    url = twiml_url(to, reservation=reservation.pk)
    left = {"to": to, "reservation": reservation.pk}
    command(OutboxKind.TRANSFER_CALL, caller.sid, now=now, url=url, entry=entry, changes=left)


def departure(call_sid: str, *, to: str, reservation: int) -> str:
    """Key of the webhook with which a caller asks for what comes after a conversation: it is left once."""
    return f"{to}:{call_sid}:{reservation}"


def command(kind: str, call_sid: str, *, now: datetime, **what: object) -> None:
    """Write a command for the outbox, and have a worker send it after the commit."""
    Outbox.objects.create(kind=kind, call_sid=call_sid, not_before=now, created_at=now, **what)
    wake_workers()
