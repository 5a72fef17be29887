"""Ways to keep answers, which are asked the same questions at the same moments, and what that costs each of them."""

from __future__ import annotations

import contextlib
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.db import connection
from django_twilio_call.cache import codec, counters
from django_twilio_call.cache.results import guard
from django_twilio_call.cache.store import Store

from .questions import Question, moment

LONG: Final = 86_400.0
"""Real seconds that the store keeps what has a virtual end: the day is replayed in minutes."""

KINDS: Final = {
    "queue": "figures of all queues",
    "routing": "rules of all queues",
    "analytics": "today, of all queues",
    "agent": "roster",
    "ivr": "menu",
}
"""Service -> what computing our answer is called; those of past days are told by how many they are."""

AsOf = tuple[float, int]
"""When an answer was computed, and after how many edits."""

Edits = Mapping[str, list[tuple[int, float]]]
"""Service -> (number, when) of edits that make its answers wrong; of those whose invalidation is acknowledged."""


@dataclass
class Meter:
    """What computing costs, by policy and by what was computed."""

    seconds: dict[tuple[str, str], list[float]] = field(default_factory=lambda: defaultdict(list))
    queries: Counter[str] = field(default_factory=Counter)

    @contextlib.contextmanager
    def asking(self, policy: str) -> Iterator[None]:
        """Count the queries that are made inside."""

        def count(execute: Callable[..., Any], *args: Any) -> Any:
            self.queries[policy] += 1
            return execute(*args)

        with connection.execute_wrapper(count):
            yield


meter: Final = Meter()


class NotingStore(Store):
    """The store, and when each value that is read or written in a question was made: one question at a time."""

    def __init__(self) -> None:
        super().__init__()
        self._made: dict[str, AsOf] = {}
        self.touched: set[str] = set()
        self.written: list[str] = []

    def read(self, keys: Sequence[str]) -> list[bytes | None]:
        """As the store's."""
        found: list[bytes | None] = super().read(keys)
        self.touched.update(key for key, data in zip(keys, found, strict=True) if data is not None)
        return found

    def write(self, key: str, data: bytes, seconds: float) -> None:
        """Kept for long, as far as the server goes: it is the value that knows its virtual end."""
        del seconds
        super().write(key, data, LONG)
        self._note([key])

    def write_many(self, entries: dict[str, bytes], seconds: float) -> None:
        """As `write`."""
        del seconds
        super().write_many(entries, LONG)
        self._note(list(entries))

    def _note(self, keys: list[str]) -> None:
        self._made.update(dict.fromkeys(keys, (moment.seconds, moment.edits)))
        self.touched.update(keys)
        self.written += keys

    def begin(self) -> None:
        """A question begins."""
        self.touched, self.written = set(), []

    def as_of(self) -> AsOf:
        """Of the oldest value the answer was made from; now, where none was kept."""
        made = [self._made[key] for key in self.touched if key in self._made]
        return min(made, default=(moment.seconds, moment.edits))


@dataclass
class Policy:
    """How answers are kept, and what readers saw of it."""

    name: str
    reads: Counter[str] = field(default_factory=Counter)
    hits: Counter[str] = field(default_factory=Counter)
    ages: dict[str, list[float]] = field(default_factory=dict)
    stale: list[float] = field(default_factory=list)

    def read(self, question: Question, args: tuple[Any, ...], edits: Edits) -> None:
        """Ask, and note how old the answer is and how long ago it was made wrong by an edit, if it was."""
        service = question.services[0]
        before = _computations(self.name)
        seconds, number = self.ask(question, args)
        self.reads[service] += 1
        self.hits[service] += _computations(self.name) == before
        self.ages.setdefault(service, []).append(moment.seconds - seconds)
        since = [when for name in question.services for at, when in edits.get(name, ()) if at > number]
        if since:
            self.stale.append(moment.seconds - min(since))

    def ask(self, question: Question, args: tuple[Any, ...]) -> AsOf:
        """Get the answer, kept or computed."""
        raise NotImplementedError


@dataclass
class Ours(Policy):
    """The project's methods as they are: service time-outs, invalidation, guard. Its clock is the virtual one."""

    store: NotingStore = field(default_factory=NotingStore)

    def __post_init__(self) -> None:
        guard.store, guard._clock = self.store, moment.time

    def leave(self) -> None:
        """Give the guard its own store and clock back."""
        guard.store, guard._clock = Store(), time.time

    def ask(self, question: Question, args: tuple[Any, ...]) -> AsOf:
        """As a page does. What was computed, and for how long, the project's own counters say."""
        before = {service: _computed(service) for service in question.services}
        self.store.begin()
        with meter.asking(self.name):
            question.ours(*args)
        for service, (times, seconds) in before.items():
            now_times, now_seconds = _computed(service)
            if now_times > times:
                meter.seconds[self.name, self._kind(service)].append(now_seconds - seconds)
        return self.store.as_of()

    def _kind(self, service: str) -> str:
        if service in KINDS:
            return KINDS[service]
        days = sum(":reporting:" in key for key in self.store.written)
        return f"{'1 day' if days == 1 else '2 to 7 days' if days < 8 else '8 to 30 days'} over, of all queues"


@dataclass
class TimeoutOnly(Policy):
    """A plain get, and a set after a miss, with nothing but a time-out: the same store and serialisation."""

    timeouts: Mapping[str, float] = field(default_factory=dict)
    """Service -> seconds."""

    def ask(self, question: Question, args: tuple[Any, ...]) -> AsOf:
        """Get, else compute and set. One reader at a time, so a stampede costs it nothing here."""
        key = f"{self.name}:{question.key(*args)}"
        (data,) = guard.store.read([key])
        if data is not None:
            expires, as_of, _ = codec.loads(data)
            if moment.time() < expires:
                return as_of[0], as_of[1]
        as_of = (moment.seconds, moment.edits)
        began = time.perf_counter()
        with meter.asking(self.name):
            computed = question.plain(*args)
        meter.seconds[self.name, question.kind(*args)].append(time.perf_counter() - began)
        seconds = self.timeouts[question.services[0]]
        guard.store.write(key, codec.dumps([moment.time() + seconds, as_of, computed]), LONG)
        return as_of


def _computations(policy: str) -> int:
    return sum(len(each) for (name, _), each in meter.seconds.items() if name == policy)


def _computed(service: str) -> tuple[int, float]:
    counted = counters.of(service)
    return counted.computations, counted.computed_s
