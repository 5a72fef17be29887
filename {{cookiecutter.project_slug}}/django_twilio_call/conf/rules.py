"""Rules between variables, over values by the names of their variables. A bad value is `MISSING`, and breaks none."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING
from typing import Any, Final
from urllib.parse import urlsplit

from ..constants import OPERATION_RETRY_CONFIGS
from .problems import Problem
from .variables import DEPLOYED, PREFIX

Values = Mapping[str, Any]
Broken = Iterator[tuple[str, str, object]]
"""(variable, rule, value or None where it is secret)."""
_DELAYS: Final = tuple(
    (f"{PREFIX}RETRY_{operation.upper()}_BASE_DELAY", f"{PREFIX}RETRY_{operation.upper()}_MAX_DELAY")
    for operation, parts in OPERATION_RETRY_CONFIGS.items()
    if "max_delay" in parts
)


def _key_pair(values: Values, stage: str) -> Broken:
    if bool(values["TWILIO_API_KEY"]) != bool(values["TWILIO_API_SECRET"]):
        yield "TWILIO_API_KEY", "goes with TWILIO_API_SECRET: both or neither", None


def _delays(values: Values, stage: str) -> Broken:
    for least, name in _DELAYS:
        base, most = values[least], values[name]
        if base is not MISSING and most is not MISSING and most < base:
            yield name, f"must not be under {least}, {base}", most


def _signatures(values: Values, stage: str) -> Broken:
    if values[PREFIX + "WEBHOOK_VALIDATE"] is False and stage != "development":
        yield PREFIX + "WEBHOOK_VALIDATE", f"may be off in development only, this is {stage}", False


def _public(values: Values, stage: str) -> Broken:
    address, hosts = values["PUBLIC_BASE_URL"], values["DJANGO_ALLOWED_HOSTS"]
    if address is MISSING:
        return
    if stage in DEPLOYED and not address.startswith("https://"):
        yield "PUBLIC_BASE_URL", f"must be https in {stage}", address
    # Tests call it what they like, and Django's runner answers to more.
    if stage != "testing" and hosts is not MISSING and not _answered(urlsplit(address).netloc, hosts):
        yield "PUBLIC_BASE_URL", "must have a host that DJANGO_ALLOWED_HOSTS names, or every page is refused", address


def _answered(place: str, hosts: tuple[str, ...]) -> bool:
    """Whether Django answers to that host, by its own rule: `*` is any, `.example.com` that and all below it."""
    host = re.sub(r":[0-9]+$", "", place).lower()
    for pattern in map(str.lower, hosts):
        below = pattern.startswith(".") and (host == pattern[1:] or host.endswith(pattern))
        if below or pattern in ("*", host):
            return True
    return False


def _provider(values: Values, stage: str) -> Broken:
    issuer, client = values["OIDC_ISSUER"], values["OIDC_CLIENT_ID"]
    if MISSING in (issuer, client):
        return
    if bool(issuer) != bool(client):
        yield "OIDC_ISSUER", "goes with OIDC_CLIENT_ID: both or neither", issuer
    if stage in DEPLOYED and issuer.startswith("http:"):
        yield "OIDC_ISSUER", f"must be https in {stage}", issuer


def _simulator(values: Values, stage: str) -> Broken:
    if stage in DEPLOYED and values["TWILIO_BACKEND"] == "simulator":
        yield "TWILIO_BACKEND", f"must be twilio in {stage}", "simulator"
    address = values["TWILIO_API_BASE_URL"]
    if stage == "production" and address is not MISSING and address:
        yield "TWILIO_API_BASE_URL", "must be empty in production", address


def _one_database_for_all(values: Values, stage: str) -> Broken:
    url = values["DATABASE_URL"]
    if stage in DEPLOYED and url is not MISSING and url.startswith("sqlite"):
        yield "DATABASE_URL", f"must be PostgreSQL's in {stage}: SQLite is for one machine", None


_RULES: Final[tuple[Callable[[Values, str], Broken], ...]] = (
    _key_pair,
    _delays,
    _signatures,
    _public,
    _provider,
    _simulator,
    _one_database_for_all,
)


def broken(values: Values, stage: str, origin: Callable[[str], str]) -> Iterator[Problem]:
    """What does not go together; `origin` says where a variable's value came from."""
    for rule in _RULES:
        for name, words, value in rule(values, stage):
            yield Problem(name, words, origin(name), None if value is None else repr(value))
