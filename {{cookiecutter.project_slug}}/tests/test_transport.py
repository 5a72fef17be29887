"""Requests to Twilio: what is repeated, for how long, and when Twilio is left alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from pytest_django import Settings

from django_twilio_call import transport
from django_twilio_call.exceptions import NotSent, TelephonyError
from django_twilio_call.retry import CircuitBreaker
from django_twilio_call.transport import Answer, Policy

from .test_retry import Clock

OK, BUSY, DOWN = Answer(200), Answer(429, headers={"retry-after": "1"}), Answer(503)
LOST, UNSENT = TelephonyError("no answer", retryable=True), NotSent("no connection", retryable=True)
Outcome = Answer | TelephonyError


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def policy(clock: Clock) -> Policy:
    """Five seconds for a request, whose waits pass at once."""

    def sleep(seconds: float) -> None:
        clock.now += seconds

    breaker = CircuitBreaker(threshold=3, recovery=10, clock=clock)
    return Policy(deadline=5, breaker=breaker, clock=clock, sleep=sleep, jitter=lambda: 1)


def saying(*outcomes: Outcome) -> tuple[Callable[[float], Answer], list[float]]:
    """Something to ask that goes so, and the time it was given each time."""
    left, given = iter(outcomes), []

    def ask(seconds: float) -> Answer:
        given.append(seconds)
        outcome = next(left)
        if isinstance(outcome, TelephonyError):
            raise outcome
        return outcome

    return ask, given


@pytest.mark.parametrize("first", [BUSY, DOWN, LOST, UNSENT], ids=["429", "503", "lost", "unsent"])
def test_a_question_is_asked_again(policy: Policy, first: Outcome) -> None:
    ask, given = saying(first, OK)

    assert policy.send("GET", ask) == OK
    assert given == [5, 4]


@pytest.mark.parametrize(
    ("outcome", "operation"),
    [
        (Answer(429), "RATE_LIMIT"),
        (UNSENT, "CONNECTION"),
        (LOST, "CONNECTION"),
        (TelephonyError("no answer", retryable=True, timed_out=True), "TIMEOUT"),
        (DOWN, "DEFAULT"),
    ],
    ids=["429", "unsent", "lost", "timed out", "503"],
)
def test_how_often_depends_on_what_went_wrong(
    policy: Policy, settings: Settings, outcome: Outcome, operation: str
) -> None:
    policy.breaker = CircuitBreaker(threshold=100, recovery=10)
    settings.DJANGO_TWILIO_RETRY_REQUEST_BASE_DELAY = 0
    setattr(settings, f"DJANGO_TWILIO_RETRY_{operation}_MAX_RETRIES", 7)
    ask, given = saying(*[outcome] * 7, OK)

    assert policy.send("GET", ask) == OK
    assert len(given) == 8


@pytest.mark.parametrize("first", [BUSY, DOWN], ids=["429", "503"])
def test_a_command_is_given_once(policy: Policy, first: Answer) -> None:
    ask, given = saying(first, OK)

    assert policy.send("POST", ask) == first
    assert len(given) == 1


@pytest.mark.parametrize("error", [LOST, UNSENT], ids=["lost", "unsent"])
def test_a_command_without_an_answer_says_whether_it_may_have_arrived(policy: Policy, error: TelephonyError) -> None:
    ask, given = saying(error, OK)

    with pytest.raises(TelephonyError) as raised:
        policy.send("POST", ask)

    assert raised.value is error
    assert len(given) == 1


def test_a_question_is_not_asked_longer_than_anybody_waits(policy: Policy, clock: Clock) -> None:
    ask, given = saying(Answer(429, headers={"retry-after": "30"}), OK)

    assert policy.send("GET", ask).status == 429
    assert (len(given), clock.now) == (1, 0)


def test_what_is_refused_is_not_asked_again(policy: Policy) -> None:
    ask, given = saying(Answer(404))

    assert policy.send("GET", ask).status == 404
    assert len(given) == 1


def test_a_twilio_that_fails_is_left_alone_and_then_tried_once(policy: Policy, clock: Clock) -> None:
    before = Counter(transport.counts)
    ask, given = saying(*[DOWN] * 4, OK)
    for _ in range(3):
        policy.send("POST", ask)

    with pytest.raises(NotSent, match="left alone"):
        policy.send("POST", ask)
    clock.now += 10
    policy.send("POST", ask)
    with pytest.raises(NotSent):
        policy.send("POST", ask)
    clock.now += 10
    assert policy.send("POST", ask) == OK

    assert len(given) == 5
    counted = transport.counts - before
    assert counted == Counter(sent=5, failed=4, left_alone=2, opened=1)


def test_what_twilio_refuses_does_not_count_as_a_failure_of_its(policy: Policy) -> None:
    ask, _ = saying(*[Answer(400)] * 5, *[BUSY] * 5, OK)

    for _ in range(11):
        policy.send("POST", ask)


def test_retry_after_is_read_as_a_number_and_as_a_date_and_has_a_limit() -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)

    def read(said: str) -> float | None:
        return Answer(429, headers={"retry-after": said}).retry_after

    assert read("7") == 7
    assert 50 < (read(soon) or 0) <= 60
    assert read("999999999999") == 3600
    assert read(format_datetime(datetime.now(UTC) - timedelta(days=1), usegmt=True)) == 0
    for nothing in ("", "soon", "-1", "1.5"):
        assert read(nothing) is None
