"""Texts that a variable's own rule takes, and environments of them, for property tests."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from hypothesis import strategies as st

from django_twilio_call.conf.catalogue import variables
from django_twilio_call.conf.variables import DEPLOYED, Var

from .deploys import CANARY

PORTABLE: Final = st.text(
    st.characters(blacklist_categories=("C", "Z"), blacklist_characters="$\"'#"), min_size=1, max_size=40
).filter(str.isprintable)
"""Values that every reader of env files takes alike."""


def _any_text(_: object) -> st.SearchStrategy[str]:
    return PORTABLE


HOST: Final = r"[a-z][a-z0-9]{0,8}\.example\.com"
_BY_RULE: Final[tuple[tuple[str, Callable[[re.Match[str]], st.SearchStrategy[str]]], ...]] = (
    (r"one of true, false", lambda _: st.sampled_from(["true", "False", "YES", "no", "on", "off", "1", "0"])),
    (r"one of (.*)", lambda found: st.sampled_from(found[1].split(", "))),
    (r"a whole number from (\d+) to (\d+)", lambda found: st.integers(int(found[1]), int(found[2])).map(str)),
    (r"a number from ([\d.]+) to ([\d.]+)", lambda found: st.sampled_from([found[1], "1.5", "2.25", found[2]])),
    (r"a time from (\d+) s to (\d+) s", lambda found: _times(int(found[1]), int(found[2]))),
    (r"a size from (\d+) to (\d+) bytes", lambda found: st.integers(int(found[1]), int(found[2])).map(str)),
    (r"seconds up to (\d+)", lambda found: st.lists(_times(0, int(found[1])), min_size=1, max_size=5).map(",".join)),
    (r"http or https:// and a host", lambda _: _like(rf"https://{HOST}(:[1-9][0-9]{{0,3}})?")),
    (
        r"a URL with http or https",
        lambda _: _like(rf"https://{HOST}(:[1-9][0-9]{{0,3}})?(/[a-z0-9%=&?;,#]{{0,9}}[a-z])?"),
    ),
    (r"a URL with redis", lambda _: _like(rf"rediss?://:{CANARY}[a-zA-Z0-9]{{0,9}}@{HOST}:6379/[0-9]")),
    (r"postgres://", lambda _: _like(rf"postgres://app:{CANARY}[a-zA-Z0-9]{{0,9}}@{HOST}:5432/calls")),
    (r"(AC|SK|AP) and 32", lambda found: _like(rf"{found[1]}[0-9a-f]{{32}}")),
    (r"a phone number", lambda _: _like(r"(\+[1-9][0-9]{6,14})?")),
    (r"host names", lambda _: st.lists(_like(HOST), min_size=1, max_size=3).map(",".join)),
    (r"origins", lambda _: st.lists(_like(f"https://{HOST}"), max_size=3).map(", ".join)),
    (r"a time zone", lambda _: st.sampled_from(["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires"])),
    (r"a language", lambda _: st.sampled_from(["en-US", "de-DE", "pt-BR"])),
    (r"scopes", lambda _: st.sampled_from(["openid", "email openid groups"])),
    (r"up to 16 of a-z", lambda _: _like(r"[a-z0-9]{0,16}")),
    (r"a voice", lambda _: st.sampled_from(["Polly.Joanna", "Google.de-DE-Standard-A"])),
    (r"a region", lambda _: st.sampled_from(["", "ie1", "us1"])),
    (r"an edge", lambda _: st.sampled_from(["", "dublin"])),
    (r"a path", lambda _: _like(r"[a-z/][a-z0-9._/-]{0,20}")),
    (r"at least 32|empty, or at least 16|the account's", lambda _: _like(rf"{CANARY}[A-Za-z0-9_-]{{32,50}}")),
    (r"former keys", lambda _: st.lists(_like(rf"{CANARY}[A-Za-z0-9_-]{{32,50}}"), max_size=2).map(",".join)),
    (r"nothing, or beginnings of numbers", lambda _: st.sampled_from(["", "+1", "+1,+4930"])),
    (r"empty, or a project's address", lambda _: _like(rf"https://{CANARY}[a-f0-9]{{9}}@{HOST}/[1-9]")),
    (r"a text", _any_text),
)


def valid(declared: Var) -> st.SearchStrategy[str]:
    """Texts that the rule of this variable takes."""
    for pattern, made in _BY_RULE:
        if found := re.match(pattern, declared.type.rule):
            return made(found).map(lambda text: CANARY + text) if declared.secret and made is _any_text else made(found)
    raise AssertionError(f"no strategy for {declared.name}: {declared.type.rule}")


@st.composite
def environments(draw: st.DrawFn, stage: str) -> dict[str, str]:
    """Complete and valid environments of a stage, some variables set and others left out."""
    environ = {}
    for name, declared in variables().items():
        if declared.required_in(stage) or (name not in COUPLED and draw(st.booleans())):
            environ[name] = draw(valid(declared))
    if stage in DEPLOYED:
        environ["TWILIO_BACKEND"] = "twilio"
    host = urlsplit(environ.get("PUBLIC_BASE_URL", "http://127.0.0.1:8000")).hostname
    environ["DJANGO_ALLOWED_HOSTS"] = f"{host},{environ.get('DJANGO_ALLOWED_HOSTS', 'localhost')}"
    if stage == "production":
        environ["TWILIO_API_BASE_URL"] = ""
    environ.pop("DJANGO_TWILIO_WEBHOOK_VALIDATE", None)
    return environ


COUPLED: Final = frozenset(
    {
        "TWILIO_API_KEY",
        "TWILIO_API_SECRET",
        "OIDC_ISSUER",
        "OIDC_CLIENT_ID",
        *(name for name in variables() if name.endswith(("_BASE_DELAY", "_MAX_DELAY"))),
    }
)
"""Variables with a rule between them: left to their defaults here, tested elsewhere."""


def _times(least: int, most: int) -> st.SearchStrategy[str]:
    return st.integers(least, min(most, 999_999)).map(str)


def _like(pattern: str) -> st.SearchStrategy[str]:
    return st.from_regex(re.compile(pattern, re.ASCII), fullmatch=True)
