"""Moving from django-twilio-call 0.1.9: what becomes of each key of an old env file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..exceptions import ConfigurationError
from .catalogue import variables
from .platform import DATABASE_PARTS
from .problems import is_placeholder
from .types import FALSE, TRUE
from .variables import PREFIX, STAGE

READ, RENAMED, IGNORED, DANGEROUS = "read", "renamed", "ignored", "dangerous"
_FEATURES: Final = (
    "CALL_RECORDING", "TRANSCRIPTION", "VOICEMAIL", "CONFERENCE", "IVR", "QUEUE_CALLBACKS", "ANALYTICS",
    "REAL_TIME_METRICS",
)  # fmt: skip

NEW_NAMES: Final[Mapping[str, str]] = {
    **{f"ENABLE_{feature}": f"{PREFIX}ENABLE_{feature}" for feature in _FEATURES},
    **{f"DB_{part}": f"DATABASE_{part}" for part in ("HOST", "PORT", "NAME", "USER", "PASSWORD")},
    "SECRET_KEY": "DJANGO_SECRET_KEY",
    "ALLOWED_HOSTS": "DJANGO_ALLOWED_HOSTS",
    "CSRF_TRUSTED_ORIGINS": "DJANGO_CSRF_TRUSTED_ORIGINS",
    "TIME_ZONE": "DJANGO_TIME_ZONE",
    "LOG_LEVEL": "DJANGO_LOG_LEVEL",
    "DJANGO_TWILIO_LOG_LEVEL": "DJANGO_LOG_LEVEL",
    "GUNICORN_WORKERS": "WEB_CONCURRENCY",
    "TWILIO_WEBHOOK_URL": "PUBLIC_BASE_URL",
    "TWILIO_WEBHOOK_BASE_URL": "PUBLIC_BASE_URL",
    "TWILIO_WEBHOOK_VALIDATE": PREFIX + "WEBHOOK_VALIDATE",
    "TWILIO_CONNECTION_POOL_MAXSIZE": "TWILIO_CONNECTION_POOL_SIZE",
    "TWILIO_MAX_RETRIES": PREFIX + "RETRY_CONNECTION_MAX_RETRIES",
    "TWILIO_RETRY_BACKOFF_MAX": PREFIX + "RETRY_CONNECTION_MAX_DELAY",
    "RECORDING_ENABLED": PREFIX + "ENABLE_CALL_RECORDING",
    "DEFAULT_RING_TIMEOUT": PREFIX + "RING_TIMEOUT",
    "DEFAULT_HOLD_MUSIC_URL": PREFIX + "HOLD_MUSIC_URL",
    "DEFAULT_CALLER_ID": "TWILIO_PHONE_NUMBER",
    "RECORDING_RETENTION_DAYS": PREFIX + "RETENTION_RECORDINGS",
    **{f"{PREFIX}AGENT_{what}_DURATION": f"{PREFIX}{what}_DURATION" for what in ("BREAK", "LUNCH", "TRAINING")},
}
"""Old name -> the name it has here."""
_MINUTES: Final = frozenset(f"{PREFIX}AGENT_{what}_DURATION" for what in ("BREAK", "LUNCH", "TRAINING"))
"""Old names whose plain numbers were minutes; here a plain number is seconds."""

_OWN_CACHE: Final = "keys, prefix and version of the cache are no settings here"
_THRESHOLD: Final = "alerts on figures belong to whoever watches the metrics"
_QUEUE: Final = "a queue's limits are data, kept with the queue"
_LOGS: Final = "every request and webhook is one line of the log"
_AT_TWILIO: Final = "recordings stay with Twilio, and are passed on from there to who may hear them"

REASONS: Final[Mapping[str, str]] = {
    "ENVIRONMENT": f"the stage is {STAGE}, and nothing else is",
    "CELERY_RESULT_BACKEND": "rows are the truth; results of tasks are not kept",
    "TWILIO_RETRY_BACKOFF_BASE": f"each operation has its own: {PREFIX}RETRY_<OPERATION>_MULTIPLIER",
    "MAX_QUEUE_SIZE": _QUEUE,
    "DEFAULT_QUEUE_TIMEOUT": _QUEUE,
    "DEFAULT_QUEUE": _QUEUE,
    "DEFAULT_CALL_TIME_LIMIT": "Twilio's own limit of four hours holds",
    "DEFAULT_AGENT_MAX_CONCURRENT_CALLS": "an agent has one conversation at a time",
    "AGENT_STATUS_UPDATE_WEBHOOK": "nothing is called when an agent's state changes",
    "RECORDING_STATUS_CALLBACK_URL": "made from PUBLIC_BASE_URL",
    **dict.fromkeys(("RECORDING_STORAGE_BACKEND", "RECORDING_STORAGE", PREFIX + "RECORDING_URL_EXPIRY"), _AT_TWILIO),
    PREFIX + "ALERT_WEBHOOK_URL": _THRESHOLD,
    **dict.fromkeys((PREFIX + f"CACHE_{name}" for name in ("BACKEND", "KEY_PREFIX", "KEY_VERSION")), _OWN_CACHE),
    **dict.fromkeys((PREFIX + f"LOG_{name}" for name in ("API_REQUESTS", "PERFORMANCE", "WEBHOOKS")), _LOGS),
    **dict.fromkeys(
        (
            PREFIX + name
            for name in (
                "AGENT_PERFORMANCE_THRESHOLD", "CRITICAL_ERROR_RATE", "CRITICAL_RESPONSE_TIME", "QUEUE_CRITICAL_TIME",
                "QUEUE_WARNING_TIME", "SERVICE_LEVEL_THRESHOLD", "SLOW_CALL_THRESHOLD", "SLOW_OPERATION_THRESHOLD",
                "WARNING_ERROR_RATE", "WARNING_RESPONSE_TIME",
            )
        ),
        _THRESHOLD,
    ),
    PREFIX + "HEALTH_CHECK_INTERVAL": "whoever probes decides how often",
    PREFIX + "METRICS_COLLECTION_INTERVAL": "whoever reads /metrics decides how often",
    **dict.fromkeys((PREFIX + f"CIRCUIT_BREAKER_{name}" for name in ("FAILURE_THRESHOLD", "RECOVERY_TIMEOUT")),
                    "figures of the breaker stand in constants.py"),
    **dict.fromkeys((PREFIX + name for name in ("MAX_PAGE_SIZE", "DEFAULT_PAGE_SIZE")), "pages have a fixed length"),
}  # fmt: skip
"""Old name -> why nothing reads it here."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of one key."""

    word: str
    key: str
    why: str = ""

    def __str__(self) -> str:
        return f"{self.word:9}  {self.key}" + (f": {self.why}" if self.why else "")


def judge(path: Path) -> list[Verdict]:
    """A verdict for each key of an old env file. Raises `ConfigurationError` when it cannot be read."""
    try:
        content = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise ConfigurationError([f"{path} cannot be read: {type(error).__name__}"]) from None
    return [_verdict(key, value) for key, value in dict(_lines(content)).items()]


def _lines(content: str) -> Iterator[tuple[str, str]]:
    """Keys and values as python-dotenv would have it: the old files are written with quotes, exports, comments."""
    for line in content.splitlines():
        found = re.match(r"""\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*("[^"]*"|'[^']*'|.*?)\s*(?:\s#.*)?$""", line)
        if found:
            yield found[1], found[2].strip("\"'")


def _verdict(key: str, value: str) -> Verdict:
    if danger := _danger(key, value):
        return Verdict(DANGEROUS, key, danger)
    new = NEW_NAMES.get(key, key)
    declared = variables().get(new) or DATABASE_PARTS.get(new)
    if declared is None:
        return Verdict(IGNORED, key, REASONS.get(key, "nothing here reads it"))
    if new == "PUBLIC_BASE_URL":
        value = "/".join(value.split("/")[:3])
    value += "m" if key in _MINUTES else ""
    try:
        declared.type.read(value)
        rule = ""
    except ValueError:
        rule = f"its value will be refused: must be {declared.type.rule}"
    where = f"now {new}" + (", the address without its path" if new == "PUBLIC_BASE_URL" else "")
    where += ", with an m after its number, which is minutes" if key in _MINUTES else ""
    parts = [where if new != key else "", rule, "secret, so in secrets.env" if declared.secret else ""]
    return Verdict(READ if new == key else RENAMED, key, "; ".join(filter(None, parts)))


def _danger(key: str, value: str) -> str | None:
    """Why carrying this on would do harm."""
    declared = variables().get(NEW_NAMES.get(key, key))
    if key in ("DEBUG", "TESTING") and value.lower() in TRUE:
        return f"no variable switches this; {STAGE} names the stage, and only development's shows tracebacks"
    if key == "TWILIO_WEBHOOK_VALIDATE" and value.lower() in FALSE:
        return "0.1.9 ignored it; here anybody could pretend to be Twilio, so only development takes it"
    if key == "TWILIO_WEBHOOK_AUTH_TOKEN":
        return "signatures are checked with TWILIO_AUTH_TOKEN; if this is another one, every webhook will be refused"
    if key in ("ENCRYPTION_KEY", "RECORDING_ENCRYPTION_KEY"):
        return "nothing reads it, and what 0.1.9 encrypted can be read with it alone: keep it"
    if key == "ALLOWED_HOSTS" and "*" in value.split(","):
        return "any Host header would be taken for ours: name the hosts"
    if declared is not None and (declared.secret or declared.operator) and is_placeholder(value):
        return "a placeholder: staging and production refuse it"
    return None
