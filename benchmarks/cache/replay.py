"""The recorded day's events, done to the database, and its questions, put to each policy in turn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

from django.contrib.auth.models import User
from django.db import connection, transaction
from django_twilio_call.cache.results import guard
from django_twilio_call.constants import CallStatus, QueueEntryState
from django_twilio_call.models import INVALIDATES, Agent, AgentStateSpan, Call, Queue, QueueEntry, QueueMembership
from django_twilio_call.services import counts
from django_twilio_call.services.analytics import QueueFigures
from django_twilio_call.services.counts import CallCounts

from . import questions
from .policies import Policy
from .questions import Question, moment

MODELS: Final = {"queue": "queue", "membership": "queuemembership", "agent": "agent"}
PAST_DAYS: Final = 30
PAST_CALLS: Final = """
INSERT INTO django_twilio_call_call (sid, role, direction, from_number, to_number, status, sequence, started_at,
    ended_at)
SELECT 'past-' || number, 'customer', 'inbound', '', '', 'completed', 0, at, at + interval '5 minutes'
FROM (SELECT number, %(midnight)s::timestamptz - (1 + mod(number, %(days)s)) * interval '1 day' + interval '8 hours'
    + random() * interval '12 hours' AS at FROM generate_series(1, %(calls)s) AS number) AS calls
"""
PAST_ENTRIES: Final = """
INSERT INTO django_twilio_call_queueentry (call_id, queue_id, state, priority, enqueued_at, rank_at, answered_at,
    ended_at, overflow_reason, overflow_to, requires)
SELECT id, (SELECT id FROM django_twilio_call_queue WHERE key = 'q' || (1 + mod(calls.id, 6))),
    CASE WHEN mod(id, 9) = 0 THEN 'abandoned' ELSE 'answered' END, 0, started_at, started_at,
    CASE WHEN mod(id, 9) = 0 THEN NULL ELSE started_at + random() * interval '40 seconds' END, ended_at,
    '', '', ''
FROM django_twilio_call_call AS calls
"""
"""A month like this day, so that reports have something to count."""


class Size(NamedTuple):
    """How much of the day is replayed: up to when, in seconds since midnight, and how much of a month is its past."""

    until: float = 86_400.0
    past: float = 1.0


Act = tuple[float, str, tuple[Any, ...]]


class Replay:
    """One pass over the day: everything is done once, and each question is put to every policy."""

    def __init__(self, day: dict[str, Any], policies: Sequence[Policy], size: Size) -> None:
        self.day, self.policies, self.size = day, policies, size
        self.edits: dict[str, list[tuple[int, float]]] = {}
        self.edited = self.not_acknowledged = 0
        self._queues: dict[int, Queue] = {}
        self._agents: list[Agent] = []
        self._entries: dict[int, int] = {}

    def prepare(self) -> None:
        """The center as it is before it opens, and its past."""
        for number in range(1, 7):
            key = f"q{number}"
            self._queues[number] = Queue.objects.create(key=key, name=f"Queue {number}", digit=str(number))
        for number, agent in enumerate(self.day["agents"]):
            user = User.objects.create(username=f"agent{number}")
            made = Agent.objects.create(user=user, name=f"Agent {number}")
            self._agents.append(made)
            AgentStateSpan.objects.create(agent=made, started_at=moment.now())
            for queue in agent["queues"]:
                QueueMembership.objects.create(agent=made, queue=self._queues[queue])
        calls = PAST_DAYS * sum(event[1] == "arrives" for event in self.day["events"])
        values = {"midnight": questions.MIDNIGHT, "days": PAST_DAYS, "calls": round(self.size.past * calls)}
        with connection.cursor() as cursor:
            cursor.execute("SELECT setseed(0.5)")
            cursor.execute(PAST_CALLS, values)
            cursor.execute(PAST_ENTRIES)
            cursor.execute("ANALYZE")

    def run(self) -> None:
        """The day, or as much of it as is wanted."""
        acts: dict[str, Callable[..., None]] = {
            "arrives": self._arrives,
            "answered": self._answered,
            "ends": self._ends,
            "abandons": self._abandons,
            "state": self._state,
            "edit": self._edit,
            "look-up": lambda _, back, days, queue: self._ask(questions.REPORT, back, days, _key(queue)),
            "screen": lambda queue: self._ask(questions.METRICS, _key(queue)),
            "roster": lambda _: self._ask(questions.ROSTER),
            "dashboard": lambda queue: self._ask(questions.REPORT, 0, 1, _key(queue)),
        }
        for seconds, kind, args in sorted(self._acts(), key=lambda act: act[0]):
            if seconds >= self.size.until:
                break
            moment.seconds = seconds
            acts[kind](*args)

    def disagreeing(self) -> list[str]:
        """Questions whose two ways, put now and with nothing kept, give two answers."""
        queues = [("", None), *((queue.key, queue.pk) for queue in self._queues.values())]
        asked: list[tuple[Question, tuple[Any, ...]]] = [(questions.MENU, ()), (questions.ROSTER, ())]
        for key, pk in queues:
            asked += [(questions.REPORT, (*period, key)) for period in ((0, 1), (1, 1), (7, 7), (30, 30))]
            asked += [(questions.METRICS, (key,)), (questions.RULES, (pk,))] if key else []
        guard.forget_all()
        return [f"{question.name}{args}" for question, args in asked if not _same(question, args)]

    def _acts(self) -> Iterator[Act]:
        for at, kind, *args in self.day["events"]:
            yield at / 10, kind, tuple(args)
        for what, which, begins, ends, every in self.day["pollers"]:
            at = begins
            while at < ends:
                yield at, what, (which,)
                at += every

    def _ask(self, question: Question, *args: Any) -> None:
        for policy in self.policies:
            policy.read(question, args, self.edits)

    def _arrives(self, number: int, queue: int) -> None:
        """A call's webhooks: the menu is read to the caller, the key pressed is looked up in it, and routed."""
        now = moment.now()
        self._ask(questions.MENU)
        self._ask(questions.MENU)
        call = Call.objects.create(sid=f"call-{number}", from_number="", to_number="", started_at=now)
        into = self._queues[queue]
        entry = QueueEntry.objects.create(call=call, queue=into, priority=0, enqueued_at=now, rank_at=now)
        self._entries[number] = entry.pk
        self._ask(questions.RULES, into.pk)

    def _answered(self, number: int, agent: int) -> None:
        self._entry(number, state=QueueEntryState.ANSWERED, answered_at=moment.now())
        self._state(agent, "busy")

    def _ends(self, number: int) -> None:
        self._entry(number, ended_at=moment.now())
        Call.objects.filter(sid=f"call-{number}").update(status=CallStatus.COMPLETED, ended_at=moment.now())

    def _abandons(self, number: int) -> None:
        self._entry(number, state=QueueEntryState.ABANDONED, ended_at=moment.now())

    def _entry(self, number: int, **changes: Any) -> None:
        QueueEntry.objects.filter(pk=self._entries[number]).update(**changes)

    def _state(self, agent: int, state: str) -> None:
        AgentStateSpan.objects.move(agent_id=self._agents[agent].pk, to=state, now=moment.now())

    def _edit(self, what: str, which: int, how: int) -> None:
        """A change by a supervisor: afterwards it is committed, and its invalidation acknowledged unless there were
        errors.
        """
        errors = guard.store.link().errors
        moment.edits = self.edited = self.edited + 1
        with transaction.atomic():
            getattr(self, f"_edit_{what}")(which, how)
        self.not_acknowledged += guard.store.link().errors != errors
        for service in INVALIDATES[f"django_twilio_call.{MODELS[what]}"]:
            self.edits.setdefault(service, []).append((moment.edits, moment.seconds))

    def _edit_queue(self, which: int, how: int) -> None:
        queue = self._queues[1 + which % 6]
        if how % 2:
            Queue.objects.filter(pk=queue.pk).update(max_wait=600 + 10 * how)
        else:
            queue.name = f"Queue {1 + which % 6}, edit {how}"
            queue.save()

    def _edit_membership(self, which: int, how: int) -> None:
        """An agent is moved from one queue to another."""
        agent = self._agents[which % len(self._agents)]
        first = QueueMembership.objects.filter(agent=agent).order_by("queue").first()
        taken = set(QueueMembership.objects.filter(agent=agent).values_list("queue", flat=True))
        free = [queue for queue in self._queues.values() if queue.pk not in taken]
        if first is not None:
            first.delete()
        QueueMembership.objects.create(agent=agent, queue=free[how % len(free)])

    def _edit_agent(self, which: int, how: int) -> None:
        agent = self._agents[which % len(self._agents)]
        agent.name = f"Agent {which}, edit {how}"
        agent.save()


def _same(question: Question, args: tuple[Any, ...]) -> bool:
    ours, plain = question.ours(*args), question.plain(*args)
    if isinstance(plain, CallCounts):  # seconds are added up in another order
        return [*map(round, counts.row(ours))] == [*map(round, counts.row(plain))]
    if isinstance(plain, QueueFigures):
        ours, plain = (replace(each, today=[*map(round, counts.row(each.today))]) for each in (ours, plain))
    return bool(ours == plain)


def _key(queue: int) -> str:
    return f"q{queue}" if queue else ""
