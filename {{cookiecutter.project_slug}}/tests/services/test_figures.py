"""Every figure against its formula: golden values, and what vendors' documents say of theirs."""

from __future__ import annotations

import pytest
from django.test import override_settings

from django_twilio_call.conf import get_config
from django_twilio_call.exceptions import ValidationError
from django_twilio_call.services import figures
from django_twilio_call.services.figures import IGNORED, TIMELY, VENDORS, AgentCounts, QueueCounts, Rule

# 100 offered: 70 answered, 56 of them in time; 20 gave up, 8 of them in time, of whom 5 at once; 10 went on,
# 4 of them to a callback, 3 in time.
DAY = QueueCounts(
    offered=100,
    answered=70,
    answered_in_time=56,
    abandoned=20,
    abandoned_in_time=8,
    abandoned_short=5,
    overflowed=10,
    callbacks=4,
    callbacks_in_time=3,
    handled=68,
    answer_wait_ms=1_400_000,
    abandon_wait_ms=900_000,
    talk_ms=13_600_000,
    wrap_up_ms=2_040_000,
)


@pytest.mark.parametrize(
    ("rule", "level", "formula"),
    [
        (Rule(), 100 * 56 / 85, "answered in time ÷ (answered + abandoned − abandoned within 5 s)"),
        (Rule(short_s=9), 100 * 56 / 85, "answered in time ÷ (answered + abandoned − abandoned within 9 s)"),
        # Genesys: not late, over answered and abandoned, with or without flow-outs, short and other abandons
        (VENDORS["Genesys"], 100 * 56 / 90, "answered in time ÷ (answered + abandoned)"),
        (Rule(short=True, overflowed=True), 56, "answered in time ÷ (answered + abandoned + overflowed)"),
        (
            Rule(overflowed=True),
            100 * 56 / 95,
            "answered in time ÷ (answered + abandoned − abandoned within 5 s + overflowed)",
        ),
        (Rule(abandoned=IGNORED, overflowed=True), 100 * 56 / 80, "answered in time ÷ (answered + overflowed)"),
        # Amazon Connect: removed from the queue in time / queued; removed is answered, abandoned, or to be called back
        (
            VENDORS["Amazon Connect"],
            56 + 8 + 3,
            "(answered in time + abandoned in time + callbacks promised in time) ÷ (answered + abandoned + overflowed)",
        ),
        # Asterisk: SL and SL2
        (VENDORS["Asterisk"], 80, "answered in time ÷ answered"),
        (
            VENDORS["Asterisk 2"],
            100 * 64 / 90,
            "(answered in time + abandoned in time) ÷ (answered + abandoned)",
        ),
        (
            Rule(abandoned=TIMELY),
            100 * (56 + 8 - 5) / 85,
            "(answered in time + abandoned in time − abandoned within 5 s)"
            " ÷ (answered + abandoned − abandoned within 5 s)",
        ),
    ],
)
def test_service_level(rule: Rule, level: float, formula: str) -> None:
    assert rule.service_level(DAY) == pytest.approx(level)
    assert rule.formula == formula


def test_the_other_figures_of_queues() -> None:
    assert figures.abandonment_rate(DAY) == 20
    assert figures.lost_rate(DAY) == pytest.approx(100 * 15 / 85)
    assert figures.speed_of_answer(DAY) == 20
    assert figures.patience(DAY) == 45
    assert figures.handle_time(DAY) == 230
    assert figures.talk_time(DAY) == 200


def test_the_figures_of_agents() -> None:
    counts = AgentCounts(
        offers=20, missed=3, available_ms=900_000, reserved_ms=99_000, busy_ms=2_400_000, wrap_up_ms=300_000
    )

    assert figures.occupancy(counts) == 75  # ringing is neither work nor idleness
    assert figures.missed_rate(counts) == 15


def test_no_calls_give_no_figure_rather_than_a_wrong_one() -> None:
    none, idle = QueueCounts(), AgentCounts()

    assert {rule.service_level(none) for rule in (Rule(), *VENDORS.values())} == {None}
    assert {getattr(figures, name)(none) for name in figures.FORMULAS if name not in ("occupancy", "missed_rate")} == {
        None
    }
    assert (figures.occupancy(idle), figures.missed_rate(idle)) == (None, None)


def test_parts_add_up_to_the_figure_of_the_whole() -> None:
    parts = [DAY, QueueCounts(offered=3, answered=1, abandoned=2, abandoned_short=1), QueueCounts()]

    whole = figures.added(QueueCounts, parts)

    assert whole.offered == 103
    assert Rule().service_level(whole) == pytest.approx(100 * 56 / (71 + 22 - 6))


@override_settings(
    DJANGO_TWILIO_SERVICE_LEVEL_ABANDONED="timely",
    DJANGO_TWILIO_SERVICE_LEVEL_SHORT=True,
    DJANGO_TWILIO_SERVICE_LEVEL_OVERFLOWED=True,
    DJANGO_TWILIO_SHORT_ABANDON_THRESHOLD=7,
)
def test_the_rule_is_the_deploys() -> None:
    assert Rule.of(get_config()) == Rule(abandoned=TIMELY, short=True, overflowed=True, short_s=7)


def test_a_way_of_counting_that_is_none_is_refused() -> None:
    with pytest.raises(ValidationError, match="'never' must be one of missed, timely, ignored"):
        Rule(abandoned="never")
