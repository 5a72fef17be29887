"""The strict reader: an environment in, a `Config` or a complete list of what is wrong with it out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import quote

from ..exceptions import ConfigurationError
from .catalogue import Config, declarations, variables
from .variables import DEPLOYED, PREFIX, STAGES, Var

DATABASE_PARTS: Final = ("DATABASE_HOST", "DATABASE_PORT", "DATABASE_NAME", "DATABASE_USER", "DATABASE_PASSWORD")
PLACEHOLDER: Final = re.compile(r"(?i)change.?me|placeholder|your[-_ ]|^<.*>$|^x+$|^todo$|^secret$|^password$|insecure")
SHOWN: Final = 60
OUTSIDE: Final = frozenset({PREFIX + "CONFIG_DIR"})
"""Names that look like ours and are read elsewhere."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to mend."""

    key: str
    rule: str
    source: str
    value: str | None = None

    def __str__(self) -> str:
        shown = "" if self.value is None else f" is {self.value}"
        return f"{self.key}{shown}: {self.rule} (from {self.source})"


class _Reading:
    """One pass over the variables, collecting what is wrong."""

    def __init__(self, environ: Mapping[str, str], stage: str) -> None:
        self.environ = environ
        self.stage = stage
        self.problems: list[Problem] = []

    def raw(self, declared: Var) -> tuple[str | None, str]:
        """The text of a variable and where it came from: the environment, or for a secret the file it names."""
        name, environ = declared.name, self.environ
        if name in environ:
            return environ[name], "environment"
        if not declared.secret or name + "_FILE" not in environ:
            return None, "default"
        path = environ[name + "_FILE"]
        source = f"the file {name}_FILE names"
        try:
            return Path(path).read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r"), source
        except (OSError, ValueError) as error:
            self.problems.append(
                Problem(name + "_FILE", f"cannot be read: {type(error).__name__}", "environment", repr(path))
            )
            return None, "unreadable"

    def value(self, declared: Var) -> Any:
        """The typed value; anything at all where a problem was noted."""
        text, source = self.raw(declared)
        if text is None:
            default = declared.default_for(self.stage)
            if default is MISSING and source == "default":
                self.problems.append(
                    Problem(declared.name, f"missing; {declared.type.rule}", f"nowhere, in {self.stage}")
                )
            return default
        try:
            value = declared.type.read(text)
        except ValueError:
            # Not the exception's words: they may quote the secret.
            self.problems.append(
                Problem(declared.name, f"must be {declared.type.rule}", source, _shown(declared, text))
            )
            return MISSING
        if declared.default_for(self.stage) is MISSING and self.stage in DEPLOYED and PLACEHOLDER.search(text):
            self.problems.append(Problem(declared.name, "is a placeholder", source, _shown(declared, text)))
        return value


def read(environ: Mapping[str, str], stage: str) -> Config:
    """The configuration of `stage` from `environ`. Raises `ConfigurationError` with every problem of one reading."""
    if stage not in STAGES:
        rule = f"must name a settings module of {', '.join(STAGES)}"
        raise ConfigurationError([Problem("DJANGO_SETTINGS_MODULE", rule, "environment", repr(stage))])
    reading = _Reading(_with_database_url(environ), stage)
    values: dict[str, Any] = {"stage": stage}
    for name, key, declared in declarations():
        value = reading.value(declared)
        if key is None:
            values[name] = value
        else:
            values.setdefault(name, {})[key] = value
    values = {name: MappingProxyType(value) if isinstance(value, dict) else value for name, value in values.items()}
    values["retries"] = _by_operation(values["retries"])
    reading.problems += _unknown(environ)
    for rule in CROSS_RULES:
        reading.problems += rule(values, stage)
    if reading.problems:
        raise ConfigurationError(reading.problems)
    return Config(**values)


def _shown(declared: Var, text: str) -> str:
    if declared.secret:
        return "(hidden)"
    return repr(text if len(text) <= SHOWN else text[:SHOWN] + "…")


def _with_database_url(environ: Mapping[str, str]) -> Mapping[str, str]:
    """DATABASE_URL from its parts, where a platform hands those out; the password is encoded here, by nobody else."""
    if "DATABASE_HOST" not in environ or environ.get("DATABASE_URL") or "DATABASE_URL_FILE" in environ:
        return environ
    host, port, name, user, password = (quote(environ.get(part, ""), safe="") for part in DATABASE_PARTS)
    if "DATABASE_PASSWORD" not in environ and (path := environ.get("DATABASE_PASSWORD_FILE")):
        try:
            password = quote(Path(path).read_text(encoding="utf-8").removesuffix("\n"), safe="")
        except (OSError, ValueError):
            return environ  # DATABASE_URL is then reported as missing
    login = f"{user}:{password}@" if user else ""
    return {**environ, "DATABASE_URL": f"postgres://{login}{host}:{port or 5432}/{name}"}


def _by_operation(flat: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """`{"timeout.max_delay": 1800}` -> `{"timeout": {"max_delay": 1800}}`, none of it changeable."""
    nested: dict[str, dict[str, Any]] = {}
    for key, value in flat.items():
        operation, _, name = key.partition(".")
        is_list = name == "delays" and value is not MISSING
        nested.setdefault(operation, {})[name] = tuple(map(int, value)) if is_list else value
    return MappingProxyType({operation: MappingProxyType(values) for operation, values in nested.items()})


def _unknown(environ: Mapping[str, str]) -> Iterator[Problem]:
    """Variables with our prefix that nobody reads: mostly misspelt. Names without it are none of our business."""
    known = variables()
    for name in environ:
        if name.startswith(PREFIX) and name not in known and name not in OUTSIDE:
            base = known.get(name.removesuffix("_FILE"))
            if name.endswith("_FILE") and base is not None and base.secret:
                continue
            from difflib import get_close_matches  # only where something is wrong

            near = get_close_matches(name, known, n=1)
            yield Problem(name, "is not a variable" + (f"; did you mean {near[0]}?" if near else ""), "environment")


def _key_pair(values: Mapping[str, Any], stage: str) -> Iterator[Problem]:
    if bool(values["twilio_api_key"]) != bool(values["twilio_api_secret"]):
        yield Problem("TWILIO_API_KEY", "goes with TWILIO_API_SECRET: both or neither", "environment")


def _delays(values: Mapping[str, Any], stage: str) -> Iterator[Problem]:
    for operation, retry in values["retries"].items():
        base, most = retry.get("base_delay"), retry.get("max_delay")
        if isinstance(base, int) and isinstance(most, int) and most < base:
            key = f"{PREFIX}RETRY_{operation.upper()}_MAX_DELAY"
            yield Problem(key, f"must not be under its base delay, {base}", "environment", str(most))


def _signatures(values: Mapping[str, Any], stage: str) -> Iterator[Problem]:
    if values["webhook_validate"] is False and stage != "development":
        yield Problem(
            PREFIX + "WEBHOOK_VALIDATE", f"may be off in development only, this is {stage}", "environment", "False"
        )


def _public(values: Mapping[str, Any], stage: str) -> Iterator[Problem]:
    address = values["public_base_url"]
    if stage in DEPLOYED and isinstance(address, str) and not address.startswith("https://"):
        yield Problem("PUBLIC_BASE_URL", f"must be https in {stage}", "environment", repr(address))


def _simulator(values: Mapping[str, Any], stage: str) -> Iterator[Problem]:
    if stage in DEPLOYED and values["twilio_backend"] == "simulator":
        yield Problem("TWILIO_BACKEND", f"must be twilio in {stage}", "environment", "'simulator'")
    if stage == "production" and values["twilio_api_base_url"]:
        yield Problem(
            "TWILIO_API_BASE_URL", "must be empty in production", "environment", repr(values["twilio_api_base_url"])
        )


CROSS_RULES: Final[tuple[Callable[[Mapping[str, Any], str], Iterator[Problem]], ...]] = (
    _key_pair,
    _delays,
    _signatures,
    _public,
    _simulator,
)
