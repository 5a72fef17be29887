"""Names of django-twilio-call 0.1.9 that are called otherwise now: they work, and warn."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any, Final

from ..constants import CacheTimeouts, CircuitBreakerConfig, DefaultValues, ErrorThresholds, TimeIntervals
from .catalogue import Config, disassemble, variables

FIELDS: Final[Mapping[str, str]] = {
    **{
        name: name.lower()
        for name in (
            "TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_API_KEY", "TWILIO_API_SECRET", "TWILIO_PHONE_NUMBER",
            "TWILIO_CONNECTION_POOL_SIZE", "CACHE_TIMEOUT", "CACHE_TIMEOUTS", "BATCH_SIZES", "DEFAULT_BATCH_SIZE",
            "LOG_LEVEL", "ENABLE_CALL_RECORDING", "ENABLE_TRANSCRIPTION", "ENABLE_VOICEMAIL", "ENABLE_CONFERENCE",
            "ENABLE_IVR", "ENABLE_QUEUE_CALLBACKS", "ENABLE_ANALYTICS", "ENABLE_REAL_TIME_METRICS", "ENABLE_ALERTS",
        )
    },
    "TWILIO_WEBHOOK_URL": "public_base_url",
    "TWILIO_WEBHOOK_VALIDATE": "webhook_validate",
    "TWILIO_WEBHOOK_AUTH_TOKEN": "twilio_auth_token",
    "TWILIO_REQUEST_TIMEOUT": "request_timeout",
    "TWILIO_CONNECTION_POOL_MAXSIZE": "twilio_connection_pool_size",
    "RETRY_CONFIGS": "retries",
    "DEFAULT_HOLD_MUSIC_URL": "hold_music_url",
    "DEFAULT_RING_TIMEOUT": "ring_timeout",
    "DEFAULT_CALLER_ID": "twilio_phone_number",
    "RECORDING_RETENTION_DAYS": "retention_recordings",
}  # fmt: skip
"""Old attribute -> field."""

VALUES: Final[Mapping[str, Any]] = {
    "TWILIO_RETRY_BACKOFF_BASE": 2,
    "CACHE_BACKEND": "default",
    "CACHE_KEY_PREFIX": "django_twilio",
    "CACHE_KEY_VERSION": 1,
    "CIRCUIT_BREAKER_FAILURE_THRESHOLD": CircuitBreakerConfig.DEFAULT_FAILURE_THRESHOLD,
    "CIRCUIT_BREAKER_RECOVERY_TIMEOUT": CircuitBreakerConfig.DEFAULT_RECOVERY_TIMEOUT,
    "MAX_QUEUE_SIZE": DefaultValues.MAX_QUEUE_SIZE,
    "DEFAULT_QUEUE_TIMEOUT": DefaultValues.QUEUE_TIMEOUT_SECONDS,
    "QUEUE_WARNING_TIME": ErrorThresholds.WARNING_QUEUE_TIME,
    "QUEUE_CRITICAL_TIME": ErrorThresholds.CRITICAL_QUEUE_TIME,
    "SERVICE_LEVEL_THRESHOLD": DefaultValues.SERVICE_LEVEL_THRESHOLD,
    "DEFAULT_AGENT_MAX_CONCURRENT_CALLS": DefaultValues.MAX_CONCURRENT_CALLS,
    "AGENT_STATUS_UPDATE_WEBHOOK": None,
    "AGENT_PERFORMANCE_THRESHOLD": 80.0,
    "DEFAULT_CALL_TIME_LIMIT": DefaultValues.CALL_TIME_LIMIT,
    "SLOW_CALL_THRESHOLD": DefaultValues.SLOW_OPERATION_THRESHOLD,
    "RECORDING_STATUS_CALLBACK_URL": None,
    "RECORDING_STORAGE_BACKEND": "local",
    "RECORDING_ENCRYPTION_KEY": None,
    "RECORDING_URL_EXPIRY": CacheTimeouts.RECORDING_URLS,
    "HEALTH_CHECK_INTERVAL": TimeIntervals.HEALTH_CHECK_INTERVAL,
    "METRICS_COLLECTION_INTERVAL": TimeIntervals.METRICS_COLLECTION_INTERVAL,
    "WARNING_ERROR_RATE": ErrorThresholds.WARNING_ERROR_RATE,
    "CRITICAL_ERROR_RATE": ErrorThresholds.CRITICAL_ERROR_RATE,
    "WARNING_RESPONSE_TIME": ErrorThresholds.WARNING_RESPONSE_TIME,
    "CRITICAL_RESPONSE_TIME": ErrorThresholds.CRITICAL_RESPONSE_TIME,
    "ALERT_WEBHOOK_URL": None,
    "MAX_PAGE_SIZE": DefaultValues.MAX_PAGE_SIZE,
    "DEFAULT_PAGE_SIZE": DefaultValues.DEFAULT_PAGE_SIZE,
    "SLOW_OPERATION_THRESHOLD": DefaultValues.SLOW_OPERATION_THRESHOLD,
    "LOG_API_REQUESTS": True,
    "LOG_WEBHOOKS": True,
}
"""Old attribute -> the value it always has here: no variable sets it any more."""


def _minutes(seconds: int) -> float:
    return seconds / 60 if seconds % 60 else seconds // 60


_COMPUTED: Final[Mapping[str, Callable[[Config], Any]]] = {
    "TWILIO_MAX_RETRIES": lambda config: config.get_retry_config("connection")["max_retries"],
    "TWILIO_RETRY_BACKOFF_MAX": lambda config: config.get_retry_config("connection")["max_delay"],
    "AGENT_BREAK_DURATIONS": lambda config: {
        "lunch": _minutes(config.lunch_duration),
        "training": _minutes(config.training_duration),
        "break": _minutes(config.break_duration),
    },
    "DEBUG": lambda config: config.stage == "development",
    "TESTING": lambda config: config.stage == "testing",
    "LOG_PERFORMANCE": lambda config: config.stage == "development",
    "get_environment_type": lambda config: lambda: config.stage,
    "to_dict": lambda config: lambda: to_dict(config),
}
"""Old attribute or method -> what it gives now."""


_ELSEWHERE: Final = "the fields of get_config(), or django_twilio_call.constants"


class _Old:
    """An attribute under its old name. Not by `__getattr__`: that slows every access to a `Config` fourfold."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, config: Config | None, owner: type) -> Any:
        if config is None:
            return self
        new = f"get_config().{FIELDS[self.name]}" if self.name in FIELDS else _ELSEWHERE
        warn(f"get_config().{self.name}", new)
        return old_value(config, self.name)


def install() -> None:
    """Give `Config` the old names."""
    for name in (*FIELDS, *VALUES, *_COMPUTED):
        setattr(Config, name, _Old(name))


def old_value(config: Config, name: str) -> Any:
    """The value of an old attribute. Raises AttributeError for a name that never was one."""
    if name in FIELDS:
        return getattr(config, FIELDS[name])
    if name in VALUES:
        return VALUES[name]
    if name in _COMPUTED:
        return _COMPUTED[name](config)
    raise AttributeError(f"Config has no {name!r}", name=name, obj=config)


def to_dict(config: Config) -> dict[str, Any]:
    """All values by the names of their variables, secrets hidden by their declaration and not by their name."""
    return {
        name: "(hidden)" if variables()[name].secret and value else value for name, value in disassemble(config).items()
    }


def warn(old: str, new: str, *, depth: int = 3) -> None:
    """Say where the old name is used what to use instead."""
    warnings.warn(f"{old} is a name of django-twilio-call 0.1.9: use {new}", DeprecationWarning, stacklevel=depth)
