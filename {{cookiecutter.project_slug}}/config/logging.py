"""Logs go to stdout: one JSON object a line, or for people."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from typing import Any, Final

import structlog

PHONE_NUMBER: Final = re.compile(r"(\+|%2B)(\d{1,3})\d{4,10}(\d{2})(?!\d)")
"""E.164, also as it stands in a URL."""


def mask_phone_numbers(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Country and the last two digits are left, enough to find a caller again and too little to call one."""
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = PHONE_NUMBER.sub(r"\1\2***\3", value)
        elif not isinstance(value, int | float | bool | None):
            event[key] = PHONE_NUMBER.sub(r"\1\2***\3", str(value))
    return event


SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.stdlib.ExtraAdder(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


OURS: Final = ("config", "django_twilio_call", "django_structlog")


def logging_config(*, level: str, as_json: bool) -> dict[str, Any]:
    """Django's LOGGING: everything at `level` and above, through one formatter.

    DEBUG is for what is ours: libraries would tell every statement, file descriptor and connection.
    """
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *SHARED,
            structlog.processors.format_exc_info,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    as_lines = [structlog.processors.format_exc_info, mask_phone_numbers, structlog.processors.JSONRenderer()]
    for_people = [structlog.dev.ConsoleRenderer(colors=False)]
    processors: list[Any] = as_lines if as_json else for_people
    theirs = "INFO" if level == "DEBUG" else level
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": SHARED,
                "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *processors],
            },
        },
        "handlers": {"stdout": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "line"}},
        "root": {"handlers": ["stdout"], "level": theirs},
        "loggers": {
            "django": {"handlers": [], "level": theirs, "propagate": True},
            # It writes phone numbers and URLs of every request.
            "twilio": {"level": "WARNING"},
            "celery": {"level": "WARNING" if theirs == "INFO" else theirs},
            **{name: {"level": level} for name in OURS},
        },
    }
