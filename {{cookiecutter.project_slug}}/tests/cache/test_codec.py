"""Values keep their types on the way to the store and back; what is not ours is refused, and runs nothing."""

from __future__ import annotations

import contextlib
import pickle
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgpack
import pytest
from django.test import override_settings
from django.utils.safestring import SafeString, mark_safe
from hypothesis import given, settings
from hypothesis import strategies as st

from django_twilio_call.cache import codec
from django_twilio_call.exceptions import CacheValueError


class Level(IntEnum):
    LOW = 1


class Colour(Enum):
    RED = "red"


@dataclass(frozen=True, slots=True)
class Line:
    name: str
    waits: tuple[timedelta, ...]


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.decimals(allow_nan=False)
    | st.uuids()
    | st.dates()
    | st.times()
    | st.timedeltas()
    | st.datetimes(timezones=st.none() | st.just(UTC) | st.timezones()),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=10,
)


@settings(deadline=None)
@given(PLAIN)
def test_plain_data_comes_back_as_it_went(value: Any) -> None:
    back = codec.loads(codec.dumps(value))

    assert back == value
    assert repr(back) == repr(value)


@pytest.mark.parametrize(
    "value",
    [
        Line("Support", (timedelta(seconds=1, microseconds=5),)),
        [Level.LOW, Colour.RED],
        {(1, "a"): {1, 2}, 3: frozenset({UUID(int=4)})},
        2**90,
        -(2**90),
        datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Berlin")),
        datetime(2026, 3, 2, tzinfo=timezone(timedelta(hours=5, minutes=30))),
        [time(9, 30), date(2026, 3, 2), Decimal("1.10")],
    ],
    ids=lambda value: type(value).__name__,
)
def test_richer_values_keep_their_class(value: Any) -> None:
    back = codec.loads(codec.dumps(value))

    assert (back, type(back)) == (value, type(value))
    assert repr(back) == repr(value)


def test_safe_html_stays_safe_and_plain_text_plain() -> None:
    back = codec.loads(codec.dumps([mark_safe("<b>"), "<b>"]))

    assert [type(text) for text in back] == [SafeString, str]


def test_what_is_not_plain_data_is_refused_by_its_type() -> None:
    class Local(Enum):
        X = 1

    for value in (object(), [lambda: 1], {"a": Local.X}):
        with pytest.raises(CacheValueError, match=r"object|function|Local"):
            codec.dumps(value)


def test_a_list_that_holds_itself_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)

    with pytest.raises(CacheValueError):
        codec.dumps(endless)


def _extension(number: int, *plain: Any) -> bytes:
    packed: bytes = msgpack.packb(msgpack.ExtType(number, msgpack.packb(list(plain))))
    return packed


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        b"\x81",
        pickle.dumps({"a": 1}),
        _extension(99, 1),
        _extension(5, b"short"),
        _extension(21, "subprocess", "Popen", {"args": ["true"]}),
        _extension(21, "os", "system", {"command": "true"}),
        _extension(21, __name__, "Line", {"renamed": "field"}),
        _extension(20, __name__, "Colour", "BLUE"),
        _extension(21, "no.such.module", "Line", {}),
    ],
)
def test_bytes_that_are_not_ours_are_a_clear_error(data: bytes) -> None:
    with pytest.raises(CacheValueError, match="unreadable"):
        codec.loads(data)


@settings(deadline=None)
@given(st.binary())
def test_no_bytes_do_anything_but_give_a_value_or_that_error(data: bytes) -> None:
    with contextlib.suppress(CacheValueError):
        codec.loads(data)


def test_integers_stay_digits_that_redis_can_count_with() -> None:
    assert codec.Serializer().dumps(7) == 7
    assert codec.Serializer().loads(b"7") == 7
    assert codec.Serializer().loads(codec.Serializer().dumps(True)) is True  # type: ignore[arg-type]


def test_a_pickle_is_read_only_where_chosen_and_signed_by_us() -> None:
    chosen = codec.SignedPickleSerializer()
    data = chosen.dumps({"any": complex(1, 2)})
    assert isinstance(data, bytes)

    assert chosen.loads(data) == {"any": complex(1, 2)}
    for reader, forged in ((codec.Serializer(), data), (chosen, data[:-1] + b"x"), (chosen, b"p" + b"0" * 40)):
        with pytest.raises(CacheValueError, match="unreadable"):
            reader.loads(forged)


def test_a_pickle_signed_with_an_older_key_is_unreadable() -> None:
    data = codec.SignedPickleSerializer().dumps([1])
    assert isinstance(data, bytes)

    with override_settings(SECRET_KEY="another-key-of-some-length"), pytest.raises(CacheValueError, match="signature"):
        codec.SignedPickleSerializer().loads(data)
