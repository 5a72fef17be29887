"""Keys: never the same for two different things, the same everywhere for one."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_twilio_call.cache.keys import LONGEST, build_key, encode
from django_twilio_call.exceptions import CacheKeyError
from django_twilio_call.models import Queue


class Colour(Enum):
    RED = "red"


@dataclass(frozen=True)
class Point:
    x: int


UNLIKE = [1, "1", True, Decimal(1), 1.0, None, "", b"1", (1,), [1], {1}, {1: 1}, date(2026, 3, 2), Colour.RED, Point(1)]
"""Values that Python or a careless key takes for one another."""

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.binary() | st.decimals(allow_nan=False) | st.dates(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def test_values_of_different_types_never_share_a_key() -> None:
    assert len({build_key("k", value) for value in UNLIKE}) == len(UNLIKE)


@given(PLAIN, PLAIN)
def test_two_values_share_a_text_only_if_they_are_alike(one: Any, other: Any) -> None:
    alike = repr(one) == repr(other)

    assert alike or encode(one) != encode(other)


def test_the_borders_between_parts_count() -> None:
    assert build_key("a_b", "c") != build_key("a", "b_c") != build_key("a", "b", "c")
    assert build_key("a:sb", "c") != build_key("a", "b", "c")
    assert build_key("k", "a,sb") != build_key("k", ["a", "b"])


def test_order_counts_in_lists_and_not_in_sets_and_mappings() -> None:
    assert build_key("k", [1, 2]) != build_key("k", [2, 1])
    assert build_key("k", {"a": 1, "b": {2, 1}}) == build_key("k", {"b": {1, 2}, "a": 1})


def test_a_key_can_be_read_by_people() -> None:
    assert build_key("agent", "status", 7) == "agent:sstatus:i7"


@given(st.lists(st.text(min_size=40), min_size=5))
def test_a_key_is_bounded_and_printable(parts: list[str]) -> None:
    key = build_key("analytics", *parts)

    assert len(key) <= LONGEST
    assert key.isascii()
    assert key.isprintable()
    assert " " not in key


def test_long_keys_that_begin_alike_differ() -> None:
    assert build_key("k", "x" * 500) != build_key("k", "x" * 501)


def test_a_row_of_a_model_is_its_label_and_primary_key() -> None:
    assert build_key("k", Queue(pk=3)) == "k:mdjango_twilio_call.queue.i3"


@pytest.mark.parametrize("value", [object(), Queue(), lambda: 1], ids=["object", "unsaved row", "function"])
def test_what_has_no_stable_text_is_refused_by_its_type(value: object) -> None:
    with pytest.raises(CacheKeyError, match=type(value).__qualname__):
        build_key("k", value)


def test_a_key_is_the_same_in_another_process() -> None:
    value = [{"b", "a"}, datetime(2026, 3, 2, tzinfo=UTC), timedelta(1), UUID(int=1), 0.1, "ü"]
    imports = "import datetime; from uuid import UUID; from django_twilio_call.cache.keys import encode"
    program = f"{imports}; print(encode({value!r}))"

    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert told.stdout.strip() == encode(value)
