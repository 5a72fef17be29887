"""Erlang C against golden values, laws it must keep, and sizes at which naive formulas overflow."""

from __future__ import annotations

import math
from decimal import Decimal, getcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_twilio_call import erlang
from django_twilio_call.exceptions import ValidationError

LOAD = erlang.traffic(calls=200, period_s=1800, handle_time_s=240)


def of(agents: int, load: float = LOAD) -> erlang.Staffing:
    return erlang.staffing(agents=agents, load=load, handle_time_s=240, threshold_s=20)


@pytest.mark.parametrize(
    ("agents", "waits", "level", "wait", "occupancy"),
    [(31, 0.3206, 0.7766, 17.8, 0.860), (32, 0.2363, 0.8485, 10.6, 0.833)],
)
def test_golden_values(agents: int, waits: float, level: float, wait: float, occupancy: float) -> None:
    found = of(agents)

    assert found.traffic == pytest.approx(26.667, abs=5e-4)
    assert found.wait_probability == pytest.approx(waits, abs=5e-5)
    assert found.service_level == pytest.approx(level, abs=5e-5)
    assert found.average_wait_s == pytest.approx(wait, abs=0.05)
    assert found.occupancy == pytest.approx(occupancy, abs=5e-4)


def test_the_fewest_agents_for_80_in_20() -> None:
    needed = erlang.agents_needed(load=LOAD, handle_time_s=240, threshold_s=20, target=0.8)

    assert needed == of(32)
    assert erlang.on_payroll(needed.agents, shrinkage=0.3) == 46


@pytest.mark.parametrize("agents", [0, 1, 26])
def test_too_few_agents_never_catch_up(agents: int) -> None:
    found = of(agents)

    assert (found.wait_probability, found.service_level, found.average_wait_s) == (1, 0, math.inf)


def test_no_calls_need_nobody() -> None:
    assert erlang.agents_needed(load=0, handle_time_s=240, threshold_s=20, target=0.8).agents == 0
    assert of(5, load=0).service_level == 1


def test_ten_thousand_agents_are_exact() -> None:
    getcontext().prec = 60
    agents, load = 10_000, 9_900
    blocked = Decimal(1)
    for number in range(1, agents + 1):
        blocked = load * blocked / (number + load * blocked)
    waits = blocked / (1 - Decimal(load) / agents * (1 - blocked))

    assert of(agents, load).wait_probability == pytest.approx(float(waits), rel=1e-12)
    assert 9_900 < erlang.agents_needed(load=load, handle_time_s=240, threshold_s=20, target=0.8).agents < 10_000


@given(st.floats(0.01, 500), st.integers(1, 600))
def test_one_agent_more_never_makes_it_worse(load: float, agents: int) -> None:
    less, more = of(agents, load), of(agents + 1, load)

    assert 0 <= less.service_level <= more.service_level <= 1
    assert 0 <= more.wait_probability <= less.wait_probability <= 1
    assert more.average_wait_s <= less.average_wait_s


@given(st.floats(0, 300), st.floats(0, 0.99))
def test_what_is_needed_is_enough_and_one_less_is_not(load: float, target: float) -> None:
    needed = erlang.agents_needed(load=load, handle_time_s=240, threshold_s=20, target=target)

    assert needed.service_level >= target
    assert needed.agents == 0 or needed.agents - 1 <= load or of(needed.agents - 1, load).service_level < target


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValidationError, match="target 1 must be"):
        erlang.agents_needed(load=1, handle_time_s=1, threshold_s=1, target=1)
    with pytest.raises(ValidationError, match="erlangs are more than"):
        erlang.agents_needed(load=1e6, handle_time_s=1, threshold_s=1, target=0.8)
    with pytest.raises(ValidationError, match="-1 calls"):
        erlang.traffic(calls=-1, period_s=1, handle_time_s=1)
    with pytest.raises(ValidationError, match="shrinkage 1"):
        erlang.on_payroll(1, shrinkage=1)
