"""Every variable, declared once: type, default for each stage, who supplies it, and what it is for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cache
from types import MappingProxyType
from typing import Any

from ..constants import DefaultValues as D
from . import types as t
from .variables import FAKE_ACCOUNT_SID, STAGES, Var, batch_sizes, cache_timeouts, feature, own, retries, table, var


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """How this deploy behaves: every value typed, none changeable. Made by `reader.read`."""

    stage: str
    """The stage, from the settings module alone."""

    # Django
    secret_key: str = var(
        "DJANGO_SECRET_KEY",
        t.text("at least 32 characters, without blanks", r"\S{32,}"),
        None,
        "Signs sessions and tokens.",
        secret=True,
        generated=STAGES,
    )
    allowed_hosts: tuple[str, ...] = var(
        "DJANGO_ALLOWED_HOSTS",
        t.items("host names, separated by commas", r"[A-Za-z0-9.*-]+|\[[0-9a-f:]+\]"),
        ("localhost", "127.0.0.1", "[::1]", "testserver"),
        "Host names this deploy answers to.",
        operator=True,
    )
    csrf_trusted_origins: tuple[str, ...] = var(
        "DJANGO_CSRF_TRUSTED_ORIGINS",
        t.items("origins with scheme, separated by commas", r"https?://[^/,\s]+"),
        (),
        "Other origins whose forms are trusted.",
    )
    log_level: str = var(
        "DJANGO_LOG_LEVEL", t.choice("DEBUG", "INFO", "WARNING", "ERROR"), "INFO", "How much is logged."
    )
    time_zone: str = var(
        "DJANGO_TIME_ZONE",
        t.text("a time zone such as Europe/Berlin", r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*"),
        "UTC",
        "Where the call center's day begins.",
    )

    # Backing services
    database_url: str = var(
        "DATABASE_URL",
        t.database_url(),
        "sqlite:///db.sqlite3",
        "The database; a relative SQLite path begins at the project's folder.",
        secret=True,
        operator=True,
    )
    redis_url: str = var(
        "REDIS_URL",
        t.url("redis", "rediss", "unix", empty=True),
        "",
        "The cache. Empty: one in each process, for a single web process.",
        secret=True,
        operator=True,
    )
    celery_broker_url: str = var(
        "CELERY_BROKER_URL",
        t.url("redis", "rediss", "amqp", "amqps", "memory", empty=True),
        "",
        "Where messages to workers go. Empty: a folder, for workers on this machine.",
        stages={"testing": "memory://localhost"},
        secret=True,
        operator=True,
    )
    celery_broker_folder: str = var(
        "CELERY_BROKER_FOLDER",
        t.text("a path", r"\S.*"),
        "var/broker",
        "The folder for messages where there is no broker; a relative path begins at the project's folder.",
    )

    # Web process
    port: int = var("PORT", t.integer(1, 65535), 8000, "Port the web process listens on.")
    web_concurrency: int = var(
        "WEB_CONCURRENCY", t.integer(1, 64), 2, "Web worker processes.", stages={"development": 1, "testing": 1}
    )
    web_threads: int = var("WEB_THREADS", t.integer(1, 128), 8, "Threads of each web worker process.")
    public_base_url: str = var(
        "PUBLIC_BASE_URL",
        t.url("http", "https"),
        "http://127.0.0.1:8000",
        "The address Twilio and browsers know this deploy by. Signatures are checked against it.",
        operator=True,
    )

    # Twilio
    twilio_backend: str = var(
        "TWILIO_BACKEND",
        t.choice("simulator", "twilio"),
        "twilio",
        "Who is on the other end.",
        stages={"development": "simulator", "testing": "simulator"},
    )
    twilio_account_sid: str = var(
        "TWILIO_ACCOUNT_SID", t.sid("AC"), FAKE_ACCOUNT_SID, "The Twilio account.", operator=True
    )
    twilio_auth_token: str = var(
        "TWILIO_AUTH_TOKEN",
        t.text("the account's auth token", r"\S+"),
        None,
        "Signs webhooks, and REST calls where there is no API key.",
        secret=True,
        operator=True,
        generated=("development", "testing"),
    )
    twilio_api_key: str = var("TWILIO_API_KEY", t.sid("SK", empty=True), "", "API key for REST calls.")
    twilio_api_secret: str = var("TWILIO_API_SECRET", t.text(), "", "Secret of that API key.", secret=True)
    twilio_phone_number: str = var("TWILIO_PHONE_NUMBER", t.PHONE, "", "The number callers dial.")
    twilio_twiml_app_sid: str = var(
        "TWILIO_TWIML_APP_SID", t.sid("AP", empty=True), "", "The TwiML App agents' browsers call."
    )
    twilio_region: str = var(
        "TWILIO_REGION", t.text("a region such as ie1", r"([a-z]{2}[0-9])?"), "", "Twilio's region."
    )
    twilio_edge: str = var("TWILIO_EDGE", t.text("an edge such as dublin", r"[a-z-]*"), "", "Twilio's edge.")
    twilio_api_base_url: str = var(
        "TWILIO_API_BASE_URL",
        t.url("http", "https", empty=True),
        "",
        "Another address for Twilio's REST API: the simulator's. Empty: Twilio itself.",
        stages={"development": "http://127.0.0.1:9100", "testing": "http://127.0.0.1:9100"},
    )
    request_timeout: int = var("TWILIO_REQUEST_TIMEOUT", t.seconds(1, 15), 5, "Longest wait for Twilio's REST API.")
    twilio_connection_pool_size: int = var(
        "TWILIO_CONNECTION_POOL_SIZE", t.integer(1, 100), 10, "Connections to Twilio's REST API each process keeps."
    )
    webhook_validate: bool = var(
        own("WEBHOOK_VALIDATE"), t.BOOLEAN, True, "Check signatures. May be off in development only."
    )
    webhook_database_timeout: int = var(
        own("WEBHOOK_DATABASE_TIMEOUT"),
        t.seconds(1, 10),
        2,
        "Longest wait for the database while a caller is on the line.",
    )

    # Calls
    ring_timeout: int = var(
        own("RING_TIMEOUT"), t.seconds(5, 300), D.RING_TIMEOUT, "How long an offer rings at a desk.", reloadable=True
    )
    join_timeout: int = var(
        own("JOIN_TIMEOUT"),
        t.seconds(5, 120),
        D.JOIN_TIMEOUT,
        "How long an agent's phone may take to join after the agent accepted.",
        reloadable=True,
    )
    heartbeat_timeout: int = var(
        own("HEARTBEAT_TIMEOUT"),
        t.seconds(10, 3600),
        D.HEARTBEAT_TIMEOUT,
        "An available agent whose desk is not heard of for so long becomes offline.",
        reloadable=True,
    )
    no_answer_state: str = var(
        own("NO_ANSWER_STATE"),
        t.choice("offline", "on_break", "available"),
        "offline",
        "What an agent becomes who let an offer ring until it was withdrawn.",
        reloadable=True,
    )
    break_duration: int = var(
        own("BREAK_DURATION"),
        t.seconds(0, 86400),
        D.BREAK_DURATION_MINUTES * 60,
        "How long a break is meant to be. 0: as long as it takes.",
        reloadable=True,
    )
    lunch_duration: int = var(
        own("LUNCH_DURATION"),
        t.seconds(0, 86400),
        D.LUNCH_DURATION_MINUTES * 60,
        "How long lunch is meant to be. 0: as long as it takes.",
        reloadable=True,
    )
    training_duration: int = var(
        own("TRAINING_DURATION"),
        t.seconds(0, 86400),
        D.TRAINING_DURATION_MINUTES * 60,
        "How long training is meant to be. 0: as long as it takes.",
        reloadable=True,
    )
    short_abandon_threshold: int = var(
        own("SHORT_ABANDON_THRESHOLD"),
        t.seconds(0, 60),
        D.SHORT_ABANDON_THRESHOLD,
        "Callers who hang up sooner do not count against the service level.",
        reloadable=True,
    )
    sweep_interval: int = var(own("SWEEP_INTERVAL"), t.seconds(1, 60), 1, "How often what time brings is looked for.")
    outbox_lease: int = var(
        own("OUTBOX_LEASE"), t.seconds(10, 600), 30, "After which time a command a worker died with is sent by another."
    )
    caller_language: str = var(
        own("CALLER_LANGUAGE"),
        t.text("a language such as en-US", r"[a-z]{2,3}(-[A-Za-z0-9]+)*"),
        "en-US",
        "What callers hear.",
    )
    caller_voice: str = var(
        own("CALLER_VOICE"),
        t.text("a voice such as Polly.Joanna", r"[A-Za-z0-9.-]+"),
        "Polly.Joanna",
        "Whom callers hear.",
    )
    hold_music_url: str = var(
        own("HOLD_MUSIC_URL"), t.url("http", "https", empty=True), "", "Music for waiting callers. Empty: silence."
    )

    # Tables
    cache_timeout: int = var(
        own("CACHE_TIMEOUT"),
        t.seconds(0, 604800),
        300,
        "How long answers of any other service stay in the cache.",
        stages={"development": 60, "testing": 60},
        reloadable=True,
    )
    cache_timeouts: Mapping[str, int] = table(cache_timeouts())
    default_batch_size: int = var(
        own("DEFAULT_BATCH_SIZE"),
        t.integer(1, 100000),
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
        "TRANSCRIPTION", "Transcribe recordings; Twilio charges for it.", default=False
    )
    enable_voicemail: bool = feature("VOICEMAIL", "Offer voicemail.")
    enable_conference: bool = feature("CONFERENCE", "Bring in a third party.")
    enable_ivr: bool = feature("IVR", "Offer menus.")
    enable_queue_callbacks: bool = feature("QUEUE_CALLBACKS", "Call back those who do not want to wait.")
    enable_analytics: bool = feature("ANALYTICS", "Report on calls.")
    enable_real_time_metrics: bool = feature("REAL_TIME_METRICS", "Show what goes on now.")
    enable_alerts: bool = feature("ALERTS", "Send alerts to other systems.", testing=False)

    def get_cache_timeout(self, service_type: str) -> int:
        """Seconds an answer of this service stays in the cache; an undeclared service gets the default."""
        return self.cache_timeouts.get(service_type, self.cache_timeout)

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


@cache
def variables() -> Mapping[str, Var]:
    """Every variable by its name."""
    return MappingProxyType({declared.name: declared for _, _, declared in declarations()})


def declarations() -> Iterator[tuple[str, str | None, Var]]:
    """(field of `Config`, key in it or None, variable), in the order of the class."""
    for each in fields(Config):
        for key, declared in each.metadata.get("vars", {}).items():
            yield each.name, key, declared


def features() -> tuple[str, ...]:
    """Names of the features, as `is_feature_enabled` takes them."""
    return tuple(each.name.removeprefix("enable_") for each in fields(Config) if each.name.startswith("enable_"))
