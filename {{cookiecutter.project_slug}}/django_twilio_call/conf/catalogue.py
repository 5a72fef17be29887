"""Every variable, declared once: type, default for each stage, who supplies it, and what it is for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from ..constants import DefaultValues as D
from . import types as t
from .platform import Platform
from .variables import (
    FAKE_ACCOUNT_SID,
    FAKE_APP_SID,
    FAKE_NUMBER,
    Section,
    Var,
    batch_sizes,
    cache_timeouts,
    feature,
    own,
    retries,
    table,
)

_twilio: Final = Section("Twilio")
_calls: Final = Section("Calls")
_retention: Final = Section("Retention")
_cache: Final = Section("Cache")
_batches: Final = Section("Batches")


def _days(what: str, default: int, help_: str) -> Any:
    return _retention(
        own(f"RETENTION_{what}"), t.integer(0, 36_500, "days"), default, f"{help_} 0: for ever.", reloadable=True
    )


@dataclass(frozen=True, slots=True, init=False, repr=False, eq=False)  # written below: generated, they cost 3 ms
class Config(Platform):
    """How this deploy behaves: every value typed, none changeable. Made by `reader.read`, by way of `assemble`."""

    # Twilio
    twilio_backend: str = _twilio(
        "TWILIO_BACKEND",
        t.choice("simulator", "twilio"),
        "twilio",
        "Who is on the other end.",
        stages={"development": "simulator", "testing": "simulator"},
    )
    twilio_account_sid: str = _twilio(
        "TWILIO_ACCOUNT_SID", t.sid("AC"), FAKE_ACCOUNT_SID, "The Twilio account.", operator=True
    )
    twilio_auth_token: str = _twilio(
        "TWILIO_AUTH_TOKEN",
        t.text("the account's auth token", r"\S+"),
        None,
        "Signs webhooks, and REST calls where there is no API key.",
        secret=True,
        operator=True,
        generated=("development", "testing"),
    )
    twilio_auth_token_secondary: str = _twilio(
        "TWILIO_AUTH_TOKEN_SECONDARY",
        t.text("the account's other auth token, or empty", r"\S*"),
        "",
        "Signs webhooks too, while the account changes its token.",
        secret=True,
    )
    twilio_api_key: str = _twilio("TWILIO_API_KEY", t.sid("SK", empty=True), "", "API key for REST calls.")
    twilio_api_secret: str = _twilio("TWILIO_API_SECRET", t.text(), "", "Secret of that API key.", secret=True)
    twilio_phone_number: str = _twilio(
        "TWILIO_PHONE_NUMBER", t.PHONE, "", "The number callers dial.", stages={"development": FAKE_NUMBER}
    )
    twilio_twiml_app_sid: str = _twilio(
        "TWILIO_TWIML_APP_SID",
        t.sid("AP", empty=True),
        "",
        "The TwiML App agents' browsers call.",
        stages={"development": FAKE_APP_SID},
    )
    namespace: str = _twilio(
        own("NAMESPACE"),
        t.text("up to 16 of a-z and 0-9, or empty", r"[a-z0-9]{0,16}"),
        "",
        "Goes before the names of queues, conferences and phones at Twilio. Deploys of one account need one each.",
    )
    fallback_url: str = _twilio(
        own("FALLBACK_URL"),
        t.url("http", "https", empty=True),
        "",
        "Where Twilio finds TwiML when nothing of this deploy answers. Empty: this deploy's own, away as well.",
    )
    twilio_region: str = _twilio(
        "TWILIO_REGION", t.text("a region such as ie1", r"([a-z]{2}[0-9])?"), "", "Twilio's region."
    )
    twilio_edge: str = _twilio("TWILIO_EDGE", t.text("an edge such as dublin", r"[a-z-]*"), "", "Twilio's edge.")
    twilio_api_base_url: str = _twilio(
        "TWILIO_API_BASE_URL",
        t.url("http", "https", empty=True),
        "",
        "Another address for Twilio's REST API: the simulator's. Empty: Twilio itself.",
        stages={"development": "http://127.0.0.1:9100", "testing": "http://127.0.0.1:9100"},
    )
    request_timeout: int = _twilio("TWILIO_REQUEST_TIMEOUT", t.seconds(1, 15), 5, "Longest wait for Twilio's REST API.")
    twilio_connection_pool_size: int = _twilio(
        "TWILIO_CONNECTION_POOL_SIZE", t.integer(1, 100), 10, "Connections to Twilio's REST API each process keeps."
    )
    webhook_validate: bool = _twilio(
        own("WEBHOOK_VALIDATE"), t.BOOLEAN, True, "Check signatures. May be off in development only."
    )
    webhook_database_timeout: int = _twilio(
        own("WEBHOOK_DATABASE_TIMEOUT"),
        t.seconds(1, 10),
        2,
        "Longest wait for the database while a caller is on the line.",
    )

    # Calls
    ring_timeout: int = _calls(
        own("RING_TIMEOUT"), t.seconds(5, 300), D.RING_TIMEOUT, "How long an offer rings at a desk.", reloadable=True
    )
    join_timeout: int = _calls(
        own("JOIN_TIMEOUT"),
        t.seconds(5, 120),
        D.JOIN_TIMEOUT,
        "How long an agent's phone may take to join after the agent accepted.",
        reloadable=True,
    )
    heartbeat_timeout: int = _calls(
        own("HEARTBEAT_TIMEOUT"),
        t.seconds(10, 3600),
        D.HEARTBEAT_TIMEOUT,
        "An available agent whose desk is not heard of for so long becomes offline.",
        reloadable=True,
    )
    no_answer_state: str = _calls(
        own("NO_ANSWER_STATE"),
        t.choice("offline", "on_break", "available"),
        "offline",
        "What an agent becomes who let an offer ring until it was withdrawn.",
        reloadable=True,
    )
    break_duration: int = _calls(
        own("BREAK_DURATION"),
        t.seconds(0, 86400),
        D.BREAK_DURATION_MINUTES * 60,
        "How long a break is meant to be. 0: as long as it takes.",
        reloadable=True,
    )
    lunch_duration: int = _calls(
        own("LUNCH_DURATION"),
        t.seconds(0, 86400),
        D.LUNCH_DURATION_MINUTES * 60,
        "How long lunch is meant to be. 0: as long as it takes.",
        reloadable=True,
    )
    training_duration: int = _calls(
        own("TRAINING_DURATION"),
        t.seconds(0, 86400),
        D.TRAINING_DURATION_MINUTES * 60,
        "How long training is meant to be. 0: as long as it takes.",
        reloadable=True,
    )
    short_abandon_threshold: int = _calls(
        own("SHORT_ABANDON_THRESHOLD"),
        t.seconds(0, 60),
        D.SHORT_ABANDON_THRESHOLD,
        "Callers who hang up sooner do not count against the service level.",
        reloadable=True,
    )
    service_level_abandoned: str = _calls(
        own("SERVICE_LEVEL_ABANDONED"),
        t.choice("missed", "timely", "ignored"),
        "missed",
        "How abandoned calls count in the service level: as missed, as served if they left in time, or not at all.",
        reloadable=True,
    )
    service_level_short: bool = _calls(
        own("SERVICE_LEVEL_SHORT"),
        t.BOOLEAN,
        False,
        "Whether callers who hung up soon count in the service level as all who did.",
        reloadable=True,
    )
    service_level_overflowed: bool = _calls(
        own("SERVICE_LEVEL_OVERFLOWED"),
        t.BOOLEAN,
        False,
        "Whether callers who were sent on count in the service level.",
        reloadable=True,
    )
    sweep_interval: int = _calls(
        own("SWEEP_INTERVAL"), t.seconds(1, 60), 1, "How often what time brings is looked for."
    )
    outbox_lease: int = _calls(
        own("OUTBOX_LEASE"), t.seconds(10, 600), 30, "After which time a command a worker died with is sent by another."
    )
    calls_per_second: float = _calls(
        own("CALLS_PER_SECOND"),
        t.number(0.01, 100),
        D.CALLS_PER_SECOND,
        "How many calls all workers together make in a second: Twilio holds back what the account may not.",
        reloadable=True,
    )
    submission_timeout: int = _calls(
        own("SUBMISSION_TIMEOUT"),
        t.seconds(10, 3600),
        D.SUBMISSION_TIMEOUT,
        "After which time a call that may have been made, and that Twilio knows nothing of, was not made.",
        reloadable=True,
    )
    reconcile_interval: int = _calls(
        own("RECONCILE_INTERVAL"),
        t.seconds(5, 3600),
        D.RECONCILE_INTERVAL,
        "How often Twilio is asked which calls are live, and compared.",
        reloadable=True,
    )
    caller_language: str = _calls(
        own("CALLER_LANGUAGE"),
        t.text("a language such as en-US", r"[a-z]{2,3}(-[A-Za-z0-9]+)*"),
        "en-US",
        "What callers hear.",
    )
    caller_voice: str = _calls(
        own("CALLER_VOICE"),
        t.text("a voice such as Polly.Joanna", r"[A-Za-z0-9.-]+"),
        "Polly.Joanna",
        "Whom callers hear.",
    )
    bootstrap_password: str = _calls(
        own("BOOTSTRAP_PASSWORD"),
        t.text(),
        "",
        "Password of the administrator that `manage.py bootstrap` makes. Empty: generated, and shown once.",
        secret=True,
    )
    fallback_text: str = _calls(
        own("FALLBACK_TEXT"),
        t.text(),
        "",
        "What callers hear when nothing works. Empty: an apology in their language.",
        reloadable=True,
    )
    transfer_prefixes: str = _calls(
        own("TRANSFER_PREFIXES"),
        t.text("nothing, or beginnings of numbers such as +1,+4930", r"(\+[1-9][0-9]{0,14}(,\+[1-9][0-9]{0,14})*)?"),
        "",
        "Which outside numbers agents may call into a conversation or transfer callers to, by how they begin. Empty: "
        "none, since every such call costs money.",
        stages={"development": "+1", "testing": "+1"},
        reloadable=True,
    )
    hold_music_url: str = _calls(
        own("HOLD_MUSIC_URL"), t.url("http", "https", empty=True), "", "Music for waiting callers. Empty: silence."
    )

    retention_interval: int = _retention(
        own("RETENTION_INTERVAL"), t.seconds(60, 86_400), 300, "How often a piece of what is due is deleted."
    )
    retention_recordings: int = _days("RECORDINGS", 90, "Days that recorded conversations are kept.")
    retention_voicemail: int = _days("VOICEMAIL", 90, "Days that voicemail is kept.")
    retention_webhooks: int = _days("WEBHOOKS", 30, "Days that what Twilio sent, and was answered, is kept.")
    retention_calls: int = _days("CALLS", 365, "Days that it is known whose a call was, and what was noted of it.")
    retention_audit: int = _days("AUDIT", 0, "Days that the audit log is kept.")

    # Tables
    cache_timeout: int = _cache(
        own("CACHE_TIMEOUT"),
        t.seconds(0, 604800),
        300,
        "How long answers of any other service stay in the cache.",
        stages={"development": 60, "testing": 60},
        reloadable=True,
    )
    cache_timeouts: Mapping[str, int] = table(cache_timeouts())
    default_batch_size: int = _batches(
        own("DEFAULT_BATCH_SIZE"),
        t.integer(1, 100000, "rows"),
        D.BATCH_SIZE,
        "How many rows any other operation takes at a time.",
        stages={"development": 100, "testing": 10},
        reloadable=True,
    )
    batch_sizes: Mapping[str, int] = table(batch_sizes())
    retries: Mapping[str, Mapping[str, Any]] = table(retries())

    # Features
    enable_call_recording: bool = feature("CALL_RECORDING", "Record conversations.")
    enable_transcription: bool = feature(
        "TRANSCRIPTION", "Have Twilio write down voicemail, which it charges for.", default=False
    )
    enable_voicemail: bool = feature("VOICEMAIL", "Offer voicemail.")
    enable_conference: bool = feature("CONFERENCE", "Ask somebody into a conversation, and let supervisors listen.")
    enable_ivr: bool = feature("IVR", "Offer menus.")
    enable_queue_callbacks: bool = feature("QUEUE_CALLBACKS", "Call back those who do not want to wait.")
    enable_analytics: bool = feature("ANALYTICS", "Report on calls: the reports, their downloads, call analytics.")
    enable_real_time_metrics: bool = feature(
        "REAL_TIME_METRICS", "Show what goes on now: the wallboard, and queues and agents for other screens."
    )
    enable_alerts: bool = feature(
        "ALERTS", "Tell Prometheus which figures are over a limit of ErrorThresholds.", testing=False
    )

    def __init__(self, **values: Any) -> None:
        """All fields by their names, as `dataclasses.replace` gives them. Raises `TypeError` unless they are all."""
        if values.keys() != {each.name for each in fields(self)}:
            raise TypeError("Config wants all of its fields and no other")
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        shown = (f"{each.name}={getattr(self, each.name)!r}" for each in fields(self) if each.repr)
        return f"Config({', '.join(shown)})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Config):
            return NotImplemented
        return all(getattr(self, each.name) == getattr(other, each.name) for each in fields(self))

    __hash__ = None  # type: ignore[assignment]  # its tables have none either

    def get_cache_timeout(self, service_type: str) -> int:
        """Seconds an answer of this service stays in the cache; an undeclared service gets the default."""
        try:  # half the price of `get`, and asked for in every request
            return self.cache_timeouts[service_type]
        except KeyError:
            return self.cache_timeout

    def get_batch_size(self, operation_type: str) -> int:
        """Rows this operation takes at a time; an undeclared operation gets the default."""
        return self.batch_sizes.get(operation_type, self.default_batch_size)

    def get_retry_config(self, operation_type: str) -> Mapping[str, Any]:
        """`max_retries`, `base_delay`, and `max_delay` with `multiplier`, or `delays`; the default's if undeclared."""
        return self.retries.get(operation_type) or self.retries["default"]

    def get_planned_duration(self, state: str) -> int | None:
        """Seconds an agent is meant to stay in this state; None where nothing is planned."""
        planned = {"on_break": self.break_duration, "lunch": self.lunch_duration, "training": self.training_duration}
        return planned.get(state) or None

    def is_feature_enabled(self, feature_name: str) -> bool:
        """Whether a feature is on, by its name (`voicemail` or `ENABLE_VOICEMAIL`). One nobody knows is off."""
        return bool(getattr(self, "enable_" + feature_name.lower().removeprefix("enable_"), False))


_DECLARATIONS: Final = tuple(
    (each.name, key, declared) for each in fields(Config) for key, declared in each.metadata.get("vars", {}).items()
)
_VARIABLES: Final = MappingProxyType({declared.name: declared for _, _, declared in _DECLARATIONS})


def declarations() -> tuple[tuple[str, str | None, Var], ...]:
    """(field of `Config`, key in it or None, variable), in the order of the class."""
    return _DECLARATIONS


def variables() -> Mapping[str, Var]:
    """Every variable by its name."""
    return _VARIABLES


@cache
def features() -> tuple[str, ...]:
    """Names of the features, as `is_feature_enabled` takes them."""
    return tuple(each.name.removeprefix("enable_") for each in fields(Config) if each.name.startswith("enable_"))


def _nested(name: str) -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
    """(operation, (part, variable) of each part) of a field whose keys are `operation.part`."""
    found: dict[str, list[tuple[str, str]]] = {}
    for field, key, declared in _DECLARATIONS:
        if field == name and key is not None:
            operation, _, part = key.partition(".")
            found.setdefault(operation, []).append((part, declared.name))
    return tuple((operation, tuple(parts)) for operation, parts in found.items())


def _fill(name: str) -> Callable[[Config, Any], None]:
    """Puts a value into a field of a `Config` that is being made."""
    put: Callable[[Config, Any], None] = getattr(Config, name).__set__
    return put


_FILL_STAGE: Final = _fill("stage")
_SINGLE: Final = tuple((_fill(name), declared.name) for name, key, declared in _DECLARATIONS if key is None)
_TABLES: Final = tuple(
    (_fill(table), tuple((key, declared.name) for name, key, declared in _DECLARATIONS if name == table))
    for table in ("cache_timeouts", "batch_sizes")
)
_FILL_RETRIES: Final = _fill("retries")
_RETRIES: Final = _nested("retries")


def assemble(stage: str, values: Mapping[str, Any]) -> Config:
    """The `Config` that has these values, given by the names of their variables."""
    config = object.__new__(Config)
    _FILL_STAGE(config, stage)
    for fill, variable in _SINGLE:
        fill(config, values[variable])
    for fill, keys in _TABLES:
        fill(config, MappingProxyType({key: values[variable] for key, variable in keys}))
    rules = {
        operation: MappingProxyType({part: values[variable] for part, variable in parts})
        for operation, parts in _RETRIES
    }
    _FILL_RETRIES(config, MappingProxyType(rules))
    return config


def disassemble(config: Config) -> dict[str, Any]:
    """The values of a `Config` by the names of their variables; the inverse of `assemble`."""
    values = {}
    for name, key, declared in _DECLARATIONS:
        value = getattr(config, name)
        for part in key.split(".") if key else ():
            value = value[part]
        values[declared.name] = value
    return values
