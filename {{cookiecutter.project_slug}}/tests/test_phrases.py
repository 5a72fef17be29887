"""What callers hear, language by language."""

from __future__ import annotations

from datetime import UTC, datetime
from string import Formatter

import pytest

from django_twilio_call.exceptions import ValidationError
from django_twilio_call.phrases import ENGLISH, LANGUAGES, check_texts, next_opening, phrase

MONDAY = datetime(2026, 3, 2, 20, 0, tzinfo=UTC)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_every_phrase_with_the_same_values(language: str) -> None:
    def values(text: str) -> set[str | None]:
        return {name for _, name, _, _ in Formatter().parse(text)} - {None}

    texts = LANGUAGES[language]

    assert texts.keys() == ENGLISH.keys()
    # of a date a language may leave something unsaid, never the other way round
    assert all(values(texts[key]) <= values(ENGLISH[key]) for key in ENGLISH)


@pytest.mark.parametrize(("language", "text"), [("de-AT", "Nummer 2"), ("en-GB", "number 2"), ("fr-FR", "number 2")])
def test_the_nearest_language_is_spoken(language: str, text: str) -> None:
    assert text in phrase("position", language, position=2)


def test_a_text_of_ones_own_goes_first() -> None:
    assert phrase("position", "en", {"position": "{position}."}, position=2) == "2."


@pytest.mark.parametrize(
    ("opening", "english", "german"),
    [
        (datetime(2026, 3, 2, 21, 30, tzinfo=UTC), "today at 9:30 PM", "heute wieder um 21 Uhr 30"),
        (datetime(2026, 3, 3, 9, 0, tzinfo=UTC), "on Tuesday at 9 AM", "am Dienstag um 9 Uhr"),
        (datetime(2026, 3, 9, 0, 0, tzinfo=UTC), "on Monday, March 9, at 12 AM", "am Montag, dem 9. März, um 0 Uhr"),
    ],
)
def test_the_next_opening_is_said_as_people_say_it(opening: datetime, english: str, german: str) -> None:
    assert english in next_opening("en-US", opening, MONDAY)
    assert german in next_opening("de-DE", opening, MONDAY)


@pytest.mark.parametrize(
    ("texts", "problem"),
    [
        ([], "table of phrases"),
        ({"greeting": "Hi"}, "'greeting' is no phrase"),
        ({"welcome": 1}, "welcome is 1"),
        ({"position": "You are {number}"}, "position has no value number; it has position"),
        ({"position": "You are {"}, "wrong brace"),
    ],
)
def test_a_text_that_could_not_be_said_is_refused(texts: object, problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        check_texts(texts)
