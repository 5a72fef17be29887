"""Errors go to Sentry where `SENTRY_DSN` says so, without what is somebody's own: phone numbers and secrets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from django_twilio_call.conf.catalogue import Config, disassemble, variables

from .logging import PHONE_NUMBER

FILTERED: Final = "[filtered]"
PERSONAL: Final = ("authorization", "cookie", "x-twilio-signature", "x-forwarded-for", "x-real-ip")
"""Request headers that say who somebody is."""


def report_errors(config: Config) -> None:
    """Begin to send what is logged as an error, and what nobody caught. Does and imports nothing without a DSN."""
    if not config.sentry_dsn:
        return
    import sentry_sdk
    from sentry_sdk.integrations.celery import CeleryIntegration
    from sentry_sdk.integrations.django import DjangoIntegration

    secrets = sorted(_secrets(config), key=len, reverse=True)

    def scrub(event: Any, _: Mapping[str, Any]) -> Any:
        return scrubbed(event, secrets)

    sentry_sdk.init(
        dsn=config.sentry_dsn,
        environment=config.stage,
        integrations=[DjangoIntegration(), CeleryIntegration()],
        auto_enabling_integrations=False,
        # A webhook's form is its caller; a frame's variables are anything.
        send_default_pii=False,
        max_request_body_size="never",
        include_local_variables=False,
        auto_session_tracking=False,
        before_send=scrub,
        before_breadcrumb=scrub,
    )


def scrubbed(value: Any, secrets: Iterable[str]) -> Any:
    """The same with phone numbers masked, as in the log, and secrets and personal headers filtered, however deep."""
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, FILTERED)
        return PHONE_NUMBER.sub(r"\1\2***\3", value)
    if isinstance(value, Mapping):
        return {
            scrubbed(key, secrets): FILTERED if str(key).lower() in PERSONAL else scrubbed(each, secrets)
            for key, each in value.items()
        }
    if isinstance(value, list | tuple):
        return [scrubbed(each, secrets) for each in value]
    if isinstance(value, int | float | bool | None):
        return value
    return scrubbed(str(value), secrets)


def _secrets(config: Config) -> Iterable[str]:
    """All that the catalogue calls secret, and the passwords inside addresses, as they stand there and decoded."""
    for name, value in disassemble(config).items():
        if not variables()[name].secret:
            continue
        for text in value if isinstance(value, tuple) else (value,):
            password = urlsplit(text).password if "://" in text else None
            yield from {each for each in (text, password, unquote(password or "")) if each and len(each) > 3}
