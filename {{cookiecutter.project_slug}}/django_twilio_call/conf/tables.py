"""A configuration as people read it: a table, JSON, an env file. A secret is never shown, only that it is there."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, dataclass
from typing import Any, Final

from .catalogue import disassemble, variables
from .envfiles import EnvFiles
from .reader import Reading, fallback
from .variables import STAGE, Var

FORMATS: Final = ("table", "json", "env")
HIDDEN: Final = "(hidden)"


@dataclass(frozen=True, slots=True)
class Row:
    """One variable: what it is, as a text that its own type reads, and where that came from."""

    declared: Var
    text: str
    origin: str

    @property
    def shown(self) -> str:
        """The text for people."""
        return HIDDEN if self.declared.secret and self.text else self.text


def rows(reading: Reading) -> list[Row]:
    """A row for each variable, in the catalogue's order."""
    values = disassemble(reading.config)
    return [
        Row(declared, written(declared, values[name]), reading.origin(name)) for name, declared in variables().items()
    ]


def written(declared: Var, value: Any) -> str:
    """A value as a text."""
    return "" if value is None or value is MISSING else declared.type.write(value)


def show(reading: Reading, *, form: str, origin: bool) -> str:
    """The whole configuration in one of the formats."""
    if form == "json":
        return as_json(rows(reading), reading.config.stage, origin=origin)
    if form == "env":
        return "\n".join(as_env(rows(reading), reading.config.stage, origin=origin))
    cells = [(row.declared.name, row.shown, *([row.origin] if origin else [])) for row in rows(reading)]
    return "\n".join(columns(cells))


def as_json(table: Iterable[Row], stage: str, *, origin: bool) -> str:
    """An object with an entry for each variable; a secret's value is null."""

    def entry(row: Row) -> object:
        value = None if row.declared.secret else row.text
        return {"value": value, "origin": row.origin} if origin else value

    return json.dumps({STAGE: f"config.settings.{stage}", **{row.declared.name: entry(row) for row in table}}, indent=2)


def as_env(table: Iterable[Row], stage: str, *, origin: bool = False) -> Iterator[str]:
    """Lines of an env file in the portable subset; secrets are named in comments."""
    yield f"{STAGE}=config.settings.{stage}"
    for row in table:
        if origin:
            yield f"# {row.origin}"
        yield f"# {row.declared.name} is secret" if row.declared.secret else f"{row.declared.name}={row.text}"


def columns(cells: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """Lines in which everything of a column begins at one place."""
    table = list(cells)
    widths = [max(len(row[index]) for row in table) for index in range(len(table[0]))] if table else []
    for row in table:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def diff(one: Deploy, other: Deploy) -> list[str]:
    """Variables that are not the same in two deploys: a line for each, with both values and where they come from."""
    cells = []
    for name, declared in variables().items():
        if one.values[name] != other.values[name]:
            pair = [_side(declared, each) for each in (one, other)]
            cells.append((name, *pair))
    return list(columns([("", one.name, other.name), *cells])) if cells else []


@dataclass(frozen=True, slots=True)
class Deploy:
    """What the files of a deploy come to, complete or not: `MISSING` where only an operator can say."""

    name: str
    stage: str
    files: EnvFiles
    values: Mapping[str, Any]
    origins: Mapping[str, str]


def _side(declared: Var, deploy: Deploy) -> str:
    value = deploy.values[declared.name]
    if value is MISSING:
        return "(missing)"
    shown = HIDDEN if declared.secret and value else repr(written(declared, value))
    return f"{shown} ({deploy.origins.get(declared.name) or fallback(declared.name, deploy.stage)})"
