"""The heart of routing in SQL: the first caller in line, an agent for them, and both promised to each other.

Written out because the ORM takes several times as long to put such statements together as PostgreSQL takes to do them,
and every call passes here. The text is the same for SQLite, but for the locks: it has one writer at a time.
"""
# ruff: noqa: S608  # statements are put together of fixed texts; values are always parameters

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import connection, transaction

from ..constants import AgentStatus, QueueEntryState, RoutingStrategy
from .agents import AgentStateSpan
from .entries import QueueEntry, Reservation
from .written import skip_locked

_OF_AGENT: Final = "FROM django_twilio_call_reservation r WHERE r.agent_id = s.agent_id"

ORDERS: Final[Mapping[str, str]] = {
    RoutingStrategy.LONGEST_IDLE: "s.started_at",
    RoutingStrategy.ROUND_ROBIN: f"(SELECT max(r.created_at) {_OF_AGENT}) NULLS FIRST",
    RoutingStrategy.LEAST_RECENT: f"(SELECT max(r.ended_at) {_OF_AGENT} AND r.state = 'completed') NULLS FIRST",
    RoutingStrategy.FEWEST_CALLS: f"(SELECT count(*) {_OF_AGENT} AND r.accepted_at >= %s), s.started_at",
    RoutingStrategy.LEAST_TALK: (
        "(SELECT sum(l.duration) FROM django_twilio_call_call l WHERE l.id IN"
        f" (SELECT r.agent_call_id {_OF_AGENT} AND r.accepted_at >= %s)) NULLS FIRST, s.started_at"
    ),
    RoutingStrategy.SKILLS_BEST: (
        "(SELECT sum(k.level * q.weight) FROM django_twilio_call_agentskill k"
        " JOIN django_twilio_call_queueskill q ON q.skill_id = k.skill_id AND q.queue_id = m.queue_id"
        " WHERE k.agent_id = s.agent_id) DESC NULLS LAST, s.started_at"
    ),
    # The least of exponential numbers with these rates is each agent's in proportion to their weight.
    RoutingStrategy.WEIGHTED_RANDOM: "-ln({random}) / m.weight",
}
"""Strategy -> whom of one tier's agents it asks first. `s`: the span they are available in, `m`: their membership."""

_RANDOM: Final = {"postgresql": "1 - random()", "sqlite": "(abs(random() / 1.0) + 1) / 9223372036854775809.0"}
"""A number up to 1 and above 0, which has no logarithm."""

Sql = tuple[str, list[Any]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """An agent as a caller needs one: of one tier, or `agent_id` in any; with these skills at these levels at least."""

    queue_id: int
    strategy: str
    skills: tuple[tuple[str, int], ...] = ()
    tier: int | None = None
    agent_id: int | None = None


@dataclass(frozen=True, slots=True)
class PassedOver:
    """Callers for whom nobody is available now: those like `queue_id` and `requires` who began to wait after `since`.

    With `agent_id`, those who are held for that agent. `sticky`: it is not known yet of all whom they are held for.
    """

    queue_id: int
    requires: str
    since: datetime | None = None
    sticky: bool = False
    agent_id: int | None = None


def can_book_at_once() -> bool:
    """Whether `book_at_once` works here: it needs statements that change rows inside a query."""
    return connection.vendor == "postgresql"


def book_at_once(
    wanted: Wanted, *, but_not: Iterable[PassedOver], now: datetime, today: datetime, expires_at: datetime
) -> Reservation | None:
    """Lock the queue's first caller and an agent of that kind, and write the promise, all in one statement.

    None where there is no such agent, or where the caller is one whom not everybody may take: see `first_in_line`.
    """
    line, callers = _line("e.id, e.requires", queue_id=wanted.queue_id, but_not=but_not, now=now)
    idle, agents = _idle(wanted, today=today)
    # An order among these follows from what each reads: the span ends before the next begins, or the index refuses.
    sql = f"""
        WITH caller AS ({line} {skip_locked("e")}), agent AS ({idle} {skip_locked("s")}),
        pair AS (SELECT c.id AS entry_id, a.id AS span_id, a.agent_id FROM caller c, agent a WHERE c.requires = ''),
        taken AS (UPDATE django_twilio_call_queueentry e SET state = 'reserved' FROM pair p WHERE e.id = p.entry_id),
        ended AS (
            UPDATE django_twilio_call_agentstatespan s SET ended_at = %s FROM pair p WHERE s.id = p.span_id
            RETURNING p.entry_id, p.agent_id
        ),
        opened AS (
            INSERT INTO django_twilio_call_agentstatespan (agent_id, state, reason, started_at)
            SELECT agent_id, 'reserved', '', %s FROM ended
        )
        INSERT INTO django_twilio_call_reservation (entry_id, agent_id, state, created_at, expires_at)
        SELECT entry_id, agent_id, 'pending', %s, %s FROM ended RETURNING id, entry_id, agent_id
        """
    with transaction.atomic() if connection.in_atomic_block else nullcontext(), connection.cursor() as cursor:
        cursor.execute(sql, [*callers, *agents, now, now, now, expires_at])
        row = cursor.fetchone()
    if row is None:
        return None
    reservation_id, entry_id, agent_id = row
    return _made(reservation_id, entry_id=entry_id, agent_id=agent_id, now=now, expires_at=expires_at)


def first_queue(*, but_not: Iterable[PassedOver], now: datetime) -> int | None:
    """The queue of the first waiting caller of all."""
    row = _row(_line("e.queue_id", queue_id=None, but_not=but_not, now=now))
    return None if row is None else int(row[0])


def first_in_line(*, queue_id: int | None, but_not: Iterable[PassedOver], now: datetime) -> QueueEntry | None:
    """The first waiting caller, of one queue or of all, and locked. One whom another worker holds is skipped."""
    sql, params = _line("*", queue_id=queue_id, but_not=but_not, now=now)
    return next(iter(QueueEntry.objects.raw(f"{sql} {skip_locked('e')}", params)), None)


def find_agent(wanted: Wanted, *, today: datetime) -> tuple[int, int] | None:
    """(span, agent) of the first available agent of that kind, locked. One whom another worker holds is skipped."""
    sql, params = _idle(wanted, today=today)
    row: tuple[int, int] | None = _row((f"{sql} {skip_locked('s')}", params))
    return row


def book(entry: QueueEntry, *, span_id: int, agent_id: int, now: datetime, expires_at: datetime) -> Reservation:
    """Write the promise. The caller holds the locks; the partial unique indexes refuse what was not locked."""
    QueueEntry.objects.filter(pk=entry.pk).update(state=QueueEntryState.RESERVED)
    AgentStateSpan.objects.move(agent_id=agent_id, to=AgentStatus.RESERVED, now=now, pk=span_id)
    return Reservation.objects.create(entry_id=entry.pk, agent_id=agent_id, created_at=now, expires_at=expires_at)


def _line(columns: str, *, queue_id: int | None, but_not: Iterable[PassedOver], now: datetime) -> Sql:
    """The first waiting caller."""
    sql, params = [f"SELECT {columns} FROM django_twilio_call_queueentry e WHERE e.state = 'waiting'"], []
    if queue_id is not None:
        sql.append("AND e.queue_id = %s")
        params.append(queue_id)
    for passed in but_not:
        condition, values = _not_like(passed, now)
        sql.append(condition)
        params += values
    sql.append("ORDER BY e.rank_at, e.id LIMIT 1")
    return " ".join(sql), params


def _idle(wanted: Wanted, *, today: datetime) -> Sql:
    """The first available agent of that kind."""
    sql = [
        "SELECT s.id, s.agent_id FROM django_twilio_call_agentstatespan s JOIN django_twilio_call_queuemembership m"
        " ON m.agent_id = s.agent_id AND m.queue_id = %s WHERE s.state = 'available' AND s.ended_at IS NULL"
    ]
    params: list[Any] = [wanted.queue_id]
    for skill, level in wanted.skills:
        sql.append(
            "AND EXISTS (SELECT 1 FROM django_twilio_call_agentskill k JOIN django_twilio_call_skill d"
            " ON d.id = k.skill_id WHERE k.agent_id = s.agent_id AND d.key = %s AND k.level >= %s)"
        )
        params += [skill, level]
    if wanted.tier is not None:
        sql.append("AND m.tier = %s")
        params.append(wanted.tier)
    if wanted.agent_id is not None:
        sql.append("AND s.agent_id = %s")
        params.append(wanted.agent_id)
    order = ORDERS[wanted.strategy].replace("{random}", _RANDOM[connection.vendor])
    params += [_moment(today)] * order.count("%s")
    sql.append(f"ORDER BY {order}, s.id LIMIT 1")
    return " ".join(sql), params


def _not_like(passed: PassedOver, now: datetime) -> Sql:
    if passed.agent_id is not None:
        condition = "AND (e.held_until IS NULL OR e.held_until <= %s OR e.preferred_agent_id <> %s)"
        return condition, [_moment(now), passed.agent_id]
    sql, params = "AND (e.queue_id <> %s OR e.requires <> %s", [passed.queue_id, passed.requires]
    if passed.since is not None:
        sql += " OR e.enqueued_at <= %s"
        params.append(_moment(passed.since))
    if passed.sticky:
        sql += " OR e.held_until IS NULL OR e.held_until > %s"
        params.append(_moment(now))
    return sql + ")", params


def _row(sql: Sql) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(*sql)
        return cursor.fetchone()


def _made(pk: int, *, entry_id: int, agent_id: int, now: datetime, expires_at: datetime) -> Reservation:
    """The row as the ORM would give it."""
    made = Reservation(pk=pk, entry_id=entry_id, agent_id=agent_id, created_at=now, expires_at=expires_at)
    made._state.adding = False
    return made


def _moment(moment: datetime) -> Any:
    return connection.ops.adapt_datetimefield_value(moment)
