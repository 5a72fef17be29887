"""The strict reader: an environment in, a `Config` or a complete list of what is wrong with it out."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import MISSING, dataclass
from types import MappingProxyType
from typing import Any, Final

from ..exceptions import ConfigurationError
from .catalogue import Config, assemble, disassemble, variables
from .problems import QUOTES, Problem, is_placeholder, shown, unfit
from .rules import broken
from .sources import ENVIRONMENT, Texts, collect
from .variables import DEPLOYED, STAGE, STAGES, Var

_READS: Final = tuple((name, declared, declared.type.read) for name, declared in variables().items())
_SUPPLIED: Final = frozenset(name for name, declared in variables().items() if declared.operator or declared.generated)
"""All that any stage may require of somebody."""
_ODD: Final = (*QUOTES, " ")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
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
    origins = dict.fromkeys(found.values.keys() & variables().keys(), ENVIRONMENT)
    origins.update((name, origin) for name, origin in found.origins.items() if name in origins)
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
    # Each is looked at by itself only where it begins or ends oddly, or all together, one look, are not fit.
    if unfit("".join(texts.values())):
        looked_at: Container[str] = texts
    else:
        looked_at = _SUPPLIED if stage in DEPLOYED else ()
    for name, declared, read_text in _READS:
        text = texts.get(name)
        if text is None:
            values[name] = declared.default_for(stage)
            if values[name] is MISSING and name not in found.unreadable:
                found.refuse(name, f"missing; {declared.type.rule}", f"nowhere, in {stage}")
            continue
        odd = name in looked_at or text.startswith(_ODD) or text.endswith(" ")
        broke = _unwanted(declared, text, stage) if odd else None
        if broke is None:
            try:
                values[name] = read_text(text)
                continue
            except ValueError:
                # Not the exception's words: they may quote the secret.
                broke = f"must be {declared.type.rule}"
        values[name] = MISSING
        found.refuse(name, broke, found.origin(name), shown(text, secret=declared.hidden))
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
            said = shown(value if isinstance(value, str) else repr(value), secret=declared.hidden)
            problems.append(Problem(name, f"must be {declared.type.rule}", source, said))
            values[name] = MISSING
    origins = {**before.origins, **dict.fromkeys(settings, source)}
    stage = before.config.stage
    problems += broken(values, stage, lambda name: origins.get(name) or fallback(name, stage))
    if problems:
        raise ConfigurationError(problems)
    return Reading(assemble(stage, values), MappingProxyType(origins))


def _unwanted(declared: Var, text: str, stage: str) -> str | None:
    """What makes a text no value for this variable here, whatever its type; None if nothing does."""
    if rule := unfit(text):
        return rule
    if stage in DEPLOYED and declared.required_in(stage):
        if not text:
            return f"must not be empty in {stage}; {declared.type.rule}"
        if is_placeholder(text):
            return "is a placeholder"
    return None
