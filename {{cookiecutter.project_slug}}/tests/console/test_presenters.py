"""Figures and states turned into words, tones and clocks."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from django_twilio_call.console import presenters
from django_twilio_call.constants import AgentStatus


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0:00"), (7.9, "0:07"), (754, "12:34"), (3723, "1:02:03"), (-4, "0:00")]
)
def test_a_clock_reads_as_people_say_it(seconds: float, shown: str) -> None:
    assert presenters.clock_text(seconds) == shown


def test_a_clock_is_the_same_however_long_it_has_ticked(now: datetime) -> None:
    assert presenters.since(now, now) == presenters.since(now, now + timedelta(seconds=30))


@pytest.mark.parametrize(
    ("percent", "shown", "tone"),
    [
        (None, "–", "none"),
        (100.0, "100%", "good"),
        (80.0, "80%", "good"),
        (79.96, "80%", "fair"),
        (12.3, "12.3%", "poor"),
    ],
)
def test_a_service_level_is_written_and_judged(percent: float | None, shown: str, tone: str) -> None:
    level = presenters.level(percent)

    assert (level.text, level.tone) == (shown, tone)


@pytest.mark.parametrize(("seconds", "tone"), [(30, "good"), (31, "fair"), (60, "fair"), (61, "poor")])
def test_a_wait_is_judged_by_its_threshold(seconds: float, tone: str) -> None:
    assert presenters.wait_tone(seconds, threshold=30) == tone


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("+14155550100", "+1 415 555 0100"),
        ("+4930123456", "+4930123456"),
        ("", "Unknown caller"),
        ("anonymous", "anonymous"),
    ],
)
def test_a_number_is_grouped_where_we_know_how(number: str, shown: str) -> None:
    assert presenters.caller_text(number) == shown


def test_every_state_has_its_words() -> None:
    states = {value for name, value in vars(AgentStatus).items() if name.isupper() and isinstance(value, str)}

    assert states == set(presenters.STATES)
    assert presenters.state_text("in_a_meeting") == "In a meeting"
