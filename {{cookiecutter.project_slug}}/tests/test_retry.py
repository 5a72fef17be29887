"""When to try again, and when to leave a thing alone."""

from __future__ import annotations

import pytest

from django_twilio_call.constants import OPERATION_RETRY_CONFIGS
from django_twilio_call.retry import Backoff, CircuitBreaker


class Clock:
    """A clock that stands still until told."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock."""
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> CircuitBreaker:
    """Opens after three failures, for ten seconds."""
    return CircuitBreaker(threshold=3, recovery=10, clock=clock)


def waits(operation: str) -> list[float]:
    backoff = Backoff.from_config(OPERATION_RETRY_CONFIGS[operation])
    return [backoff.delay(attempt) for attempt in range(1, 7)]


def test_waits_double_up_to_the_ceiling() -> None:
    assert waits("connection") == [60, 120, 240, 480, 960, 1920]
    assert waits("database") == [30, 60, 120, 240, 300, 300]


def test_time_outs_wait_half_as_long_again() -> None:
    assert waits("timeout")[:3] == [120, 180, 270]


def test_listed_waits_are_taken_one_by_one_and_the_last_stays() -> None:
    assert waits("webhook") == [60, 120, 240, 240, 240, 240]


def test_a_long_row_of_failures_stays_at_the_ceiling() -> None:
    assert Backoff.from_config(OPERATION_RETRY_CONFIGS["default"]).delay(10_000) == 3600


def test_where_somebody_waits_the_shorter_waits_and_the_more_tries_count() -> None:
    place, error = (Backoff.from_config(OPERATION_RETRY_CONFIGS[name]) for name in ("outbox", "timeout"))

    rule = error.within(place)

    assert [rule.delay(attempt) for attempt in (1, 2, 3, 30)] == [1, 1.5, 2.25, 30]
    assert rule.max_retries == 6
    assert Backoff(9, 0.5, 3600, 3).within(place) == Backoff(9, 0.5, 30, 2)


def test_jitter_takes_a_part_of_the_wait() -> None:
    assert Backoff(3, 10, 100, 2).delay(1, jitter=lambda: 0.25) == 2.5


def test_a_breaker_opens_after_failures_in_a_row(breaker: CircuitBreaker) -> None:
    for _ in range(2):
        breaker.failed()
    assert breaker.allows()
    breaker.failed()
    assert not breaker.allows()


def test_a_success_between_failures_keeps_it_closed(breaker: CircuitBreaker) -> None:
    for _ in range(5):
        breaker.failed()
        breaker.succeeded()
    assert breaker.allows()


def test_after_a_while_one_try_is_let_through(breaker: CircuitBreaker, clock: Clock) -> None:
    for _ in range(3):
        breaker.failed()
    clock.now = 10

    assert [breaker.allows() for _ in range(3)] == [True, False, False]
    breaker.succeeded()
    assert breaker.allows()


def test_a_try_that_fails_opens_it_again(breaker: CircuitBreaker, clock: Clock) -> None:
    for _ in range(3):
        breaker.failed()
    clock.now = 10
    assert breaker.allows()
    breaker.failed()
    clock.now = 19

    assert not breaker.allows()
