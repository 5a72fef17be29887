"""What the doctor finds in the account with Twilio: token, region, TwiML App, countries, capacity, media, clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final
from urllib.parse import urlsplit

from ..account import ask, get_account
from ..constants import CallbackState, HTTPStatusCodes
from ..exceptions import TelephonyError
from ..models import Agent, CallbackRequest
from .addresses import app_url, webhook
from .symptoms import SETUP, NothingToLookAt, Patient, Symptom

EDGES: Final = {"au1": "sydney", "de1": "frankfurt", "ie1": "dublin", "jp1": "tokyo", "sg1": "singapore"}
"""Region -> its edge. Any edge leads to us1."""
HOME: Final = "us1"
TRIAL_CALLS: Final = 5
UNPROFILED_CALLS: Final = 2
LEGS: Final = 2
"""A conversation is the caller's call and the agent's."""
MOST_SKEW: Final = 30
"""Seconds. Access tokens carry times: with a clock that is wrong, browsers are refused."""
MOST_NUMBERS: Final = 1000
NAMESPACE: Final = "DJANGO_TWILIO_NAMESPACE"
REFUSED: Final = (HTTPStatusCodes.UNAUTHORIZED, HTTPStatusCodes.FORBIDDEN)


def token(patient: Patient) -> Iterator[Symptom]:
    """The token works, the key works, and the running deploy takes what is signed with the token."""
    config = patient.config
    if _is_refused(lambda: patient.standing):
        other = config.twilio_auth_token_secondary
        if other and not _is_refused(get_account(token=other).standing):
            text = "Twilio takes TWILIO_AUTH_TOKEN_SECONDARY, not TWILIO_AUTH_TOKEN: it was promoted"
            yield Symptom(text, "set TWILIO_AUTH_TOKEN to it, and roll out")
        else:
            text = f"Twilio refuses TWILIO_ACCOUNT_SID {config.twilio_account_sid} with TWILIO_AUTH_TOKEN"
            yield Symptom(text, "copy the auth token of that account from Twilio's console into secrets.env")
        return
    if patient.standing.status != "active":
        yield Symptom(f"the account is {patient.standing.status}", "ask Twilio's support, or pay the bill")
    if config.twilio_api_key and _is_refused(lambda: get_account(api_key=True).number(config.twilio_phone_number)):
        yield Symptom(
            f"Twilio refuses TWILIO_API_KEY {config.twilio_api_key}", "manage.py twilio setup --new-key --apply"
        )
    if ask("POST", webhook("probe"), token=config.twilio_auth_token).status == HTTPStatusCodes.FORBIDDEN:
        yield Symptom(
            f"{webhook('probe')} refuses what is signed with TWILIO_AUTH_TOKEN",
            "restart the processes that have another token or PUBLIC_BASE_URL: manage.py config drift names them",
        )


def region(patient: Patient) -> Iterator[Symptom]:
    """In two regions, caller and agent are in two conferences of one name, and hear music."""
    ours, edge = patient.config.twilio_region or HOME, patient.config.twilio_edge
    if ours != HOME and edge != EDGES.get(ours, edge or None):
        fitting = EDGES.get(ours, "the edge of that region")
        yield Symptom(f"TWILIO_REGION is {ours} and TWILIO_EDGE {edge!r}: they are a pair", f"TWILIO_EDGE={fitting}")
    if patient.config.twilio_phone_number:
        its = patient.account.voice_region(patient.config.twilio_phone_number)
        if its != ours:
            yield Symptom(
                f"Twilio handles calls to {patient.config.twilio_phone_number} in {its}, ours are in {ours}",
                f"TWILIO_REGION={its} with its edge, or route the number to {ours}",
            )


def twiml_app(patient: Patient) -> Iterator[Symptom]:
    """Without it no agent's browser joins a call."""
    sid = patient.config.twilio_twiml_app_sid
    if not sid:
        yield Symptom("TWILIO_TWIML_APP_SID is empty: no browser can join a call", SETUP)
        return
    app = next((each for each in patient.apps if each.sid == sid), None)
    if app is None:
        yield Symptom(f"TWILIO_TWIML_APP_SID is {sid}: the account has no such App", SETUP)
    elif (app.voice_url.partition("#")[0], app.voice_method) != (webhook("agent"), "POST"):
        yield Symptom(f"the App {sid} asks {app.voice_method} {app.voice_url!r}; ours is POST {app_url()}", SETUP)


def shared(patient: Patient) -> Iterator[Symptom]:
    """Two deploys that name things alike meet in one conference, and each ends what it takes for the other's litter."""
    ours = urlsplit(webhook("agent"))
    others = [app for app in patient.apps if app.sid != patient.config.twilio_twiml_app_sid]
    asked = [urlsplit(app.voice_url) for app in others]
    hosts = sorted({url.netloc for url in asked if url.path == ours.path and url.netloc != ours.netloc})
    if hosts and not patient.config.namespace:
        yield Symptom(
            f"the account is also that of {', '.join(hosts)}: calls there and here have the same names at Twilio",
            f"a subaccount for each deploy, or {NAMESPACE} in all of them but one",
            "warning",
        )


def geo(patient: Patient) -> Iterator[Symptom]:
    """Calls to other countries fail with 21215: callbacks are such calls, and transfers to outside numbers."""
    waiting = CallbackRequest.objects.filter(state__in=CallbackState.OPEN_STATES)
    numbers = {*waiting.order_by("pk").values_list("number", flat=True)[:MOST_NUMBERS]}
    numbers |= {patient.config.twilio_phone_number, *patient.config.transfer_prefixes.split(",")} - {""}
    codes = tuple(f"+{code}" for code in patient.account.callable_codes())
    # A prefix may be shorter than a code.
    may = {each for each in numbers if each.startswith(codes) or any(code.startswith(each) for code in codes)}
    if barred := sorted(numbers - may):
        more = f" and {len(barred) - 3} more" if len(barred) > 3 else ""
        yield Symptom(
            f"Twilio will not call {', '.join(barred[:3])}{more}: their countries are not allowed",
            "allow them in Twilio's console: Voice, Settings, Geo permissions",
        )


def concurrency(patient: Patient) -> Iterator[Symptom]:
    """Callers above the cap hear busy, whoever is free."""
    if patient.standing.type == "Trial":
        most, state, why = TRIAL_CALLS, "wrong", "a trial account"
    elif patient.account.approved_profiles() == 0:
        most, state, why = UNPROFILED_CALLS, "warning", "an account upgraded since February 2026 without a profile"
    else:
        return
    agents = Agent.objects.count()
    if agents * LEGS > most:
        yield Symptom(
            f"{agents} agents in talks are {agents * LEGS} calls, and {why} carries {most}",
            "upgrade it, and have a business profile approved in Twilio's console: Trust Hub",
            state,
        )


def media_auth(patient: Patient) -> Iterator[Symptom]:
    """Whoever has a recording's address could hear it."""
    url = patient.account.newest_recording()
    if not url:
        raise NothingToLookAt("the account has no recording")
    if ask("GET", url).status == HTTPStatusCodes.OK:
        yield Symptom(
            f"{url} is heard by anybody who has the address",
            "Twilio's console: Voice, Settings, General: HTTP Basic Authentication for media access",
        )


def clock(patient: Patient) -> Iterator[Symptom]:
    """By the Date of Twilio's answer."""
    if patient.standing.at is None:
        raise TelephonyError("its answers have no Date")
    ahead = (patient.now - patient.standing.at).total_seconds()
    if abs(ahead) > MOST_SKEW:
        way = "ahead of" if ahead > 0 else "behind"
        yield Symptom(f"our clock is {abs(ahead):.0f} s {way} Twilio's", "have the machine's clock set by NTP")


def _is_refused(request: Callable[[], object]) -> bool:
    """Whether Twilio takes no such login; any other trouble is raised."""
    try:
        request()
    except TelephonyError as error:
        if error.status in REFUSED:
            return True
        raise
    return False
