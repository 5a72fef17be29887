"""What is wrong with a configuration, in words: key, value (never a secret's), rule, and where the value came from."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

SHOWN: Final = 60
LONGEST: Final = 65_000
"""No variable is longer: kubectl silently drops a line of 64 KiB and all after it."""
QUOTES: Final = ("'", '"')
"""No value begins with one, in a file or elsewhere: it would be meant for a reader that takes it away."""
_ANYWHERE: Final = (
    *(f"change{between}{what}" for between in ("", "-", "_", " ") for what in ("me", "this", "it")),
    *(f"replace{between}me" for between in ("", "-", "_", " ")),
    *(f"your{after}" for after in "-_ "),
    "placeholder",
    "insecure",
)
_ALONE: Final = frozenset({"todo", "fixme", "tbd", "secret", "password", "token", "dummy"})


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Problem:
    """One thing to mend."""

    key: str
    rule: str
    source: str
    value: str | None = None

    def __str__(self) -> str:
        shown = "" if self.value is None else f" is {self.value}"
        return f"{self.key}{shown}: {self.rule} (from {self.source})"


def shown(text: str, *, secret: bool) -> str:
    """A value as a problem may show it: without the login of an address, too."""
    if secret:
        return "(hidden)"
    text = re.sub(r"//.*@", "//(hidden)@", text, flags=re.DOTALL)
    return repr(text if len(text) <= SHOWN else text[:SHOWN] + "…")


def unfit(text: str) -> str | None:
    """What makes a text no value for any variable; None if nothing does."""
    if len(text) > LONGEST:
        return f"must not be longer than {LONGEST} characters, and has {len(text)}"
    if not text.isprintable():
        return "must hold printable characters alone: no line break, no NUL, and UTF-8"
    if text.startswith(QUOTES):
        return "must be without quotes: docker and kubectl hand on those that an env file has"
    if text != text.strip():
        return "must be without blanks at either end"
    return None


def is_placeholder(text: str) -> bool:
    """Whether a text only keeps a place for the value that belongs there. In any case of letters."""
    text = text.casefold()
    filled = bool(text) and (not text.strip("x") or not text.strip(".") or (text[0] == "<" and text[-1] == ">"))
    return filled or text in _ALONE or any(part in text for part in _ANYWHERE)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that a misspelt one is likely to mean."""
    from difflib import get_close_matches  # only where something is wrong

    return next(iter(get_close_matches(name, known, n=1, cutoff=0.8)), None)
