"""Routing: who of the waiting callers gets which of the available agents, and what time brings by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import IntegrityError, models, transaction

from ..constants import AgentStatus, QueueEntryState, ReservationState
from ..models import AgentStateSpan, QueueEntry, Reservation
from . import alone
from .base import BaseService
from .queues import QueueService
from .reservations import locked, release, requeue, withdraw

CALLER_ORDER: Final = ("-priority", "enqueued_at", "pk")
"""Who is served first."""


class RoutingService(BaseService):
    """Longest idle agent first, by any number of workers and without a leader: rows decide, locked and skipped."""

    service_type = "routing"

    def route(self, *, now: datetime) -> int:
        """Reserve agents until no waiting caller can get one; answers how many reservations were made.

        Over all queues the most urgent caller comes first: priority, then whoever has waited longest. Otherwise a
        queue would get every agent it shares with others, as long as anybody waits in it.
        """
        waiting = QueueEntry.objects.filter(state=QueueEntryState.WAITING).order_by(*CALLER_ORDER)
        made, without_agents = 0, set[int]()
        while True:
            others = waiting.exclude(queue__in=without_agents) if without_agents else waiting
            queue_id = others.values_list("queue", flat=True).first()
            if queue_id is None:
                return made
            if self.reserve(queue_id=queue_id, now=now):
                made += 1
            else:
                without_agents.add(queue_id)

    def reserve(self, *, queue_id: int, now: datetime) -> Reservation | None:
        """Promise the longest idle agent to the first waiting caller of a queue, or answer None.

        On PostgreSQL rows that another worker holds are skipped; SQLite has one writer at a time. The partial unique
        indexes are the last guard on both: whoever meets them has lost a race, and reserves nothing.
        """
        try:
            with transaction.atomic():
                return self._reserve(queue_id=queue_id, now=now)
        except IntegrityError:
            return None

    def sweep(self, *, now: datetime) -> int:
        """Do what time alone brings: wrap-up ends, offers expire, ends whose webhook never came; answers how many."""
        steps: tuple[tuple[Iterator[int], Callable[[int], bool]], ...] = (
            (self._ids(AgentStateSpan.objects.due(now)), lambda pk: self._end_timed_span(pk, now)),
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

    def _reserve(self, *, queue_id: int, now: datetime) -> Reservation | None:
        entry = (
            QueueEntry.objects.filter(queue_id=queue_id, state=QueueEntryState.WAITING)
            .order_by(*CALLER_ORDER)
            .select_for_update(skip_locked=True)
            .first()
        )
        if entry is None:
            return None
        idle = (
            AgentStateSpan.objects.current()
            .filter(state=AgentStatus.AVAILABLE, agent__memberships__queue_id=queue_id)
            .order_by("started_at", "pk")
            .select_for_update(skip_locked=True, of=("self",))
            .first()
        )
        if idle is None:
            return None
        entry.state = QueueEntryState.RESERVED
        entry.save(update_fields=["state"])
        AgentStateSpan.objects.move(agent_id=idle.agent_id, to=AgentStatus.RESERVED, now=now, pk=idle.pk)
        return Reservation.objects.create(
            entry=entry,
            agent_id=idle.agent_id,
            created_at=now,
            expires_at=now + timedelta(seconds=self.config.ring_timeout),
        )

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
        agent_id = AgentStateSpan.objects.values_list("agent_id", flat=True).get(pk=pk)
        moved = AgentStateSpan.objects.move(agent_id=agent_id, to=AgentStatus.AVAILABLE, now=now, pk=pk)
        return moved is not None

    @transaction.atomic
    def _expire(self, pk: int, now: datetime) -> bool:
        reservation = locked(pk)
        if reservation is None or reservation.agent_call is not None or reservation.expires_at > now:
            return False
        withdrawn = withdraw(
            reservation,
            only=ReservationState.ACTIVE_STATES,
            state=ReservationState.TIMEOUT,
            agent_state=AgentStatus.OFFLINE,
            reason="no answer",
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
        reservation = locked(pk)
        return reservation is not None and release(reservation, now=now)
