"""What a declaration of a variable says, and the families of variables that differ in a name alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field
from typing import Any, Final

from ..constants import OPERATION_RETRY_CONFIGS, SERVICE_BATCH_SIZES, SERVICE_CACHE_TIMEOUTS
from . import types as t

PREFIX: Final = "DJANGO_TWILIO_"
STAGES: Final = ("development", "testing", "staging", "production")
DEPLOYED: Final = ("staging", "production")
CONFIG_DIR: Final = PREFIX + "CONFIG_DIR"
"""A folder with a file for each key, as a mounted ConfigMap is."""
STAGE: Final = "DJANGO_SETTINGS_MODULE"
FAKE_ACCOUNT_SID: Final = "AC" + "0" * 32
"""What the simulator goes by: no real account has it."""
FAKE_APP_SID: Final = "AP" + "0" * 32
FAKE_NUMBER: Final = "+15550100000"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Var:
    """One variable. `stages` overrides `default`; `generated` and `operator` say who supplies what has none.

    `feature` is what it belongs to. A reloadable one reaches running processes; what opens connections never is.
    """

    name: str
    type: t.Type
    default: Any
    help: str
    feature: str
    stages: Mapping[str, Any] = field(default_factory=dict)
    secret: bool = False
    generated: tuple[str, ...] = ()
    operator: bool = False
    reloadable: bool = False

    @property
    def hidden(self) -> bool:
        """Whether a text that it refuses is, or may be, a secret."""
        return self.secret or self.type.beside_secret

    def default_for(self, stage: str) -> Any:
        """The value where nobody sets one; `MISSING` where somebody must."""
        if self.operator and stage in DEPLOYED:
            return MISSING
        return MISSING if stage in self.generated else self.stages.get(stage, self.default)

    def required_in(self, stage: str) -> bool:
        """Whether there is nothing to fall back to in that stage."""
        return self.default_for(stage) is MISSING


class Section:
    """Declares the variables of one feature."""

    def __init__(self, feature: str) -> None:
        self.feature = feature

    def __call__(self, name: str, type_: t.Type, default: Any, help_: str, **more: Any) -> Any:
        """A field of `Config` that one variable fills. A secret never shows in the repr."""
        declared = Var(name, type_, default, help_, self.feature, **more)
        return field(metadata={"vars": {None: declared}}, repr=not declared.secret)


def table(declared: Mapping[str, Var]) -> Any:
    """A field of `Config` that several variables fill, by key."""
    return field(metadata={"vars": dict(declared)})


def own(name: str) -> str:
    """Name of a variable of the call center's own."""
    return PREFIX + name


NOT_CACHED: Final = frozenset({"call", "recording"})
"""Services whose answers are never old: a desk's call, and who may hear what."""
_CACHED: Final = "How long answers of the {} service stay in the cache."
_CACHED_ELSEWHERE: Final = (
    "How long what your own code keeps for the {} service stays in the cache; ours keeps nothing."
)


def cache_timeouts() -> dict[str, Var]:
    """A variable for each service that caches."""
    short = {"development": 60, "testing": 60}
    return {
        service: Var(
            own(f"CACHE_TIMEOUT_{service.upper()}"),
            t.seconds(0, 604800),
            seconds,
            (_CACHED_ELSEWHERE if service in NOT_CACHED else _CACHED).format(service),
            "Cache",
            stages={stage: min(seconds, most) for stage, most in short.items()},
            reloadable=True,
        )
        for service, seconds in SERVICE_CACHE_TIMEOUTS.items()
    }


_TAKES: Final = {
    "analytics": "counting what has ended",
    "reporting": "the download of intervals",
    "metrics": "collecting what processes tell",
    "search": "looking up the calls of a number, and no more one by one,",
    "bulk_operations": "deleting what need not be kept",
}


def batch_sizes() -> dict[str, Var]:
    """A variable for each operation that works in batches."""
    most = {"development": 100, "testing": 10}
    return {
        operation: Var(
            own(f"BATCH_SIZE_{operation.upper()}"),
            t.integer(1, 100000, "rows"),
            size,
            f"How many rows {_TAKES[operation]} takes at a time.",
            "Batches",
            stages={stage: min(size, limit) for stage, limit in most.items()},
            reloadable=True,
        )
        for operation, size in SERVICE_BATCH_SIZES.items()
    }


_RETRY_TYPES: Final = {
    "max_retries": (t.integer(0, 100, "times"), 1, "How often {} is tried again."),
    "base_delay": (t.seconds(0, 86400), 1, "Wait before {} is tried again for the first time."),
    "max_delay": (t.seconds(0, 86400), 5, "The longest wait between tries of {}."),
    "multiplier": (t.number(1, 10), None, "What each wait of {} is longer by."),
    "delays": (t.waits(86400), (1,), "The waits between tries of {}, one by one."),
}
"""Field -> type, value in testing (None: the same), help."""


_RETRIED: Final = {
    "default": "anything else that went wrong",
    "connection": "a request that found no connection",
    "timeout": "a request that was not answered in time",
    "rate_limit": "a request that Twilio had too many of",
    "database": "a migration that met a lock",
    "webhook": "a webhook, by code of django-twilio-call 0.1.9 that asks for it (ours are repeated by Twilio)",
    "outbox": "a command to Twilio",
    "request": "a question to Twilio",
}
"""Operation -> what is tried again. `outbox` and `request` are places: there an error's own rule may make waits shorter
and tries more, never the other way round, since callers wait."""


def retries() -> dict[str, Var]:
    """A variable for each part of each operation's retry rule, by `operation.part`."""
    declared = {}
    for operation, values in OPERATION_RETRY_CONFIGS.items():
        for name, value in values.items():
            type_, testing, help_ = _RETRY_TYPES[name]
            declared[f"{operation}.{name}"] = Var(
                own(f"RETRY_{operation.upper()}_{name.upper()}"),
                type_,
                value,
                help_.format(_RETRIED[operation]),
                "Retries",
                stages={} if testing is None else {"testing": testing},
                reloadable=True,
            )
    return declared


_features: Final = Section("Features")


def feature(name: str, help_: str, *, default: bool = True, **stages: bool) -> Any:
    """A field of `Config` that switches a feature on or off."""
    return _features(own(f"ENABLE_{name}"), t.BOOLEAN, default, help_, stages=stages, reloadable=True)
