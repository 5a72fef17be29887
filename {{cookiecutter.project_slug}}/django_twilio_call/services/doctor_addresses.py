"""What the doctor finds where Twilio's addresses of us and ours do not agree: number, scheme, port, fallback."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from urllib.parse import SplitResult, urlsplit

from ..account import ask
from .addresses import number_settings, webhook
from .symptoms import SETUP, NothingToLookAt, Patient, Symptom

STANDARD: Final = {"http": 80, "https": 443}
PROXY: Final = "have the proxy pass /twilio/ on without redirecting, with X-Forwarded-Proto"


def number(patient: Patient) -> Iterator[Symptom]:
    """The number is the account's, and its calls come here."""
    config, found = patient.config, patient.number
    if found is None:
        what = repr(config.twilio_phone_number) if config.twilio_phone_number else "empty"
        yield Symptom(
            f"TWILIO_PHONE_NUMBER is {what}: no number of the account {config.twilio_account_sid}",
            "name a number that the account has, as +15550100000",
        )
        return
    for name in ("voice_application_sid", "trunk_sid"):
        if value := found.settings[name]:
            yield Symptom(f"{found.number} has {name} {value}, so Twilio does not look at its voice URL", SETUP)
    for name in ("voice_url", "status_callback"):
        url = found.settings[name]
        if urlsplit(url).hostname != patient.base.hostname or urlsplit(url).path != urlsplit(_wanted(name)).path:
            yield Symptom(f"{found.number} has {name} {url!r}; this deploy's is {_wanted(name)}", SETUP)
        elif found.settings[_method(name)] != "POST":
            yield Symptom(f"{found.number} asks {name} by {found.settings[_method(name)]}, not by POST", SETUP)


def scheme(patient: Patient) -> Iterator[Symptom]:
    """Signatures are over the whole address: with http for https, every webhook is refused with 403."""
    base = patient.base
    if patient.real and base.scheme != "https":
        yield Symptom(f"PUBLIC_BASE_URL is {base.geturl()!r}: it must be https", "set the address Twilio calls")
    for name, url in patient.ours().items():
        if urlsplit(url).scheme != base.scheme:
            yield Symptom(f"{name} is {url!r}, PUBLIC_BASE_URL {base.geturl()!r}: signatures will not match", SETUP)
    answer = ask("POST", webhook("fallback"))
    if answer.problem:
        yield Symptom(
            f"nothing answers at {webhook('fallback')}: {answer.problem}",
            "start this deploy, or correct PUBLIC_BASE_URL or the proxy",
        )
    elif 300 <= answer.status < 400:
        yield Symptom(
            f"{webhook('fallback')} answers {answer.status} to {answer.location}: no signature follows", PROXY
        )
    elif answer.status != 200:
        yield Symptom(f"{webhook('fallback')} answers {answer.status}: that is not this deploy, or it is ill", PROXY)


def port(patient: Patient) -> Iterator[Symptom]:
    """An address with another port is another one, to signatures over http and to whoever connects."""
    base = _port(patient.base)
    for name, url in patient.ours().items():
        if urlsplit(url).scheme == patient.base.scheme and _port(urlsplit(url)) != base:
            yield Symptom(f"{name} is {url!r}: its port is {_port(urlsplit(url))}, PUBLIC_BASE_URL's {base}", SETUP)


def fallback(patient: Patient) -> Iterator[Symptom]:
    """Without one, callers hear that an application error has occurred; on our own host it is away when we are."""
    if patient.number is None:
        raise NothingToLookAt("the number is not the account's")
    url = patient.number.settings["voice_fallback_url"]
    if not url:
        yield Symptom(f"{patient.number.number} has no voice_fallback_url", SETUP)
        return
    if url != _wanted("voice_fallback_url"):
        yield Symptom(
            f"{patient.number.number} has voice_fallback_url {url!r}, not {_wanted('voice_fallback_url')}", SETUP
        )
    if patient.real and urlsplit(url).hostname == patient.base.hostname:
        fix = "put what `manage.py fallback_twiml` prints elsewhere, and name that in DJANGO_TWILIO_FALLBACK_URL"
        yield Symptom(f"the fallback {url} goes away with this deploy", fix, "warning")
    answer = ask(patient.number.settings["voice_fallback_method"] or "POST", url.partition("#")[0])
    if answer.status != 200 or "xml" not in answer.content_type:
        said = answer.problem or f"{answer.status}, {answer.content_type or 'no content type'}"
        yield Symptom(f"the fallback {url} gives no TwiML: {said}", "it must answer 200 with text/xml")


def _wanted(name: str) -> str:
    return number_settings()[name]


def _method(name: str) -> str:
    return "voice_method" if name == "voice_url" else f"{name}_method"


def _port(parts: SplitResult) -> int | None:
    return parts.port or STANDARD.get(parts.scheme)
