"""What callers hear, in every language shipped. A queue or a menu may bring texts of its own for any of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from string import Formatter
from types import MappingProxyType
from typing import Any, Final

from .exceptions import ValidationError

ENGLISH: Final[Mapping[str, str]] = MappingProxyType(
    {
        "welcome": "Welcome.",
        "option": "For {name}, press {digit}.",
        "again": "Sorry, I did not get that.",
        "moment": "One moment, please.",
        "trouble": "We are sorry, we cannot take your call at the moment. Please call again in a few minutes.",
        "busy": "All our agents are busy.",
        "nobody": "Nobody is here to take your call at the moment.",
        "later": "Please call again later.",
        "closed": "We are closed at the moment.",
        "opens_today": "We open again today at {time}.",
        "opens": "We open again on {weekday} at {time}.",
        "opens_on": "We open again on {weekday}, {month} {day}, at {time}.",
        "recorded": "This call is recorded.",
        "consent": "May we record this call? If you agree, press 1. If you do not, press 2 or stay on the line.",
        "position": "You are number {position} in line.",
        "message": "Please leave a message after the tone. Press the hash key when you are done.",
        "offer_callback": "To be called back and keep your place, press 1.",
        "offer_voicemail": "To leave a message, press 2.",
        "promise": "We will call you back, and you keep your place in line. Goodbye.",
        "thanks": "Thank you. Goodbye.",
        "wait_short": "You will wait less than a minute.",
        "wait": "You will wait about {minutes} minutes.",
        "wait_long": "You may wait more than an hour.",
    }
)

GERMAN: Final[Mapping[str, str]] = MappingProxyType(
    {
        "welcome": "Willkommen.",
        "option": "Für {name} drücken Sie die {digit}.",
        "again": "Das habe ich leider nicht verstanden.",
        "moment": "Einen Moment bitte.",
        "trouble": "Leider können wir Ihren Anruf gerade nicht annehmen. Bitte rufen Sie in einigen Minuten wieder an.",
        "busy": "Alle unsere Mitarbeiter sind im Gespräch.",
        "nobody": "Im Moment ist niemand da, der Ihren Anruf annehmen kann.",
        "later": "Bitte rufen Sie später wieder an.",
        "closed": "Im Moment haben wir geschlossen.",
        "opens_today": "Wir öffnen heute wieder um {time}.",
        "opens": "Wir öffnen wieder am {weekday} um {time}.",
        "opens_on": "Wir öffnen wieder am {weekday}, dem {day}. {month}, um {time}.",
        "recorded": "Dieses Gespräch wird aufgezeichnet.",
        "consent": "Dürfen wir dieses Gespräch aufzeichnen? Wenn ja, drücken Sie die 1. "
        "Wenn nicht, drücken Sie die 2, oder bleiben Sie einfach dran.",
        "position": "Sie sind Nummer {position} in der Warteschlange.",
        "message": "Bitte hinterlassen Sie nach dem Ton eine Nachricht. Drücken Sie am Ende die Rautetaste.",
        "offer_callback": "Für einen Rückruf, bei dem Sie Ihren Platz behalten, drücken Sie die 1.",
        "offer_voicemail": "Um eine Nachricht zu hinterlassen, drücken Sie die 2.",
        "promise": "Wir rufen Sie zurück, und Sie behalten Ihren Platz in der Warteschlange. Auf Wiederhören.",
        "thanks": "Vielen Dank. Auf Wiederhören.",
        "wait_short": "Sie warten weniger als eine Minute.",
        "wait": "Sie warten etwa {minutes} Minuten.",
        "wait_long": "Sie warten möglicherweise mehr als eine Stunde.",
    }
)

LANGUAGES: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType({"en": ENGLISH, "de": GERMAN})

_DAYS: Final = {
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "de": ("Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"),
}
_ENGLISH_MONTHS: Final = "January February March April May June July August September October November December"
_GERMAN_MONTHS: Final = "Januar Februar März April Mai Juni Juli August September Oktober November Dezember"
_MONTHS: Final = {"en": tuple(_ENGLISH_MONTHS.split()), "de": tuple(_GERMAN_MONTHS.split())}


def base(language: str) -> str:
    """The shipped language nearest to one such as `de-AT`: English, where there is none."""
    short = language.partition("-")[0].lower()
    return short if short in LANGUAGES else "en"


def phrase(key: str, language: str, own: Mapping[str, str] | None = None, **values: Any) -> str:
    """One phrase with its values."""
    return ((own or {}).get(key) or LANGUAGES[base(language)][key]).format(**values)


def next_opening(language: str, opening: datetime, asked: datetime, own: Mapping[str, str] | None = None) -> str:
    """When it opens, as people say it on the day of `asked`; both in local time."""
    days = (opening.date() - asked.date()).days
    key = "opens_today" if days == 0 else "opens" if days < 7 else "opens_on"
    short = base(language)
    return phrase(
        key,
        language,
        own,
        time=_clock(short, opening),
        weekday=_DAYS[short][opening.weekday()],
        day=opening.day,
        month=_MONTHS[short][opening.month - 1],
    )


def check_texts(texts: object) -> None:
    """Refuses texts that could not be said: of unknown phrases, or with values their phrase has not."""
    if not isinstance(texts, dict):
        raise ValidationError(f"texts must be a table of phrases, not {texts!r}")
    problems = [problem for key, text in texts.items() if (problem := _problem(key, text))]
    if problems:
        raise ValidationError("; ".join(problems))


def _problem(key: str, text: object) -> str:
    if key not in ENGLISH:
        return f"{key!r} is no phrase; they are {', '.join(ENGLISH)}"
    if not isinstance(text, str):
        return f"{key} is {text!r}; it must be a text"
    try:
        wanted, known = _fields(text), _fields(ENGLISH[key])
    except ValueError as error:
        return f"{key} has a wrong brace: {error}"
    unknown = ", ".join(sorted(wanted - known))
    return f"{key} has no value {unknown}; it has {', '.join(sorted(known)) or 'none'}" if unknown else ""


def _fields(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def _clock(short: str, at: datetime) -> str:
    if short == "de":
        return f"{at.hour} Uhr" + (f" {at.minute}" if at.minute else "")
    minute = f":{at.minute:02}" if at.minute else ""
    return f"{at.hour % 12 or 12}{minute} {'AM' if at.hour < 12 else 'PM'}"
