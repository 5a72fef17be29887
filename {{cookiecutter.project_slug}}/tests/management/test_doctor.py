"""The ten classic misconfigurations, each found where it is, and not found where it is not."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from io import StringIO

import pytest
import urllib3
from django.core.management import CommandError, call_command
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from django_twilio_call.account import ask, get_account
from django_twilio_call.models import Agent, CallbackRequest, IVRFlow, Queue, WebhookEvent
from django_twilio_call.services import DoctorService, FlowService
from django_twilio_call.services.addresses import webhook
from django_twilio_call.services.doctor import CHECKS
from django_twilio_call.webhooks.base import counts
from tests.conftest import make_agent
from tests.services.test_flows import DRAFT
from tests.simulator.stage import App, Said, Stage
from twilio_simulator.account import Account
from twilio_simulator.calls import Callback

from .conftest import NUMBER

pytestmark = pytest.mark.django_db


@pytest.fixture
def healthy(simulated: Account, settings: Settings) -> Account:
    """An account that was set up."""
    call_command("twilio", "setup", "--apply", stdout=StringIO())
    return simulated


def found(id_: str, state: str = "wrong") -> list[str]:
    """What a check says is so."""
    return [
        each.text for each in DoctorService().examine(now=datetime.now(UTC)) if (each.id, each.state) == (id_, state)
    ]


def doctor(*argv: str) -> str:
    out = StringIO()
    call_command("doctor", *argv, stdout=out)
    return out.getvalue()


def test_where_all_is_well_every_check_says_so_but_for_what_is_not_there(healthy: Account) -> None:
    lines = [line for line in doctor().splitlines() if not line.strip().startswith("fix:")]

    said = {"media-auth": "unknown"}  # there is no recording yet
    assert [line.split()[:2] for line in lines] == [[said.get(id_, "fine"), id_] for id_, *_ in CHECKS]


def test_programs_get_json_and_exit_code_1(healthy: Account, app: App) -> None:
    assert {each["state"] for each in json.loads(doctor("--json"))["diagnoses"]} == {"fine", "unknown"}
    healthy.fallback_url, out = "", StringIO()

    with pytest.raises(CommandError, match="1 wrong"):
        call_command("doctor", "--json", stdout=out)
    wrong = [each for each in json.loads(out.getvalue())["diagnoses"] if each["state"] == "wrong"]
    assert wrong == [
        {
            "id": "fallback",
            "state": "wrong",
            "text": f"{NUMBER} has no voice_fallback_url",
            "fix": "manage.py twilio setup --apply",
        }
    ]


def test_it_only_asks(healthy: Account, stage: Stage) -> None:
    def kinds() -> list[str]:
        answer = urllib3.request("GET", f"{stage.url}/_simulator/timeline/calls/account").json()
        return [each["method"] for each in answer["entries"]]

    before = len(kinds())
    doctor()
    assert set(kinds()[before:]) == {"GET"}


# --- scheme ---


def test_http_for_https_is_found(healthy: Account, settings: Settings) -> None:
    healthy.voice_url = healthy.voice_url.replace("http://", "https://")

    assert "signatures will not match" in found("scheme")[0]


def test_twilio_wants_https(healthy: Account, settings: Settings) -> None:
    settings.TWILIO_BACKEND = "twilio"

    assert any("must be https" in text for text in found("scheme"))


def test_a_proxy_that_redirects_is_found(healthy: Account, app: App) -> None:
    app.says("/twilio/fallback/", Said(status=301))

    assert "answers 301 to" in found("scheme")[0]


def test_nobody_at_our_address_is_found(healthy: Account, settings: Settings) -> None:
    settings.PUBLIC_BASE_URL = "http://127.0.0.1:1"

    assert "nothing answers at http://127.0.0.1:1/twilio/fallback/" in found("scheme")[0]


# --- port ---


def test_another_port_is_found(healthy: Account) -> None:
    healthy.status_url = "http://127.0.0.1:1/twilio/status/"

    assert found("port")
    assert not found("scheme")


def test_the_standard_port_is_the_same_named_or_not(healthy: Account, settings: Settings) -> None:
    healthy.voice_url, settings.PUBLIC_BASE_URL = "http://127.0.0.1:80/twilio/voice/", "http://127.0.0.1"

    assert not any("voice_url" in text for text in found("port"))


# --- token ---


def test_a_wrong_token_is_found_and_not_shown(healthy: Account, settings: Settings) -> None:
    settings.TWILIO_AUTH_TOKEN = "not-the-token"

    (text,) = found("token")
    assert "Twilio refuses TWILIO_ACCOUNT_SID" in text
    assert "not-the-token" not in doctor_says()
    assert "Twilio does not tell" in found("clock", "unknown")[0]


def test_a_token_that_was_promoted_is_found(healthy: Account, settings: Settings) -> None:
    settings.TWILIO_AUTH_TOKEN, settings.TWILIO_AUTH_TOKEN_SECONDARY = "former", healthy.token

    assert "it was promoted" in found("token")[0]


def test_a_key_that_was_deleted_is_found(healthy: Account, settings: Settings) -> None:
    settings.TWILIO_API_KEY, settings.TWILIO_API_SECRET = get_account().make_key("ours")
    assert not found("token")
    settings.TWILIO_API_SECRET = "deleted"

    assert "Twilio refuses TWILIO_API_KEY" in found("token")[0]


def test_processes_with_another_token_are_found(healthy: Account, app: App) -> None:
    app.says("/twilio/probe/", Said(status=403))

    assert "refuses what is signed" in found("token")[0]


@pytest.mark.django_db(transaction=True)
def test_our_own_webhook_takes_the_doctors_signature_and_alarms_nobody(
    healthy: Account, settings: Settings, live_server: LiveServer
) -> None:
    settings.PUBLIC_BASE_URL = live_server.url
    before = counts["probe", "answered"]
    assert not found("token")
    assert not found("scheme")
    assert counts["probe", "answered"] == before + 2
    assert not WebhookEvent.objects.exists()
    settings.TWILIO_AUTH_TOKEN = healthy.token = "theirs"
    assert ask("POST", webhook("probe"), token="another").status == 403


# --- region ---


@pytest.mark.parametrize(
    ("region", "edge", "its", "wrong"),
    [
        ("", "", "us1", False),
        ("us1", "frankfurt", "us1", False),
        ("ie1", "dublin", "ie1", False),
        ("ie1", "", "ie1", True),
        ("au1", "dublin", "au1", True),
        ("", "", "au1", True),
        ("ie1", "dublin", "us1", True),
    ],
)
def test_region_and_edge_go_together_and_with_the_numbers(
    healthy: Account, settings: Settings, region: str, edge: str, its: str, wrong: bool
) -> None:
    settings.TWILIO_REGION, settings.TWILIO_EDGE, healthy.standing.voice_region = region, edge, its

    assert bool(found("region")) is wrong


# --- TwiML App ---


@pytest.mark.parametrize("sid", ["", "AP" + "f" * 32])
def test_a_missing_app_is_found(healthy: Account, settings: Settings, sid: str) -> None:
    settings.TWILIO_TWIML_APP_SID = sid

    assert "TWILIO_TWIML_APP_SID" in found("twiml-app")[0]


def test_an_app_that_asks_elsewhere_is_found(healthy: Account) -> None:
    healthy.client_voice_url = "https://old.example.com/twilio/agent/"

    assert "old.example.com" in found("twiml-app")[0]


# --- another deploy ---


def test_another_deploy_in_the_account_is_a_warning_until_this_one_has_a_namespace(
    healthy: Account, settings: Settings
) -> None:
    get_account().make_app("other", "https://other.example.com/elsewhere/")
    assert not found("shared", "warning")
    get_account().make_app("other", "https://other.example.com/twilio/agent/#rc=2")

    assert "other.example.com" in found("shared", "warning")[0]
    settings.DJANGO_TWILIO_NAMESPACE = "staging"
    assert not found("shared", "warning")


# --- fallback ---


def test_a_fallback_that_gives_no_twiml_is_found(healthy: Account, app: App) -> None:
    app.says("/twilio/fallback/", Said("no", kind="text/html"))

    assert "gives no TwiML: 200, text/html" in found("fallback")[0]


def test_a_fallback_that_goes_away_with_us_is_a_warning(healthy: Account, settings: Settings, app: App) -> None:
    settings.TWILIO_BACKEND = "twilio"
    assert found("fallback", "warning")
    healthy.fallback_url = settings.DJANGO_TWILIO_FALLBACK_URL = app.url.replace("127.0.0.1", "localhost") + "/xml"

    assert not found("fallback", "warning")


# --- geo permission ---


def test_a_country_that_may_not_be_called_is_found(healthy: Account, queue: Queue, now: datetime) -> None:
    from django_twilio_call.models import Call

    call = Call.objects.create(sid="CA" + "1" * 32, started_at=now)
    CallbackRequest.objects.create(
        queue=queue, call=call, number="+4930123456", enqueued_at=now, requested_at=now, not_before=now
    )
    assert not found("geo")
    healthy.standing.calling_codes = ("1",)

    assert found("geo") == ["Twilio will not call +4930123456: their countries are not allowed"]


@pytest.mark.parametrize(("prefixes", "wrong"), [("+1", False), ("+4,+1", False), ("+1,+8150", True)])
def test_countries_of_transfers_are_looked_at_too(
    healthy: Account, settings: Settings, prefixes: str, wrong: bool
) -> None:
    settings.DJANGO_TWILIO_TRANSFER_PREFIXES = prefixes

    assert bool(found("geo")) is wrong


# --- concurrency cap ---


@pytest.mark.parametrize(
    ("kind", "profiles", "agents", "state"),
    [
        ("Trial", 0, 2, "fine"),
        ("Trial", 0, 3, "wrong"),
        ("Full", 0, 1, "fine"),
        ("Full", 0, 2, "warning"),
        ("Full", 1, 9, "fine"),
    ],
)
def test_an_account_that_is_too_small_is_found(
    healthy: Account, queue: Queue, kind: str, profiles: int, agents: int, state: str
) -> None:
    healthy.standing.type, healthy.standing.profiles = kind, profiles
    for number in range(agents):
        make_agent(f"agent{number}", queue)

    assert found("concurrency", state)


# --- media auth ---


@pytest.mark.parametrize("is_open", [True, False])
def test_a_recording_that_anybody_can_hear_is_found(healthy: Account, app: App, stage: Stage, is_open: bool) -> None:
    app.says("/twilio/voice/", "<Pause length='60000'/>")
    call = stage.dial()
    made = stage.do(lambda: stage.exchange.recordings.start(call, "OutboundAPI", Callback()))
    stage.hang_up(call)
    stage.ended(call)
    assert made.status == "completed"
    healthy.standing.open_media = is_open

    assert bool(found("media-auth")) is is_open


# --- flows ---


def test_a_published_flow_that_names_what_is_gone_is_found(healthy: Account, queue: Queue) -> None:
    IVRFlow.objects.create(key="front", name="Front", draft=DRAFT)
    FlowService().publish(key="front", now=datetime.now(UTC))
    assert not found("flows")

    Queue.objects.update(key="renamed")

    assert found("flows") == ["callers go through flow 'front', and there support.queue: there is no queue 'support'"]


# --- clock ---


@pytest.mark.parametrize(("ahead", "wrong"), [(0, False), (10, False), (90, True), (-90, True)])
def test_a_clock_that_is_wrong_is_found(healthy: Account, ahead: int, wrong: bool) -> None:
    healthy.standing.clock_offset = ahead

    assert bool(found("clock")) is wrong


# --- the number itself ---


def test_a_number_that_points_elsewhere_is_found(healthy: Account) -> None:
    healthy.voice_url = "https://demo.example.com/voice"

    assert "demo.example.com" in found("number")[0]


def test_a_number_of_another_account_is_found(healthy: Account, settings: Settings) -> None:
    settings.TWILIO_PHONE_NUMBER = "+15550109999"

    assert "'+15550109999': no number of the account" in found("number")[0]


def doctor_says() -> str:
    out = StringIO()
    with pytest.raises(CommandError):
        call_command("doctor", stdout=out)
    return out.getvalue()


def test_agents_are_counted_only_for_the_cap(healthy: Account) -> None:
    assert not Agent.objects.exists()
    assert not found("concurrency")
