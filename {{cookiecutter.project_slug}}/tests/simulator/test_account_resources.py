"""Numbers, TwiML Apps, keys and the account's standing, asked by Twilio's own client."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import urllib3
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from twilio_simulator.account import Account
from twilio_simulator.account_resources import FIRST_APP

from .stage import SID, TOKEN, App, Stage

NUMBER = "+15550100000"
NOTHING = "0" * 32
SPECIFICATION = Path(__file__).resolve().parents[3] / "../shared/data/twilio_api_v2010.json"
"""Twilio's own, where it lies beside the checkout."""


class Rehosted(TwilioHttpClient):  # type: ignore[misc]  # the base class is untyped
    """Twilio's HTTP client, talking to the simulator whichever of Twilio's hosts is meant."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self.base = base

    def request(self, method: str, url: str, *args: Any, **options: Any) -> Any:
        """Ask there."""
        return super().request(method, self.base + url[url.index("/", 8) :], *args, **options)


@pytest.fixture
def client(stage: Stage) -> Iterator[Any]:
    """Twilio's client."""
    http = Rehosted(stage.url)
    yield Client(SID, TOKEN, http_client=http)
    http.session.close()


def with_key(stage: Stage, sid: str, secret: str) -> Any:
    return Client(sid, secret, SID, http_client=Rehosted(stage.url))


def the_number(client: Any) -> Any:
    (number,) = client.incoming_phone_numbers.list(phone_number=NUMBER)
    return number


def refusal(act: Any, *args: Any, **options: Any) -> tuple[int, int]:
    with pytest.raises(TwilioRestException) as error:
        act(*args, **options)
    return error.value.status, error.value.code


def test_the_number_shows_where_its_webhooks_go(client: Any, account: Account) -> None:
    number = the_number(client)

    assert (number.phone_number, number.voice_url, number.voice_method) == (NUMBER, account.voice_url, "POST")
    assert (number.status_callback, number.voice_fallback_url) == (account.status_url, "")
    assert client.incoming_phone_numbers(number.sid).fetch().capabilities["voice"] is True
    assert client.incoming_phone_numbers.list(phone_number="+15550100001") == []


def test_the_next_caller_is_answered_where_the_number_points(app: App, stage: Stage, client: Any) -> None:
    moved = app.says("/elsewhere", "<Hangup/>")
    client.incoming_phone_numbers(the_number(client).sid).update(
        voice_url=moved, voice_method="GET", voice_fallback_url=f"{app.url}/fb", status_callback=f"{app.url}/st"
    )

    stage.live_through()
    assert [each.path for each in app.asked] == ["/elsewhere", "/st"]
    number = the_number(client)
    assert (number.voice_method, number.voice_fallback_url) == ("GET", f"{app.url}/fb")


@pytest.mark.parametrize(
    ("change", "code"),
    [({"voice_url": "voice/"}, 21402), ({"status_callback": "ftp://x/"}, 21402), ({"voice_method": "PUT"}, 21403)],
)
def test_what_cannot_be_called_is_refused_and_nothing_changes(client: Any, change: dict[str, str], code: int) -> None:
    before = the_number(client)

    assert refusal(client.incoming_phone_numbers(before.sid).update, voice_fallback_url="http://x/", **change) == (
        400,
        code,
    )
    assert the_number(client).voice_fallback_url == before.voice_fallback_url


def test_a_phone_calls_the_first_twiml_app(client: Any, account: Account) -> None:
    (app,) = client.applications.list()
    assert (app.sid, app.voice_url) == (FIRST_APP, account.client_voice_url)

    client.applications(app.sid).update(voice_url="http://127.0.0.1:1/agent")
    assert account.client_voice_url == "http://127.0.0.1:1/agent"


def test_twiml_apps_are_made_found_by_name_and_removed(client: Any, account: Account) -> None:
    made = client.applications.create(friendly_name="desk", voice_url="http://127.0.0.1:1/x")

    assert [app.sid for app in client.applications.list(friendly_name="desk")] == [made.sid]
    assert client.applications(made.sid).fetch().voice_url == "http://127.0.0.1:1/x"
    assert account.client_voice_url != "http://127.0.0.1:1/x"
    client.applications(made.sid).delete()
    assert refusal(client.applications(made.sid).fetch) == (404, 20404)


def test_a_key_opens_the_account_until_it_is_deleted(stage: Stage, client: Any) -> None:
    key = client.new_keys.create(friendly_name="ours")
    own = with_key(stage, key.sid, key.secret)

    assert the_number(own).phone_number == NUMBER
    assert [(each.sid, each.friendly_name) for each in client.keys.list()] == [(key.sid, "ours")]
    client.keys(key.sid).delete()
    assert refusal(own.calls.create, to=NUMBER, from_=NUMBER, url="http://x/") == (401, 20003)


@pytest.mark.parametrize("secret", ["", "guessed"])
def test_a_key_with_another_secret_is_refused(stage: Stage, client: Any, secret: str) -> None:
    key = client.new_keys.create()
    headers = urllib3.make_headers(basic_auth=f"{key.sid}:{secret}")

    assert urllib3.request("GET", f"{stage.url}/2010-04-01/Accounts/{SID}.json", headers=headers).status == 401


def test_the_account_says_its_type_and_what_time_it_is(stage: Stage, client: Any, account: Account) -> None:
    assert (client.api.accounts(SID).fetch().type, client.api.accounts(SID).fetch().status) == ("Full", "active")
    account.standing.type, account.standing.clock_offset = "Trial", 3600

    answer = client.request("GET", f"https://api.twilio.com/2010-04-01/Accounts/{SID}.json")
    told = datetime.strptime(answer.headers["Date"], "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
    assert json.loads(answer.text)["type"] == "Trial"
    assert 3590 < (told - datetime.now(UTC)).total_seconds() < 3610


def test_region_countries_and_profiles_are_shown(client: Any, account: Account) -> None:
    account.standing.calling_codes, account.standing.profiles = ("49",), 2

    assert client.routes.v2.phone_numbers(NUMBER).fetch().voice_region == "us1"
    allowed = client.voice.v1.dialing_permissions.countries.list(low_risk_numbers_enabled=True)
    assert [country.country_codes for country in allowed] == [["+49"]]
    assert len(client.trusthub.v1.customer_profiles.list(status="twilio-approved")) == 2


@pytest.mark.parametrize(
    ("path", "schema"),
    [
        ("", "api.v2010.account"),
        ("/IncomingPhoneNumbers/{number}", "api.v2010.account.incoming_phone_number"),
        ("/Applications/{app}", "api.v2010.account.application"),
        ("/Keys/{key}", "api.v2010.account.key"),
    ],
)
def test_what_is_shown_is_what_twilio_publishes(client: Any, stage: Stage, path: str, schema: str) -> None:
    if not SPECIFICATION.exists():
        pytest.skip("Twilio's published specification is not here: https://github.com/twilio/twilio-oai")
    jsonschema = pytest.importorskip("jsonschema")
    known = {"number": the_number(client).sid, "app": FIRST_APP, "key": client.new_keys.create().sid}
    answer = client.request("GET", f"https://api.twilio.com/2010-04-01/Accounts/{SID}{path.format(**known)}.json")

    components = json.loads(SPECIFICATION.read_text())["components"]
    shown = json.loads(answer.text)
    assert set(shown) <= set(components["schemas"][schema]["properties"])
    jsonschema.validate(nullable(shown), {**components["schemas"][schema], "components": components})


def nullable(shown: dict[str, Any]) -> dict[str, Any]:
    """Without what is nothing: OpenAPI 3.0 says `nullable`, which JSON Schema does not know."""
    return {key: value for key, value in shown.items() if value is not None}
