"""What counts say: service level, speed of answer, handle time and the like, each with its formula in words.

A figure is computed where it is shown, from counts that were added up: the mean of two service levels is none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, Protocol, TypeVar

from django.utils.translation import gettext_noop

from ..conf import Config
from ..constants import DefaultValues
from ..exceptions import ValidationError

C = TypeVar("C", "QueueCounts", "AgentCounts")

MISSED: Final = "missed"
TIMELY: Final = "timely"
IGNORED: Final = "ignored"
ABANDONED: Final = (MISSED, TIMELY, IGNORED)
"""How abandoned calls count: as missed; as served where they left within the threshold; not at all."""


@dataclass(frozen=True, slots=True)
class QueueCounts:
    """What `models.QueueInterval` has, added up over any queues and intervals."""

    offered: int = 0
    answered: int = 0
    answered_in_time: int = 0
    abandoned: int = 0
    abandoned_in_time: int = 0
    abandoned_short: int = 0
    overflowed: int = 0
    callbacks: int = 0
    callbacks_in_time: int = 0
    handled: int = 0
    answer_wait_ms: int = 0
    abandon_wait_ms: int = 0
    talk_ms: int = 0
    wrap_up_ms: int = 0


@dataclass(frozen=True, slots=True)
class AgentCounts:
    """What `models.AgentInterval` has, added up over any agents and intervals."""

    offers: int = 0
    accepted: int = 0
    declined: int = 0
    missed: int = 0
    handled: int = 0
    talk_ms: int = 0
    available_ms: int = 0
    reserved_ms: int = 0
    busy_ms: int = 0
    wrap_up_ms: int = 0
    on_break_ms: int = 0
    lunch_ms: int = 0
    training_ms: int = 0


def from_row(kind: type[C], row: Mapping[str, Any]) -> C:
    """Counts from a row of `IntervalQuerySet.totals`."""
    return kind(**{field.name: int(row[f"sum_{field.name}"] or 0) for field in fields(kind)})


def added(kind: type[C], each: Iterable[C]) -> C:
    """All of them together."""
    names = [field.name for field in fields(kind)]
    sums = dict.fromkeys(names, 0)
    for counts in each:
        for name in names:
            sums[name] += getattr(counts, name)
    return kind(**sums)


class Outcomes(Protocol):
    """What a service level is computed from."""

    @property
    def answered(self) -> int: ...
    @property
    def answered_in_time(self) -> int: ...
    @property
    def abandoned(self) -> int: ...
    @property
    def abandoned_in_time(self) -> int: ...
    @property
    def abandoned_short(self) -> int: ...
    @property
    def overflowed(self) -> int: ...
    @property
    def callbacks_in_time(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Rule:
    """How a service level counts: `abandoned` calls (see `ABANDONED`), `short` ones among them, `overflowed` ones.

    `short_s` is what short means, and was when the calls were counted.
    """

    abandoned: str = MISSED
    short: bool = False
    overflowed: bool = False
    short_s: int = DefaultValues.SHORT_ABANDON_THRESHOLD

    def __post_init__(self) -> None:
        if self.abandoned not in ABANDONED:
            raise ValidationError(f"abandoned {self.abandoned!r} must be one of {', '.join(ABANDONED)}")

    @classmethod
    def of(cls, config: Config) -> Rule:
        """This deploy's."""
        return cls(
            abandoned=config.service_level_abandoned,
            short=config.service_level_short,
            overflowed=config.service_level_overflowed,
            short_s=config.short_abandon_threshold,
        )

    @property
    def formula(self) -> str:
        """In English words, for whoever reads it by program; a page has `formula_in`."""
        return self.formula_in(str)

    def formula_in(self, gettext: Callable[[str], str]) -> str:
        """In the words that `gettext` gives: it has that name so that translators' tools find them."""
        short = " − " + gettext("abandoned within %(seconds)s s") % {"seconds": self.short_s}
        served, all_ = gettext("answered in time"), gettext("answered")
        if self.abandoned == TIMELY:
            served += " + " + gettext("abandoned in time") + ("" if self.short else short)
            served += " + " + gettext("callbacks promised in time") if self.overflowed else ""
        if self.abandoned != IGNORED:
            all_ += " + " + gettext("abandoned") + ("" if self.short else short)
        if self.overflowed:
            all_ += " + " + gettext("overflowed")
        return f"{_together(served)} ÷ {_together(all_)}"

    def service_level(self, counts: Outcomes) -> float | None:
        """Per cent; None where nobody counts."""
        served, whole = counts.answered_in_time, counts.answered
        short = 0 if self.short else counts.abandoned_short
        if self.abandoned == TIMELY:
            served += max(0, counts.abandoned_in_time - short)
            served += counts.callbacks_in_time if self.overflowed else 0
        if self.abandoned != IGNORED:
            whole += counts.abandoned - short
        if self.overflowed:
            whole += counts.overflowed
        return per_cent(served, whole)


VENDORS: Final[Mapping[str, Rule]] = {
    "Genesys": Rule(short=True),
    "Amazon Connect": Rule(abandoned=TIMELY, short=True, overflowed=True),
    "Asterisk": Rule(abandoned=IGNORED, short=True),
    "Asterisk 2": Rule(abandoned=TIMELY, short=True),
}
"""What other systems call a service level, for whoever compares. Genesys has switches for the others."""


def _together(terms: str) -> str:
    return f"({terms})" if " + " in terms or " − " in terms else terms


def per_cent(part: float, whole: float) -> float | None:
    """None where there is no whole."""
    return 100 * part / whole if whole > 0 else None


def _mean_s(milliseconds: int, number: int) -> float | None:
    return milliseconds / number / 1000 if number > 0 else None


def abandonment_rate(counts: QueueCounts) -> float | None:
    """Per cent of those offered."""
    return per_cent(counts.abandoned, counts.offered)


def lost_rate(counts: QueueCounts) -> float | None:
    """Per cent of those who were answered or waited in vain, short ones left out."""
    lost = counts.abandoned - counts.abandoned_short
    return per_cent(lost, counts.answered + lost)


def speed_of_answer(counts: QueueCounts) -> float | None:
    """ASA, in seconds."""
    return _mean_s(counts.answer_wait_ms, counts.answered)


def patience(counts: QueueCounts) -> float | None:
    """Seconds after which callers hung up."""
    return _mean_s(counts.abandon_wait_ms, counts.abandoned)


def handle_time(counts: QueueCounts) -> float | None:
    """AHT, in seconds."""
    return _mean_s(counts.talk_ms + counts.wrap_up_ms, counts.handled)


def talk_time(counts: QueueCounts | AgentCounts) -> float | None:
    """Mean length of a conversation, in seconds."""
    return _mean_s(counts.talk_ms, counts.handled)


def occupancy(counts: AgentCounts) -> float | None:
    """Per cent of the time ready for work that was spent on calls; ringing is neither."""
    busy = counts.busy_ms + counts.wrap_up_ms
    return per_cent(busy, busy + counts.available_ms)


def missed_rate(counts: AgentCounts) -> float | None:
    """Per cent of offers that rang in vain; one call may be offered several times."""
    return per_cent(counts.missed, counts.offers)


FORMULAS: Final[Mapping[str, str]] = {
    "abandonment_rate": gettext_noop("abandoned ÷ offered"),
    "lost_rate": gettext_noop("abandoned later than short ÷ (answered + abandoned later than short)"),
    "speed_of_answer": gettext_noop("seconds waited by those answered ÷ answered"),
    "patience": gettext_noop("seconds waited by those who hung up ÷ abandoned"),
    "handle_time": gettext_noop("(time talked or on hold + wrap-up) ÷ conversations"),
    "talk_time": gettext_noop("time talked or on hold ÷ conversations"),
    "occupancy": gettext_noop("(on a call + wrap-up) ÷ (on a call + wrap-up + available)"),
    "missed_rate": gettext_noop("offers that rang in vain ÷ offers"),
}
"""Name of a figure -> its formula in English words."""
