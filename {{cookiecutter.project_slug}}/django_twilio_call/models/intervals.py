"""Counts and sums of every quarter of an hour, by queue and by agent. Never ratios: these add up to any period's.

A row that has ended (a visit, an offer, a span of an agent's state) is counted once: the transaction that adds it here
also sets its `is_counted`. Sums are whole milliseconds, so adding them in any order gives the same.
"""
# ruff: noqa: S608  # statements are put together of the models' own names and of whole numbers; the rest are parameters

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final

from django.db import connections, models
from django.db.models import Sum, Value

from ..constants import AgentStatus, TimeIntervals
from .agents import Agent
from .queues import Queue

INTERVAL: Final = timedelta(seconds=TimeIntervals.FIFTEEN_MINUTES)
"""Midnight begins one of them in every time zone: offsets are multiples of it."""

TIMED_STATES: Final = (
    AgentStatus.AVAILABLE,
    AgentStatus.RESERVED,
    AgentStatus.BUSY,
    AgentStatus.WRAP_UP,
    AgentStatus.ON_BREAK,
    AgentStatus.LUNCH,
    AgentStatus.TRAINING,
)
"""States whose time is counted: `AgentInterval` has `<state>_ms` of each. Offline is no time of work."""

Key = tuple[int, datetime]
"""(queue's or agent's key, when the interval begins)"""


def interval_of(moment: datetime) -> datetime:
    """When the interval begins in which the moment lies."""
    seconds = int(moment.timestamp())
    return datetime.fromtimestamp(seconds - seconds % TimeIntervals.FIFTEEN_MINUTES, UTC)


class Quarter(models.Func):
    """Which quarter of an hour since 1970 a moment lies in, as a whole number."""

    arity = 1
    output_field = models.BigIntegerField()

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """Exact: the seconds are whole before they are divided."""
        template = f"(floor(extract(epoch FROM %(expressions)s))::bigint / {TimeIntervals.FIFTEEN_MINUTES})"
        return self.as_sql(compiler, connection, template=template, **context)

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """Moments are texts in UTC. Without their fraction, which SQLite would round."""
        # Twice: the first is for Python's formatting, the second for the database's parameters.
        template = f"(strftime('%%%%s', substr(%(expressions)s, 1, 19)) / {TimeIntervals.FIFTEEN_MINUTES})"
        return self.as_sql(compiler, connection, template=template, **context)


class Milliseconds(models.Func):
    """Whole milliseconds from a moment to a later one."""

    arity = 2
    output_field = models.BigIntegerField()

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """Of whole microseconds, which a moment has: nothing is lost on the way."""
        template = "(round(extract(epoch FROM -(%(expressions)s)) * 1000000)::bigint / 1000)"
        return self.as_sql(compiler, connection, template=template, arg_joiner=" - ", **context)

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """By Django's function, which gives microseconds."""
        template = "(-django_timestamp_diff(%(expressions)s) / 1000)"
        return self.as_sql(compiler, connection, template=template, **context)


class IntervalQuerySet(models.QuerySet[Any]):
    """Intervals, and the one way they are written."""

    def between(self, begin: datetime, end: datetime) -> IntervalQuerySet:
        """Those that begin from `begin` and before `end`."""
        return self.filter(begins_at__gte=begin, begins_at__lt=end)

    def totals(self, **by: Any) -> Any:
        """A row for each group with its figures added up, as `sum_…`; `by` names the groups, as in `values`."""
        groups = self.order_by().values(**(by or {"all": Value(0)}))
        return groups.annotate(**{f"sum_{name}": Sum(name) for name in self.model.figures()})

    def add(self, figures: Mapping[Key, Mapping[str, int]]) -> None:
        """Add these figures to what is there, in one statement, and in one order, so that nobody waits in a circle."""
        if not figures:
            return
        connection, names = connections[self.db], self.model.figures()
        table, owner = self.model._meta.db_table, f"{self.model.OWNER}_id"
        moment = connection.ops.adapt_datetimefield_value
        keys = sorted(figures)
        # Written out: so many parameters take the driver ten times as long. `:d` takes nothing but whole numbers.
        rows = (
            f"({key[0]:d}, %s, {', '.join(f'{given.get(name, 0):d}' for name in names)})"
            for key, given in zip(keys, map(figures.__getitem__, keys), strict=True)
        )
        sql = (
            f"INSERT INTO {table} ({', '.join((owner, 'begins_at', *names))})"
            f" VALUES {', '.join(rows)} ON CONFLICT ({owner}, begins_at)"
            f" DO UPDATE SET {', '.join(f'{name} = {table}.{name} + EXCLUDED.{name}' for name in names)}"
        )
        with connection.cursor() as cursor:
            cursor.execute(sql, [moment(begins_at) for _, begins_at in keys])

    def hold_still(self) -> None:
        """Nobody else adds until this transaction ends; on SQLite nobody else writes anyway."""
        connection = connections[self.db]
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute(f"LOCK TABLE {self.model._meta.db_table} IN SHARE ROW EXCLUSIVE MODE")


def _count() -> models.IntegerField[Any, Any]:
    return models.IntegerField(default=0, db_default=0)


def _sum() -> models.BigIntegerField[Any, Any]:
    return models.BigIntegerField(default=0, db_default=0)


class Interval(models.Model):
    """A quarter of an hour from `begins_at`."""

    OWNER: ClassVar[str]

    begins_at = models.DateTimeField()

    objects = IntervalQuerySet.as_manager()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.OWNER} {getattr(self, f'{self.OWNER}_id')} {self.begins_at:%F %H:%M}"

    @classmethod
    def figures(cls) -> tuple[str, ...]:
        """Names of the counts and sums."""
        return tuple(field.name for field in cls._meta.concrete_fields if type(field) in _KINDS)


_KINDS: Final = (models.IntegerField, models.BigIntegerField)


class QueueInterval(Interval):
    """Visits that began to wait in the interval, and all that became of them, whenever that was.

    `…_in_time`: within the queue's service level threshold. `abandoned_short`: sooner than the configuration's.
    Both are as they were when the visit was counted. `callbacks` are the overflowed who were promised a call.
    """

    OWNER = "queue"

    queue = models.ForeignKey(Queue, on_delete=models.CASCADE, related_name="intervals")
    offered = _count()
    answered = _count()
    answered_in_time = _count()
    abandoned = _count()
    abandoned_in_time = _count()
    abandoned_short = _count()
    overflowed = _count()
    callbacks = _count()
    callbacks_in_time = _count()
    handled = _count()
    answer_wait_ms = _sum()
    abandon_wait_ms = _sum()
    talk_ms = _sum()
    wrap_up_ms = _sum()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["queue", "begins_at"], name="one_interval_per_queue"),)
        indexes = (models.Index(fields=["begins_at"], name="queue_interval_by_time"),)


class AgentInterval(Interval):
    """What an agent was offered in the interval, the conversations that began in it, and the time in each state."""

    OWNER = "agent"

    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="intervals")
    offers = _count()
    accepted = _count()
    declined = _count()
    missed = _count()
    handled = _count()
    talk_ms = _sum()
    available_ms = _sum()
    reserved_ms = _sum()
    busy_ms = _sum()
    wrap_up_ms = _sum()
    on_break_ms = _sum()
    lunch_ms = _sum()
    training_ms = _sum()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["agent", "begins_at"], name="one_interval_per_agent"),)
        indexes = (models.Index(fields=["begins_at"], name="agent_interval_by_time"),)
