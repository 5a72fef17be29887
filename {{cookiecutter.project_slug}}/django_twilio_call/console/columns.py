"""Columns of the reports' tables: the same on the page and in a download, where numbers stay numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ..services import figures
from ..services.figures import Rule
from .presenters import clock_text

COUNT, PER_CENT, SECONDS = "count", "percent", "seconds"


@dataclass(frozen=True, slots=True)
class Column:
    """One figure of a line: its name in downloads, its heading on the page, how it is computed and written."""

    name: str
    label: str
    kind: str
    of: Callable[[Any, Rule], float | None]


def _count(name: str, label: str = "") -> Column:
    return Column(name, label or name.replace("_", " ").capitalize(), COUNT, lambda line, _: getattr(line.counts, name))


def _time(name: str, label: str) -> Column:
    return Column(f"{name}_s", label, SECONDS, lambda line, _: getattr(line.counts, f"{name}_ms") / 1000)


def _mean(name: str, label: str) -> Column:
    return Column(f"{name}_s", label, SECONDS, lambda line, _: getattr(figures, name)(line.counts))


def _share(name: str, label: str) -> Column:
    return Column(f"{name}_percent", label, PER_CENT, lambda line, _: getattr(figures, name)(line.counts))


QUEUES: Final = (
    _count("offered"),
    _count("answered"),
    _count("answered_in_time", "In time"),
    _count("abandoned"),
    _count("abandoned_short", "At once"),
    _count("overflowed"),
    Column("service_level_percent", "Service level", PER_CENT, lambda line, rule: rule.service_level(line.counts)),
    _share("abandonment_rate", "Abandonment"),
    _mean("speed_of_answer", "ASA"),
    _mean("handle_time", "AHT"),
)
AGENTS: Final = (
    _count("offers"),
    _count("missed"),
    _count("declined"),
    _count("handled"),
    _mean("talk_time", "Mean talk"),
    _share("occupancy", "Occupancy"),
    _time("available", "Available"),
    _time("busy", "On calls"),
    _time("wrap_up", "Wrap-up"),
    _time("on_break", "Break"),
    _time("lunch", "Lunch"),
    _time("training", "Training"),
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
        (line.name, [(column.label, written(column.kind, column.of(line, rule))) for column in columns])
        for line in lines
    ]


def numbers(columns: Sequence[Column], line: Any, rule: Rule) -> list[float | None]:
    """The figures of a line, for a download: rounded to what can be known."""
    values = (column.of(line, rule) for column in columns)
    return [round(value, 3) if isinstance(value, float) else value for value in values]
