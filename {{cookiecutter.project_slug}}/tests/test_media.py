"""Recordings at Twilio, over real HTTP."""

from __future__ import annotations

import pytest

from django_twilio_call.conf import get_config
from django_twilio_call.exceptions import CallNotInProgress, NotFound, RangeNotSatisfiable, TelephonyError
from django_twilio_call.media import get_media, span_of
from tests.media import Recordings

SID, GONE, SOUND = "RE" + "1" * 32, "RE" + "2" * 32, bytes(range(256)) * 1000


@pytest.fixture(autouse=True)
def _one(recordings: Recordings) -> None:
    recordings.kept[SID] = SOUND


def heard(wanted: str = "") -> tuple[int, int, int, bytes]:
    sound = get_media().sound(sid=SID, wanted=wanted)
    return sound.first, sound.last, sound.total, b"".join(sound.chunks)


def test_the_whole_comes_with_our_password(recordings: Recordings) -> None:
    config = get_config()

    assert heard() == (0, len(SOUND) - 1, len(SOUND), SOUND)
    assert recordings.user == f"{config.twilio_account_sid}:{config.twilio_auth_token}"


@pytest.mark.parametrize("parts", [True, False], ids=["twilio sends parts", "twilio sends the whole"])
@pytest.mark.parametrize(
    ("wanted", "first", "last"),
    [
        ("bytes=0-", 0, len(SOUND) - 1),
        ("bytes=100-199", 100, 199),
        ("bytes=70000-140000", 70000, 140000),
        ("bytes=255999-999999", 255999, 255999),
        ("bytes=0-0", 0, 0),
    ],
)
def test_a_part_is_that_part_whatever_twilio_sends(
    recordings: Recordings, parts: bool, wanted: str, first: int, last: int
) -> None:
    recordings.parts = parts

    assert heard(wanted) == (first, last, len(SOUND), SOUND[first : last + 1])


@pytest.mark.parametrize("parts", [True, False])
def test_a_part_that_is_not_there_is_refused(recordings: Recordings, parts: bool) -> None:
    recordings.parts = parts

    with pytest.raises(RangeNotSatisfiable):
        heard("bytes=256000-")


@pytest.mark.parametrize(
    ("wanted", "span"),
    [("bytes=-3", (7, 9)), ("bytes=-99", (0, 9)), ("bytes=1-2,4-5", (0, 9)), ("bytes=-", (0, 9)), ("feet=1-2", (0, 9))],
)
def test_other_ranges_are_ends_or_the_whole(wanted: str, span: tuple[int, int]) -> None:
    assert span_of(wanted, 10) == span


def test_a_recording_that_is_gone_is_not_found() -> None:
    with pytest.raises(NotFound):
        get_media().sound(sid=GONE)


def test_twilio_says_when_to_come_again(recordings: Recordings) -> None:
    recordings.status, recordings.headers = 429, {"Retry-After": "7"}

    with pytest.raises(TelephonyError) as caught:
        get_media().set_paused(conference="CF1", sid=SID, paused=True)
    assert (caught.value.retryable, caught.value.retry_after) == (True, 7)


def test_trouble_at_twilio_is_said(recordings: Recordings) -> None:
    recordings.status = 503

    for act in (lambda: get_media().sound(sid=SID), lambda: get_media().delete(sid=SID)):
        with pytest.raises(TelephonyError) as caught:
            act()
        assert caught.value.retryable


def test_deleting_twice_is_deleting_once(recordings: Recordings) -> None:
    for _ in range(2):
        get_media().delete(sid=SID)

    assert not recordings.kept


def test_a_recording_is_paused_and_goes_on(recordings: Recordings) -> None:
    get_media().set_paused(conference="CF1", sid=SID, paused=True)
    get_media().set_paused(conference="CF1", sid=SID, paused=False)

    assert [form for _, _, form in recordings.asked] == ["Status=paused&PauseBehavior=silence", "Status=in-progress"]
    with pytest.raises(CallNotInProgress):
        get_media().set_paused(conference="CF1", sid=GONE, paused=True)
