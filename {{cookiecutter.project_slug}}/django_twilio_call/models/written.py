"""Statements that every call passes, written out: the ORM takes several times as long to put such a join together as
PostgreSQL takes to do it. The text is the same for SQLite, but for the locks: it has one writer at a time.
"""
# ruff: noqa: S608  # statements are put together of fixed texts; values are always parameters

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final

from django.db import connection, models

from ..constants import AgentStatus, Onward, OutboxKind, QueueEntryState, ReservationState
from .agents import Agent
from .calendars import Calendar
from .calls import PLACEHOLDER, Call
from .delivery import Outbox
from .entries import QueueEntry, Reservation
from .queues import Queue
from .recordings import Recording

_OF_ENTRY: Final = (
    "JOIN django_twilio_call_queue q ON q.id = e.queue_id JOIN django_twilio_call_call c ON c.id = e.call_id"
)
_OF_RESERVATION: Final = (
    f"JOIN django_twilio_call_queueentry e ON e.id = r.entry_id {_OF_ENTRY}"
    " JOIN django_twilio_call_agent a ON a.id = r.agent_id"
    " LEFT JOIN django_twilio_call_call l ON l.id = r.agent_call_id"
)
_NOT_MADE: Final = f"{PLACEHOLDER}%"
_NEWEST: Final = "ORDER BY r.created_at DESC, r.id DESC LIMIT 1"


class Joined:
    """Whole rows of several models out of one row of a statement, by the tables' names in it."""

    def __init__(self, **tables: type[models.Model]) -> None:
        self._models = [(each, [field.attname for field in each._meta.concrete_fields]) for each in tables.values()]
        self._fields = [field for each in tables.values() for field in each._meta.concrete_fields]
        self.columns: Final = ", ".join(
            f"{table}.{field.column}" for table, each in tables.items() for field in each._meta.concrete_fields
        )
        self._converters: list[tuple[int, Callable[..., Any], Any]] | None = None

    def first(self, sql: str, params: Sequence[Any]) -> list[Any] | None:
        """The first row: one object for each table, None where an outer join found none, and what else was asked for.

        The statement selects `columns` first.
        """
        with connection.cursor() as cursor:
            cursor.execute(sql, params)
            row = cursor.fetchone()
        if row is None:
            return None
        values = list(row)
        for at, convert, expression in self._conversions():
            values[at] = convert(values[at], expression, connection)
        objects: list[Any] = []
        at = 0
        for model, names in self._models:
            own = values[at : at + len(names)]
            at += len(names)
            found = own[0] is not None  # the primary key is every model's first column
            objects.append(model.from_db(connection.alias, names, own) if found else None)
        return objects + values[at:]

    def _conversions(self) -> list[tuple[int, Callable[..., Any], Any]]:
        """What makes Python's values of the database's, where they differ. One process has one kind of it."""
        if self._converters is None:
            self._converters = [
                (at, convert, expression)
                for at, expression in enumerate(field.get_col("") for field in self._fields)
                for convert in (
                    *connection.ops.get_db_converters(expression),
                    *expression.get_db_converters(connection),
                )
            ]
        return self._converters


_LOCKED: Final = Joined(r=Reservation, e=QueueEntry, q=Queue, c=Call, a=Agent, l=Call)
_JOINED: Final = Joined(r=Reservation)
_VISIT: Final = Joined(e=QueueEntry, q=Queue, c=Call)
_ENTRANCE: Final = Joined(q=Queue, d=Calendar, c=Call)
_COMMAND: Final = Joined(o=Outbox, e=QueueEntry, w=Recording)


@dataclass(frozen=True, slots=True)
class Entrance:
    """A queue as a call meets it: the call, how many wait on the line, and whether anybody serves them or need not."""

    queue: Queue
    caller: Call | None
    waiting: int
    served: bool


@dataclass(frozen=True, slots=True)
class TimedSpan:
    """A span whose time is up: its agent, whether a leg of theirs lives on, whether its queue still wants to hear of a
    call, and whether the agent's desk is frozen."""

    agent_id: int
    on_the_line: bool
    unsaid: bool
    frozen: bool


@dataclass(frozen=True, slots=True)
class RuleRows:
    """What the rules of all queues are made of.

    `skills`: (key, queue or None, level), each skill at least once. `steps`: (queue, after, action, skill or None,
    amount), in their order. `queues`: (queue, strategy, tier wait, sticky days, sticky wait, highest tier or None).
    """

    skills: list[tuple[str, int | None, int | None]]
    steps: list[tuple[int, int, str, str | None, int]]
    queues: list[tuple[int, str, int, int, int, int | None]]


def rule_rows() -> RuleRows:
    """Read by every pass of routing that has somebody to route."""

    def rows(sql: str) -> list[Any]:
        with connection.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall())

    return RuleRows(
        skills=rows(
            "SELECT k.key, n.queue_id, n.level FROM django_twilio_call_skill k"
            " LEFT JOIN django_twilio_call_queueskill n ON n.skill_id = k.id"
        ),
        steps=rows(
            "SELECT r.queue_id, r.after_s, r.action, k.key, r.amount FROM django_twilio_call_relaxation r"
            " LEFT JOIN django_twilio_call_skill k ON k.id = r.skill_id ORDER BY r.queue_id, r.after_s, r.id"
        ),
        queues=rows(
            "SELECT q.id, q.strategy, q.tier_wait, q.sticky_days, q.sticky_wait, (SELECT max(m.tier)"
            " FROM django_twilio_call_queuemembership m WHERE m.queue_id = q.id) FROM django_twilio_call_queue q"
        ),
    )


def lock_reservation(pk: int) -> Reservation | None:
    """A reservation with its entry locked, and with queue, call, agent and the agent's leg, in one statement.

    Locking both rows here would lock them in the wrong order; so the reservation may be a moment old, which is why
    `services.reservations.change` looks again.
    """
    return _locked("r.id = %s", [pk])


def lock_owner(pk: int, *, room: str) -> Reservation | None:
    """As `lock_reservation`, that of the agent whose call it is: of the conference `pk` began, or taken over in `room`.

    "" is no room.
    """
    here, params = ("(r.id = %s OR r.room = %s)", [pk, room]) if room else ("r.id = %s", [pk])
    return _locked(f"{here} AND r.state = %s AND r.asked_by_id IS NULL", [*params, ReservationState.ACCEPTED])


def joined_reservation(entry: QueueEntry) -> Reservation | None:
    """That of the agent whose phone waits for the caller of an entry."""
    where = f"r.entry_id = %s AND r.state = %s AND r.agent_call_id IS NOT NULL {_NEWEST}"
    sql = f"SELECT {_JOINED.columns} FROM django_twilio_call_reservation r WHERE {where}"
    rows = _JOINED.first(sql, [entry.pk, ReservationState.ACCEPTED])
    if rows is None:
        return None
    reservation: Reservation = rows[0]
    reservation.entry = entry
    return reservation


def visit(pk: int) -> tuple[QueueEntry, int] | None:
    """An entry with its queue and call, and how many callbacks are before it: Twilio's queue knows nothing of those."""
    sql = f"""
        SELECT {_VISIT.columns}, (
            SELECT count(*) FROM django_twilio_call_callbackrequest b
            JOIN django_twilio_call_queueentry o ON o.id = b.entry_id JOIN django_twilio_call_call w ON w.id = o.call_id
            WHERE b.state = 'lined_up' AND o.queue_id = e.queue_id AND o.state = 'waiting' AND w.sid LIKE %s
            AND (o.rank_at, o.id) < (e.rank_at, e.id)
        )
        FROM django_twilio_call_queueentry e {_OF_ENTRY} WHERE e.id = %s
        """
    rows = _VISIT.first(sql, [_NOT_MADE, pk])
    if rows is None:
        return None
    *joined, callbacks = rows
    return _visit(*joined), callbacks


def entrance(*, queue_key: str, call_sid: str, heard_since: datetime) -> Entrance | None:
    """All that is to be known when a call enters a queue; None where there is no such queue.

    Who takes a break is logged in as long as their desk has been heard of since then, or no desk of theirs is waited
    for: nothing else tells that they have gone home.
    """
    sql = f"""
        SELECT {_ENTRANCE.columns},
            (SELECT count(*) FROM django_twilio_call_queueentry e JOIN django_twilio_call_call w ON w.id = e.call_id
                WHERE e.queue_id = q.id AND e.state = %s AND w.sid NOT LIKE %s),
            q.when_nobody = %s OR EXISTS (
                SELECT 1 FROM django_twilio_call_queuemembership m JOIN django_twilio_call_agentstatespan s
                ON s.agent_id = m.agent_id AND s.ended_at IS NULL JOIN django_twilio_call_agent a ON a.id = m.agent_id
                WHERE m.queue_id = q.id AND s.state <> %s
                AND (s.state NOT IN (%s, %s, %s) OR a.heard_at IS NULL OR a.heard_at >= %s)
            )
        FROM django_twilio_call_queue q LEFT JOIN django_twilio_call_calendar d ON d.id = q.calendar_id
        LEFT JOIN django_twilio_call_call c ON c.sid = %s WHERE q.key = %s
        """
    moment = connection.ops.adapt_datetimefield_value(heard_since)
    away = [AgentStatus.OFFLINE, *AgentStatus.BREAKS, moment]
    rows = _ENTRANCE.first(sql, [QueueEntryState.WAITING, _NOT_MADE, Onward.WAIT, *away, call_sid, queue_key])
    if rows is None:
        return None
    queue, calendar, caller, waiting, served = rows
    queue.calendar = calendar
    return Entrance(queue=queue, caller=caller, waiting=waiting, served=bool(served))


def time_is_up(pk: int) -> TimedSpan | None:
    """What `services.alone.of_agent` and `services.outcomes` ask of an open span, at once: most have neither."""
    sql = """
        SELECT s.agent_id,
            EXISTS (
                SELECT 1 FROM django_twilio_call_call c JOIN django_twilio_call_reservation r ON r.agent_call_id = c.id
                WHERE c.agent_id = s.agent_id AND c.ended_at IS NULL AND r.state NOT IN (%s, %s)
            ),
            s.state = %s AND EXISTS (
                SELECT 1 FROM django_twilio_call_reservation r JOIN django_twilio_call_queueentry e ON e.id = r.entry_id
                JOIN django_twilio_call_queue q ON q.id = e.queue_id WHERE r.agent_id = s.agent_id AND r.state = %s
                AND r.ended_at = s.started_at AND q.disposition_required
            ),
            a.frozen_at IS NOT NULL
        FROM django_twilio_call_agentstatespan s JOIN django_twilio_call_agent a ON a.id = s.agent_id
        WHERE s.id = %s AND s.ended_at IS NULL
        """
    with connection.cursor() as cursor:
        cursor.execute(sql, [*ReservationState.ACTIVE_STATES, AgentStatus.WRAP_UP, ReservationState.COMPLETED, pk])
        row = cursor.fetchone()
    return None if row is None else TimedSpan(row[0], *map(bool, row[1:]))


def lock_due(now: datetime, *, calls: bool) -> Outbox | None:
    """The oldest command that is due, with its entry and recording; what another worker holds is skipped.

    `calls`: of those that have Twilio call somebody, else of the others. A participant's are done in their order.
    """
    sql = f"""
        SELECT {_COMMAND.columns} FROM django_twilio_call_outbox o
        LEFT JOIN django_twilio_call_queueentry e ON e.id = o.entry_id
        LEFT JOIN django_twilio_call_recording w ON w.id = o.recording_id
        WHERE o.state = 'pending' AND o.not_before <= %s AND o.kind {"IN" if calls else "NOT IN"} (%s, %s)
        AND (o.kind <> %s OR NOT EXISTS (
            SELECT 1 FROM django_twilio_call_outbox b WHERE b.call_sid = o.call_sid AND b.kind = o.kind
            AND b.state = 'pending' AND b.id < o.id
        ))
        ORDER BY o.not_before, o.id LIMIT 1 {skip_locked("o")}
        """
    moment = connection.ops.adapt_datetimefield_value(now)
    rows = _COMMAND.first(sql, [moment, *OutboxKind.CALLS, OutboxKind.UPDATE_PARTICIPANT])
    if rows is None:
        return None
    command: Outbox
    command, command.entry, command.recording = rows
    return command


def skip_locked(table: str) -> str:
    """What locks a row of the table and leaves out those that somebody else has locked."""
    return f"FOR UPDATE OF {table} SKIP LOCKED" if connection.features.has_select_for_update_skip_locked else ""


def insert(row: models.Model, *, then: str = "") -> None:
    """Insert a row without asking for its id. `then`: what follows the values, as `ON CONFLICT …`."""
    sql, fields = _insertion(type(row))
    with connection.cursor() as cursor:
        values = [field.get_db_prep_save(getattr(row, field.attname), connection) for field in fields]
        cursor.execute(f"{sql} {then}", values)


def _locked(where: str, params: list[Any]) -> Reservation | None:
    lock = "FOR UPDATE OF e" if connection.features.has_select_for_update else ""
    tables = f"django_twilio_call_reservation r {_OF_RESERVATION}"
    rows = _LOCKED.first(f"SELECT {_LOCKED.columns} FROM {tables} WHERE {where} {_NEWEST} {lock}", params)
    if rows is None:
        return None
    reservation: Reservation
    reservation, entry, queue, call, agent, leg = rows
    reservation.entry, reservation.agent, reservation.agent_call = _visit(entry, queue, call), agent, leg
    return reservation


def _visit(entry: QueueEntry, queue: Queue, call: Call) -> QueueEntry:
    entry.queue, entry.call = queue, call
    return entry


@cache
def _insertion(model: type[models.Model]) -> tuple[str, list[models.Field[Any, Any]]]:
    fields = [field for field in model._meta.concrete_fields if not field.primary_key]
    names = ", ".join(connection.ops.quote_name(str(field.column)) for field in fields)
    return f"INSERT INTO {model._meta.db_table} ({names}) VALUES ({', '.join(['%s'] * len(fields))})", fields
