"""Routing: who of the waiting callers gets which of the available agents, and what time brings by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, models, transaction
from django.utils import timezone

from ..constants import AgentStatus, QueueEntryState, ReservationState, StateReason
from ..models import AgentStateSpan, QueueEntry, Reservation
from ..models.booking import (
    PassedOver,
    Wanted,
    book,
    book_at_once,
    can_book_at_once,
    find_agent,
    first_in_line,
    first_queue,
)
from ..models.written import lock_reservation, time_is_up
from . import alone
from .base import BaseService, cache_result
from .callbacks import can_be_called
from .outcomes import OutcomeService
from .queues import QueueService
from .reservations import release, requeue, withdraw
from .rules import Rules, load


class RoutingService(BaseService):
    """Brings callers and agents together, in any number of workers without a leader: rows decide, locked and skipped.

    `models.booking` says who of the agents is asked first, `services.rules` what a caller needs.
    """

    service_type = "routing"

    def __init__(self) -> None:
        super().__init__()
        self._read: dict[int, Rules] = {}

    def route(self, *, now: datetime) -> int:
        """Reserve agents until no waiting caller can get one; answers how many reservations were made."""
        return sum(1 for _ in self._reservations(now))

    def reserve(self, *, queue_id: int, now: datetime) -> Reservation | None:
        """Promise an agent to the first caller of a queue for whom there is one, or answer None."""
        return next(self._reservations(now, queue_id), None)

    def sweep(self, *, now: datetime) -> int:
        """Do what time alone brings: wrap-up ends, offers expire, ends whose webhook never came; answers how many."""
        steps: tuple[tuple[Iterator[int], Callable[[int], bool]], ...] = (
            (self._ids(AgentStateSpan.objects.due(now)), lambda pk: self._end_timed_span(pk, now)),
            (self._ids(AgentStateSpan.objects.unheard(self._heard_since(now))), lambda pk: self._set_away(pk, now)),
            (self._ids(self._expired(now)), lambda pk: self._expire(pk, now)),
            (self._ids(self._callers_gone()), lambda pk: self._abandon(pk, now)),
            (self._ids(self._agents_gone()), lambda pk: self._release(pk, now)),
            (self._ids(alone.legs(now)), lambda pk: alone.end(pk, now=now)),
        )
        return sum(act(pk) for ids, act in steps for pk in ids)

    def offers(self) -> list[dict[str, Any]]:
        """Every pending offer as plain data."""
        pending = Reservation.objects.filter(state=ReservationState.PENDING)
        return [
            {
                "reservation": offer.pk,
                "agent": offer.agent.identity,
                "queue": offer.entry.queue.key,
                "call_sid": offer.entry.call.sid,
                "expires_at": offer.expires_at,
            }
            for offer in pending.select_related("agent", "entry__queue", "entry__call").order_by("pk")
        ]

    @cache_result(service_type="routing", key_prefix="rules")
    def rules(self) -> list[Rules]:
        """The rules of all queues, cached as the configuration says for "routing"."""
        return load()

    def _rules(self, queue_id: int) -> Rules:
        """A queue's rules, read once for all queues; again for one that is newer than what was read, or was kept."""
        # A cache of its own would keep a worker from learning what was changed in the web process.
        if self.config.redis_url and not self._read:
            self._read = _by_queue(self.rules())
        if queue_id not in self._read:
            self._read = _by_queue(load())
        return self._read[queue_id]

    def _reservations(self, now: datetime, queue_id: int | None = None) -> Iterator[Reservation]:
        """Reservations, each in a transaction of its own, in the order of the callers' ranks over all queues.

        In that order, or a queue would get every agent it shares with others as long as anybody waits in it. Callers
        for whom nobody is available are passed over together with all that are like them, and hold up nobody else.
        """
        passed_over: list[PassedOver] = []
        while True:
            first = first_queue(but_not=passed_over, now=now) if queue_id is None else queue_id
            if first is None:
                return
            if (made := self._at_once(first, passed_over, now)) is not None:
                yield made
                continue
            caller, made = None, None
            with suppress(IntegrityError), transaction.atomic():  # the last guard: whoever meets it has lost a race
                caller = first_in_line(queue_id=queue_id, but_not=passed_over, now=now)
                made = None if caller is None else self._serve(caller, now)
            if caller is None:
                return
            if made is not None:
                yield made
            else:
                passed_over.append(self._like(caller, now))

    def _at_once(self, queue_id: int, passed_over: list[PassedOver], now: datetime) -> Reservation | None:
        """The common case, in one statement: the queue's first caller gets an agent whom all its callers may have."""
        rules = self._rules(queue_id)
        if rules.sticky_days or not can_book_at_once():
            return None
        wanted = Wanted(queue_id, rules.strategy, rules.skills, tier=1)
        with suppress(IntegrityError):
            return book_at_once(
                wanted, but_not=passed_over, now=now, today=_today(now), expires_at=now + self._ring_time
            )
        return None

    def _serve(self, caller: QueueEntry, now: datetime) -> Reservation | None:
        rules = self._rules(caller.queue_id)
        if rules.sticky_days and caller.held_until is None:
            self._prefer_last_agent(caller, rules, now)
        for wanted in self._wanted(caller, rules, now):
            if (found := find_agent(wanted, today=_today(now))) is not None:
                span_id, agent_id = found
                return book(caller, span_id=span_id, agent_id=agent_id, now=now, expires_at=now + self._ring_time)
        return None

    @property
    def _ring_time(self) -> timedelta:
        return timedelta(seconds=self.config.ring_timeout)

    def _wanted(self, caller: QueueEntry, rules: Rules, now: datetime) -> Iterator[Wanted]:
        """Whom the caller may have: the preferred agent alone as long as they are held for them, else tier by tier."""
        demand = rules.demand(caller.requires, (now - caller.enqueued_at).total_seconds())
        wanted = Wanted(rules.queue_id, rules.strategy, demand.skills)
        if _is_held(caller, now):
            yield replace(wanted, agent_id=caller.preferred_agent_id)
        else:
            yield from (replace(wanted, tier=tier) for tier in range(1, demand.tiers + 1))

    def _like(self, caller: QueueEntry, now: datetime) -> PassedOver:
        """All whom nobody can be found for either: their demands are the same, or greater."""
        if _is_held(caller, now):
            return PassedOver(caller.queue_id, caller.requires, agent_id=caller.preferred_agent_id)
        rules = self._rules(caller.queue_id)
        change = rules.next_change((now - caller.enqueued_at).total_seconds())
        since = None if change is None else now - timedelta(seconds=change)
        return PassedOver(caller.queue_id, caller.requires, since=since, sticky=bool(rules.sticky_days))

    def _prefer_last_agent(self, caller: QueueEntry, rules: Rules, now: datetime) -> None:
        """Remember with whom the caller spoke last, and how long they are kept for that agent, if on shift."""
        number = caller.call.from_number
        talks = Reservation.objects.filter(
            entry__call__from_number=number,
            entry__call__started_at__gte=now - timedelta(days=rules.sticky_days),
            entry__state=QueueEntryState.ANSWERED,
            agent__memberships__queue=rules.queue_id,
            state__in=(ReservationState.ACCEPTED, ReservationState.COMPLETED),
        )
        agent_id = talks.order_by("-entry__call__started_at").values_list("agent_id", flat=True).first()
        if agent_id is None or not can_be_called(number):
            caller.held_until = caller.enqueued_at
        else:
            on_shift = (
                AgentStateSpan.objects.current()
                .filter(agent_id=agent_id, state__in=AgentStatus.ON_SHIFT_STATUSES)
                .exists()
            )
            caller.preferred_agent_id = agent_id
            caller.held_until = caller.enqueued_at + timedelta(seconds=rules.sticky_wait if on_shift else 0)
        caller.save(update_fields=["preferred_agent", "held_until"])

    def _expired(self, now: datetime) -> models.QuerySet[Reservation]:
        active = Reservation.objects.filter(state__in=ReservationState.ACTIVE_STATES)
        return active.filter(agent_call=None, expires_at__lte=now)

    def _callers_gone(self) -> models.QuerySet[QueueEntry]:
        return QueueEntry.objects.filter(state__in=QueueEntryState.OPEN_STATES, call__ended_at__isnull=False)

    def _agents_gone(self) -> models.QuerySet[Reservation]:
        return Reservation.objects.filter(state=ReservationState.ACCEPTED, agent_call__ended_at__isnull=False)

    def _ids(self, rows: models.QuerySet[models.Model]) -> Iterator[int]:
        """Keys of the rows now, in steps the configuration sets: each is then looked at again under its lock."""
        yield from list(rows.values_list("pk", flat=True)[: self.batch_size])

    @transaction.atomic
    def _end_timed_span(self, pk: int, now: datetime) -> bool:
        if (span := time_is_up(pk)) is None:
            return False
        if span.on_the_line and alone.end_all(alone.of_agent(span.agent_id), now=now):
            return False
        if span.unsaid:
            OutcomeService().time_out(agent_id=span.agent_id, now=now)
        to, reason = (AgentStatus.OFFLINE, StateReason.AWAY) if span.frozen else (AgentStatus.AVAILABLE, "")
        moved = AgentStateSpan.objects.move(agent_id=span.agent_id, to=to, reason=reason, now=now, pk=pk)
        return moved is not None

    def _heard_since(self, now: datetime) -> datetime:
        return now - timedelta(seconds=self.config.heartbeat_timeout)

    @transaction.atomic
    def _set_away(self, pk: int, now: datetime) -> bool:
        span = AgentStateSpan.objects.unheard(self._heard_since(now)).filter(pk=pk).first()
        if span is None:
            return False
        moved = AgentStateSpan.objects.move(
            agent_id=span.agent_id,
            to=AgentStatus.OFFLINE,
            reason=StateReason.AWAY,
            now=now,
            pk=pk,
            state=AgentStatus.AVAILABLE,
        )
        return moved is not None

    @transaction.atomic
    def _expire(self, pk: int, now: datetime) -> bool:
        reservation = lock_reservation(pk)
        if reservation is None or reservation.agent_call is not None or reservation.expires_at > now:
            return False
        withdrawn = withdraw(
            reservation,
            only=ReservationState.ACTIVE_STATES,
            state=ReservationState.TIMEOUT,
            agent_state=self.config.no_answer_state,
            reason=StateReason.NO_ANSWER,
            now=now,
        )
        if withdrawn:
            requeue(reservation.entry)
        return withdrawn

    @transaction.atomic
    def _abandon(self, pk: int, now: datetime) -> bool:
        return QueueService().close(entry_id=pk, outcome=QueueEntryState.ABANDONED, now=now)

    @transaction.atomic
    def _release(self, pk: int, now: datetime) -> bool:
        reservation = lock_reservation(pk)
        return reservation is not None and release(reservation, now=now)


def _by_queue(rules: Iterable[Rules]) -> dict[int, Rules]:
    return {each.queue_id: each for each in rules}


def _today(now: datetime) -> datetime:
    """Midnight, in the configured time zone."""
    return timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)


def _is_held(caller: QueueEntry, now: datetime) -> bool:
    return caller.held_until is not None and caller.held_until > now
