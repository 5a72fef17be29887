"""How a bootstrap file is read: sections, rows, and times, with the path of whatever is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, time
from typing import Any, Final

from ..models import Queue
from ..models.calendars import Weekday

_QUEUE_FIELDS: Final = {field.name for field in Queue._meta.concrete_fields if field.name not in ("id", "key")}
SECTIONS: Final[dict[str, tuple[str, set[str]]]] = {
    "administrator": ("username", {"email"}),
    "calendars": ("key", {"name", "zone", "week", "special_days"}),
    "queues": ("key", _QUEUE_FIELDS),
    "agents": ("username", {"name", "queues"}),
    "flows": ("key", {"name", "number", "draft"}),
}
"""Section -> what names a row of it, and what else a row may have."""

_SPAN: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-3]):([0-5][0-9])")


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the file: where it stands, what it is called, and what it says."""

    path: str
    kind: str
    key: str
    values: dict[str, Any]

    def get(self, name: str, default: Any = None) -> Any:
        """A value, or the default."""
        return self.values.get(name, default)

    def only(self, *names: str) -> dict[str, Any]:
        """Those of the values that the row has."""
        return {name: self.values[name] for name in names if name in self.values}

    def without(self, *names: str) -> dict[str, Any]:
        """All values but those."""
        return {name: value for name, value in self.values.items() if name not in names}


def rows(data: object, problems: list[str]) -> Iterator[tuple[str, Row]]:
    """(section, row) of everything that can be read; what cannot is a problem."""
    if not isinstance(data, dict):
        problems.append(f"the file must have sections: {', '.join(SECTIONS)}")
        return
    problems += [f"{name}: is not known; a file has {', '.join(SECTIONS)}" for name in data if name not in SECTIONS]
    for section in SECTIONS:
        listed = data.get(section) or []
        if section == "administrator":
            listed = [listed] if listed else []
        if not isinstance(listed, list):
            problems.append(f"{section}: must be a list")
            continue
        seen: set[str] = set()
        for at, values in enumerate(listed):
            path = section if section == "administrator" else f"{section}[{at}]"
            row = _row(section, path, values, problems)
            if row is not None and row.key in seen:
                problems.append(f"{path}: {row.key!r} is there twice")
            elif row is not None:
                seen.add(row.key)
                yield section, row


def _row(section: str, path: str, values: object, problems: list[str]) -> Row | None:
    names, known = SECTIONS[section]
    if not isinstance(values, dict) or not values.get(names):
        problems.append(f"{path}.{names}: is missing")
        return None
    unknown = sorted(str(name) for name in values if name not in known and name != names)
    problems += [f"{path}.{name}: is not known; there are {', '.join(sorted(known))}" for name in unknown]
    kept = {name: value for name, value in values.items() if name in known}
    return Row(path=path, kind=section.removesuffix("s"), key=str(values[names]), values=kept)


def week(row: Row, problems: list[str]) -> set[tuple[Any, ...]]:
    """(weekday, opens, closes) of a calendar's week."""
    given, path = row.values["week"], f"{row.path}.week"
    if not isinstance(given, dict):
        problems.append(f"{path}: must be a table of days, such as monday: ['09:00-17:00']")
        return set()
    days = {day.name.lower(): int(day) for day in Weekday}
    problems += [f"{path}.{name}: is no day; days are {', '.join(days)}" for name in given if name not in days]
    return {
        (days[name], *span)
        for name, spans in given.items()
        if name in days
        for span in _spans(f"{path}.{name}", spans, problems)
    }


def special_days(row: Row, problems: list[str]) -> set[tuple[Any, ...]]:
    """(date, name, opens, closes) of a calendar's special days; without `hours` a day is closed."""
    given, found = row.values["special_days"], set[tuple[Any, ...]]()
    if not isinstance(given, list):
        problems.append(f"{row.path}.special_days: must be a list")
        return found
    for at, day in enumerate(given):
        path = f"{row.path}.special_days[{at}]"
        when = _date(day.get("date")) if isinstance(day, dict) else None
        if when is None:
            problems.append(f"{path}.date: must be a date such as 2026-12-25")
            continue
        problems += [f"{path}.{name}: is not known" for name in day if name not in ("date", "name", "hours")]
        name = str(day.get("name", ""))
        spans = _spans(f"{path}.hours", day["hours"], problems) if day.get("hours") else [(None, None)]
        found |= {(when, name, *span) for span in spans}
    return found


def _date(value: object) -> date | None:
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        return None


def _spans(path: str, spans: object, problems: list[str]) -> list[tuple[time, time]]:
    found = []
    for span in spans if isinstance(spans, list) else [spans]:
        match = _SPAN.fullmatch(str(span))
        if match is None:
            problems.append(f"{path}: {span!r} is no span; one is '09:00-17:00'")
        else:
            opens_hour, opens, closes_hour, closes = map(int, match.groups())
            found.append((time(opens_hour, opens), time(closes_hour, closes)))
    return found
