"""The strict reader: an environment in, a `Config` or a complete list of what is wrong with it out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass
from types import MappingProxyType
from typing import Any, Final

from ..exceptions import ConfigurationError
from .catalogue import Config, assemble, disassemble, variables
from .problems import LONGEST, Problem, shown, unfit
from .rules import broken
from .sources import Texts, collect
from .variables import DEPLOYED, STAGE, STAGES, Var

PLACEHOLDER: Final = re.compile(
    r"(?i)change[-_ ]?(me|this|it)|placeholder|your[-_ ]|replace[-_ ]?me|^<.*>$|^x+$|^\.+$"
    r"|^(todo|fixme|tbd|secret|password|token|dummy)$|insecure"
)


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """A configuration, and for each variable that was set where its value came from."""

    config: Config
    origins: Mapping[str, str]

    def origin(self, name: str) -> str:
        """Where the value of a variable came from."""
        return self.origins.get(name) or fallback(name, self.config.stage)


def fallback(name: str, stage: str) -> str:
    """Where a value comes from that nobody set."""
    return f"stage {stage}" if stage in variables()[name].stages else "default"


def read(environ: Mapping[str, str], stage: str) -> Config:
    """The configuration of `stage` from `environ`. Raises `ConfigurationError` with every problem of one reading."""
    return reading(environ, stage).config


def reading(environ: Mapping[str, str], stage: str, *, where: Mapping[str, str] | None = None) -> Reading:
    """The same with origins. `where` names the files that parts of `environ` came from."""
    found, values = survey(environ, stage, where=where)
    if found.problems:
        raise ConfigurationError(found.problems)
    origins = {name: found.origin(name) for name in variables() if name in found.values}
    return Reading(assemble(stage, values), MappingProxyType(origins))


def survey(
    environ: Mapping[str, str], stage: str, *, where: Mapping[str, str] | None = None
) -> tuple[Texts, dict[str, Any]]:
    """What was found with its problems, and the values by variable; `MISSING` where there is a problem."""
    if stage not in STAGES:
        rule = f"must name a settings module of {', '.join(STAGES)}"
        raise ConfigurationError([Problem(STAGE, rule, (where or {}).get(STAGE, "environment"), repr(stage))])
    found = collect(environ, where)
    texts = found.values
    values: dict[str, Any] = {}
    for name, declared in variables().items():
        text = texts.get(name)
        if text is not None:
            values[name] = _value(found, declared, text, stage)
            continue
        values[name] = declared.default_for(stage)
        if values[name] is MISSING and name not in found.unreadable:
            found.refuse(name, f"missing; {declared.type.rule}", f"nowhere, in {stage}")
    found.problems += broken(values, stage, lambda name: found.origin(name) if name in texts else fallback(name, stage))
    return found, values


def overridden(before: Reading, settings: Mapping[str, Any], source: str) -> Reading:
    """A reading with other values, given as texts or as values by the names of variables, by the same rules."""
    values, problems = disassemble(before.config), []
    for name, value in settings.items():
        declared = variables()[name]
        try:
            text = value if isinstance(value, str) else declared.type.write(value)
            values[name] = declared.type.read(text)
        except (ValueError, TypeError):
            value_shown = "(hidden)" if declared.secret else repr(value)
            problems.append(Problem(name, f"must be {declared.type.rule}", source, value_shown))
            values[name] = MISSING
    origins = {**before.origins, **dict.fromkeys(settings, source)}
    stage = before.config.stage
    problems += broken(values, stage, lambda name: origins.get(name) or fallback(name, stage))
    if problems:
        raise ConfigurationError(problems)
    return Reading(assemble(stage, values), MappingProxyType(origins))


def _value(found: Texts, declared: Var, text: str, stage: str) -> Any:
    """The typed value of a text; `MISSING` where a problem was noted."""
    rule = None
    if len(text) > LONGEST or not text.isprintable():
        rule = unfit(text)
    elif stage in DEPLOYED and declared.required_in(stage):
        if not text:
            rule = f"must not be empty in {stage}; {declared.type.rule}"
        elif PLACEHOLDER.search(text):
            rule = "is a placeholder"
    if rule is None:
        try:
            return declared.type.read(text)
        except ValueError:
            # Not the exception's words: they may quote the secret.
            rule = f"must be {declared.type.rule}"
    found.refuse(declared.name, rule, found.origin(declared.name), shown(text, secret=declared.secret))
    return MISSING
