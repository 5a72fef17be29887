"""The record: calls that were, found by who, where and when, page by page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Prefetch, Q, QuerySet
from django.utils.translation import gettext

from ..constants import CallRole
from ..exceptions import ValidationError
from ..models import Call, QueueEntry, Reservation
from .base import BaseService

PAGE: Final = 50
PERIOD: Final = timedelta(days=30)
"""How far back from its end is searched where nobody says from when."""
PREFIX: Final = 6
"""From so many characters on a number is the beginning of one: fewer would be half the table."""
_NUMBER: Final = re.compile(r"[+]?[0-9]{3,15}|client:[A-Za-z0-9_]+|anonymous")


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for. `before`: (start, id) of the last call of the page before."""

    number: str = ""
    agent_id: int | None = None
    queue_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: tuple[datetime, int] | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Calls, the latest first, where the next page begins, if there is one, and of which period they are."""

    calls: list[Call]
    next: tuple[datetime, int] | None
    since: datetime
    until: datetime


class RecordService(BaseService):
    """Finds callers' legs. Every search is of a period, and of an index."""

    service_type = "search"

    def search(self, *, search: Search, now: datetime) -> Page:
        """One page. Raises `ValidationError` where the number is none."""
        until = search.until or now
        since = search.since or until - PERIOD
        calls = Call.objects.filter(role=CallRole.CUSTOMER, started_at__gte=since, started_at__lte=until)
        if search.number:
            calls = calls.filter(_of(search.number, few=self.batch_size))
        if search.agent_id:
            calls = calls.filter(pk__in=_taken(search.agent_id, search.queue_id, since, until))
        elif search.queue_id:
            calls = calls.filter(pk__in=_visits(search.queue_id, since, until))
        if search.before:
            started, pk = search.before
            # As PostgreSQL's index has it: the first condition is where to begin, the second what to leave out.
            calls = calls.filter(Q(started_at__lte=started) & (Q(started_at__lt=started) | Q(pk__lt=pk)))
        found = list(_shown(calls.order_by("-started_at", "-pk"))[: PAGE + 1])
        last = found[PAGE - 1] if len(found) > PAGE else None
        begin = (last.started_at, last.pk) if last else None
        return Page(calls=found[:PAGE], next=begin, since=since, until=until)


def is_national(number: str) -> bool:
    """Whether a number is written without its country, as none is kept but where Twilio said it so."""
    return _plain(number)[:1].isdecimal()


def _plain(number: str) -> str:
    plain = re.sub(r"[\s()./-]", "", number)
    return f"+{plain[2:]}" if plain.startswith("00") else plain


def _of(number: str, *, few: int) -> Q:
    """Calls from or to a number, as people write it: blanks, brackets and dashes do not count.

    Up to `few` are looked up one by one; where there are more, the latest that fit are soon met on the way back.

    PostgreSQL expects at least one call in a hundred of any beginning, so it would look for a rare one through all of
    the period. Whether it is rare is seen in an index.
    """
    plain = _plain(number)
    if not _NUMBER.fullmatch(plain):
        raise ValidationError(
            gettext("%(number)r is no number; one is +4930123456, or how it begins") % {"number": number}
        )
    is_whole = len(plain) < PREFIX or not plain.startswith("+")
    came, went = Q(from_number=plain) if is_whole else Q(from_number__startswith=plain), Q(to_number=plain)
    keys = Call.objects.order_by().values_list("pk", flat=True)
    found = list(keys.filter(came).union(keys.filter(went), all=True)[: few + 1])
    return Q(pk__in=found) if len(found) <= few else came | went


def _taken(agent_id: int, queue_id: int | None, since: datetime, until: datetime) -> QuerySet[Reservation, int]:
    """Calls that the agent took, of the queue if one is named."""
    taken = Reservation.objects.filter(
        agent_id=agent_id, created_at__gte=since, accepted_at__isnull=False, entry__enqueued_at__lte=until
    )
    if queue_id:
        taken = taken.filter(entry__queue_id=queue_id)
    # Distinct: or PostgreSQL would look for the agent in each call of the period, not for the calls of the agent.
    return taken.order_by().values_list("entry__call_id", flat=True).distinct()


def _visits(queue_id: int, since: datetime, until: datetime) -> QuerySet[QueueEntry, int]:
    """Calls that visited the queue. A visit may have begun before the call: a callback's."""
    visits = QueueEntry.objects.filter(queue_id=queue_id, enqueued_at__gte=since - PERIOD, enqueued_at__lte=until)
    return visits.order_by().values_list("call_id", flat=True)


def _shown(calls: QuerySet[Call]) -> QuerySet[Call]:
    """With what a line of the history says, in as many statements however many calls there are."""
    taken = Reservation.objects.exclude(accepted_at=None).select_related("agent").order_by("pk")
    visits = QueueEntry.objects.select_related("queue").order_by("pk")
    return calls.prefetch_related(
        Prefetch("entries", visits.prefetch_related(Prefetch("reservations", taken))),
        "recordings",
        "voicemails",
    )
