"""Webhooks as Twilio sends them: signed, in time, and again where the app asks for it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest

from tests.servers import free_port
from twilio_simulator.account import Account
from twilio_simulator.webhooks import Answer, Figures, Overrides, Webhooks

from .stage import App, Asked, Said

GONE = Said(status=500)


def send(account: Account, url: str, *, method: str = "POST", pause: float = 0.001) -> tuple[Answer, Figures]:
    """Send one webhook; gives its answer and what it came to."""

    async def sending() -> tuple[Answer, Figures]:
        webhooks = Webhooks(account, pause=pause)
        try:
            answer = await webhooks.send(url, {"CallSid": "CA1", "Who": "Zoë & co"}, method=method, heard=True)
            return answer, webhooks.figures
        finally:
            await webhooks.close()

    return asyncio.run(sending())


def test_a_post_is_a_signed_form(app: App, account: Account) -> None:
    send(account, f"{app.url}/v?entry=7")

    asked = app.asked[0]
    assert (asked.method, asked.signed) == ("POST", True)
    assert asked.params == {"entry": "7", "CallSid": "CA1", "Who": "Zoë & co"}
    assert asked.headers["User-Agent"].startswith("TwilioProxy")


def test_a_get_carries_everything_in_its_signed_url(app: App, account: Account) -> None:
    send(account, f"{app.url}/v?entry=7", method="GET")

    asked = app.asked[0]
    assert (asked.method, asked.signed) == ("GET", True)
    assert asked.params == {"entry": "7", "CallSid": "CA1", "Who": "Zoë & co"}


def test_a_failure_is_not_repeated_unless_asked_for(app: App, account: Account) -> None:
    answer, figures = send(account, app.says("/v", GONE))

    assert (answer.status, answer.ok) == (500, False)
    assert (figures.sent, figures.errors) == (1, 1)


def test_all_attempts_carry_the_same_token(app: App, account: Account) -> None:
    answer, figures = send(account, app.says("/v", GONE, GONE, "") + "#rc=2&rp=5xx")

    assert answer.ok
    assert (figures.sent, figures.errors) == (3, 0)
    assert len({asked.headers["I-Twilio-Idempotency-Token"] for asked in app.asked}) == 1


def test_two_webhooks_carry_different_tokens(app: App, account: Account) -> None:
    for _ in range(2):
        send(account, f"{app.url}/v")

    assert len({asked.headers["I-Twilio-Idempotency-Token"] for asked in app.asked}) == 2


@pytest.mark.parametrize(
    ("asks", "status", "tries"),
    [
        ("", 503, 1),
        ("rc=2", 503, 1),
        ("rc=2&rp=4xx", 503, 1),
        ("rc=2&rp=4xx", 404, 3),
        ("rc=2&rp=ct,rt,5xx", 503, 3),
        ("rc=0&rp=all", 503, 1),
        ("rc=9&rp=all", 404, 6),
        ("rc=two&rp=5xx", 503, 2),
        ("rc=3&rp=all", 302, 4),
    ],
)
def test_the_fragment_decides_what_is_repeated(app: App, account: Account, asks: str, status: int, tries: int) -> None:
    send(account, app.says("/v", Said(status=status)) + f"#{asks}")

    assert len(app.asked) == tries


def test_a_refused_connection_is_tried_once_more(account: Account) -> None:
    answer, figures = send(account, f"http://127.0.0.1:{free_port()}/v")

    assert answer == Answer(0, failure="ct")
    assert (figures.sent, figures.errors) == (2, 1)


def test_an_answer_that_takes_too_long_is_none(app: App, account: Account) -> None:
    answer, _ = send(account, app.says("/v", Said(delay=0.3)) + "#rt=100&rc=0")

    assert answer == Answer(0, failure="rt")


def test_a_retry_that_would_come_too_late_is_not_made(app: App, account: Account) -> None:
    send(account, app.says("/v", GONE) + "#rc=5&rp=all&tt=100", pause=0.2)

    assert len(app.asked) == 1


def test_what_is_no_url_is_not_tried(account: Account) -> None:
    assert send(account, "")[0].failure == send(account, "http://[x/v")[0].failure == "url"


@pytest.mark.parametrize(
    ("fragment", "expected"),
    [
        ("", Overrides()),
        ("ct=2000&rt=4000&tt=14000", Overrides(connect=2, read=4, total=14)),
        ("ct=60000&rt=60000&tt=60000", Overrides(connect=10, read=15, total=15)),
        ("ct=1&rt=1&tt=1", Overrides(connect=0.1, read=0.1, total=0.1)),
        ("ct=soon&sni=n&e=dublin", Overrides()),
        ("rc=5&rp=all", Overrides(retries=5, policy=frozenset({"all"}))),
    ],
)
def test_overrides_stay_in_twilios_ranges(fragment: str, expected: Overrides) -> None:
    assert Overrides.of(fragment) == expected


@pytest.mark.parametrize(("spent", "left"), [(0, 15), (4.5, 10.5), (14, 1), (99, 0.001)])
def test_fifteen_seconds_are_all_there_is(spent: float, left: float) -> None:
    timeout = Overrides.of("ct=10000&rt=15000&tt=15000&rc=5&rp=all").timeout(spent)

    assert (timeout.total, timeout.connect_timeout) == (left, min(left, 10))


def test_a_proxy_is_played_for_a_public_address(app: App, account: Account) -> None:
    behind = replace(account, public_url="https://calls.example.com", connect_to=app.address)
    send(behind, f"{app.url}/v?entry=7")

    asked = app.asked[0]
    assert asked.signed
    assert (asked.headers["Host"], asked.headers["X-Forwarded-Proto"]) == ("calls.example.com", "https")


def test_proxy_headers_can_be_chosen(app: App, account: Account) -> None:
    headers = {"X-Forwarded-For": "203.0.113.7"}
    behind = replace(account, public_url="https://calls.example.com", connect_to=app.address, proxy_headers=headers)
    send(behind, "https://calls.example.com/v", method="GET")

    assert app.asked[0].signed
    assert app.asked[0].headers["X-Forwarded-For"] == "203.0.113.7"


def test_another_address_can_be_connected_to_without_a_public_one(app: App, account: Account) -> None:
    send(replace(account, connect_to=app.address), "http://app.test:8000/v")

    assert app.asked[0].signed
    assert app.asked[0].headers["Host"] == "app.test:8000"


def test_a_webhook_under_way_arrives_though_nobody_waits_any_more(app: App, account: Account) -> None:
    answered = []

    def slow(asked: Asked) -> Said:
        time.sleep(0.1)
        answered.append(asked)
        return Said()

    async def broken_off() -> None:
        webhooks = Webhooks(account)
        sending = asyncio.create_task(webhooks.send(app.says("/v", slow), {}, heard=True))
        await asyncio.sleep(0.05)
        sending.cancel()
        await webhooks.settled()
        assert webhooks.figures.sent == len(answered) == 1
        await webhooks.close()

    asyncio.run(broken_off())


def test_figures_tell_the_common_and_the_slow_answer() -> None:
    figures = Figures(milliseconds=[float(each) for each in range(100, 0, -1)])

    assert (figures.percentile(0.5), figures.percentile(0.99)) == (51.0, 100.0)
    assert Figures().percentile(0.99) == 0
