"""Three ways to keep answers, which are asked the same questions at the same moments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from django_twilio_call.cache import codec
from django_twilio_call.cache.results import guard

from .questions import Answer, meter, moment

LONG: Final = 86_400.0
"""Real seconds that the store keeps what has a virtual end: the day is replayed in minutes."""


@dataclass
class Policy:
    """How answers are kept, and what readers saw of it."""

    name: str
    reads: Counter[str] = field(default_factory=Counter)
    hits: Counter[str] = field(default_factory=Counter)
    ages: dict[str, list[float]] = field(default_factory=dict)
    stale: list[float] = field(default_factory=list)

    def read(self, question: Any, args: tuple[Any, ...], edits: Mapping[str, list[tuple[int, float]]]) -> None:
        """Ask, and note how old the answer is and how long ago it was made wrong by an edit, if it was.

        `edits`: service -> (number, when) of those whose invalidation is acknowledged; in a policy without
        invalidation, those that were committed.
        """
        meter.policy = self.name
        service = question.service_type
        before = len(meter.seconds), sum(map(len, meter.seconds.values()))
        seconds, number, _ = self.ask(question, args)
        self.reads[service] += 1
        self.hits[service] += before == (len(meter.seconds), sum(map(len, meter.seconds.values())))
        self.ages.setdefault(service, []).append(moment.seconds - seconds)
        for at, when in edits.get(service, ()):
            if at > number:
                self.stale.append(moment.seconds - when)
                break

    def ask(self, question: Any, args: tuple[Any, ...]) -> Answer:
        """The answer, kept or computed."""
        raise NotImplementedError


@dataclass
class Ours(Policy):
    """`cache_result` as it is: service time-outs, invalidation, guard. Its clock is the virtual one."""

    def ask(self, question: Any, args: tuple[Any, ...]) -> Answer:
        """Through the decorator."""
        answer: Answer = question(*args)
        return answer


@dataclass
class TimeoutOnly(Policy):
    """A plain get, and a set after a miss, with nothing but a time-out: the same store, keys and bytes."""

    timeouts: Mapping[str, float] = field(default_factory=dict)
    """Service -> seconds; `LONG` is the default of none."""

    def ask(self, question: Any, args: tuple[Any, ...]) -> Answer:
        """Get, else compute and set. One reader at a time, so a stampede costs it nothing here."""
        key = f"{self.name}:{question.key(*args)}"
        (data,) = guard.store.read([key])
        if data is not None:
            expires, kept = codec.loads(data)
            if moment.time() < expires:
                return list(kept)
        computed: Answer = question.function(*args)
        seconds = self.timeouts[question.service_type]
        guard.store.write(key, codec.dumps([moment.time() + seconds, computed]), LONG)
        return computed
