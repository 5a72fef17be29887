"""Columns of the reports' tables: the same on the page and in a download, where numbers stay numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from django.utils.translation import gettext_lazy as _

from ..services import figures
from ..services.figures import Rule
from .presenters import clock_text

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

COUNT, PER_CENT, SECONDS = "count", "percent", "seconds"


@dataclass(frozen=True, slots=True)
class Column:
    """One figure of a line: its name in downloads, its heading on the page, how it is computed and written."""

    name: str
    label: _StrPromise
    kind: str
    of: Callable[[Any, Rule], float | None]


def _count(name: str, label: _StrPromise) -> Column:
    return Column(name, label, COUNT, lambda line, rule: getattr(line.counts, name))


def _time(name: str, label: _StrPromise) -> Column:
    return Column(f"{name}_s", label, SECONDS, lambda line, rule: getattr(line.counts, f"{name}_ms") / 1000)


def _mean(name: str, label: _StrPromise) -> Column:
    return Column(f"{name}_s", label, SECONDS, lambda line, rule: getattr(figures, name)(line.counts))


def _share(name: str, label: _StrPromise) -> Column:
    return Column(f"{name}_percent", label, PER_CENT, lambda line, rule: getattr(figures, name)(line.counts))


QUEUES: Final = (
    _count("offered", _("Offered")),
    _count("answered", _("Answered")),
    _count("answered_in_time", _("In time")),
    _count("abandoned", _("Abandoned")),
    _count("abandoned_short", _("At once")),
    _count("overflowed", _("Overflowed")),
    Column("threshold_s", _("Threshold"), SECONDS, lambda line, _rule: line.threshold_s),
    Column("service_level_percent", _("Service level"), PER_CENT, lambda line, rule: rule.service_level(line.counts)),
    _share("abandonment_rate", _("Abandonment")),
    _mean("speed_of_answer", _("ASA")),
    _mean("handle_time", _("AHT")),
)
AGENTS: Final = (
    _count("offers", _("Offers")),
    _count("missed", _("Missed")),
    _count("declined", _("Declined")),
    _count("handled", _("Handled")),
    _mean("talk_time", _("Mean talk")),
    _share("occupancy", _("Occupancy")),
    _time("available", _("Available")),
    _time("busy", _("On calls")),
    _time("wrap_up", _("Wrap-up")),
    _time("on_break", _("Break")),
    _time("lunch", _("Lunch")),
    _time("training", _("Training")),
)


def written(kind: str, value: float | None) -> str:
    """A figure as people read it."""
    if value is None:
        return "–"
    if kind == PER_CENT:
        return f"{value:.1f}".removesuffix(".0") + "%"
    return clock_text(round(value)) if kind == SECONDS else f"{value:,}"


def rows(columns: Sequence[Column], lines: Iterable[Any], rule: Rule) -> list[tuple[str, list[tuple[str, str]]]]:
    """(name of the line, [(heading, what is written)]) of each, for the page."""
    return [
        (line.name, [(str(column.label), written(column.kind, column.of(line, rule))) for column in columns])
        for line in lines
    ]


def numbers(columns: Sequence[Column], line: Any, rule: Rule) -> list[float | None]:
    """The figures of a line, for a download: rounded to what can be known."""
    values = (column.of(line, rule) for column in columns)
    return [round(value, 3) if isinstance(value, float) else value for value in values]
