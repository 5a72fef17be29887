"""Charts drawn by the server: bars as one SVG path for each series, which is small however many bars there are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext, gettext_lazy, ngettext

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

HEIGHT: Final = 1000
STEP: Final = 10
"""Units of the drawing: it is stretched to where it stands, and its labels are no part of it."""
OUTCOMES: Final = (
    (gettext_lazy("Answered"), "answered"),
    (gettext_lazy("Abandoned"), "abandoned"),
    (gettext_lazy("Overflowed"), "overflowed"),
)
"""What came of calls: the kinds of most charts."""


@dataclass(frozen=True, slots=True)
class Series:
    """Bars of one kind: a word, the CSS class that colours them, and their path."""

    label: str
    tone: str
    path: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Stacked bars. `says` tells in words what they show, `marks` stand below at equal distances, `top` above."""

    series: tuple[Series, ...]
    width: int
    top: int
    marks: tuple[str, ...]
    says: str


def calls(number: int) -> str:
    """So many, in words."""
    return (
        ngettext("%(number)s call", "%(number)s calls", number) % {"number": number} if number else gettext("No calls")
    )


def stacked(
    bars: Sequence[tuple[str, Sequence[int]]],
    kinds: Sequence[tuple[str | _StrPromise, str]] = OUTCOMES,
    *,
    of: Callable[[int], str] = calls,
) -> Chart:
    """A bar for each (label, a number of each kind), one kind upon the other. `of` says how many were counted."""
    totals = [sum(numbers) for _, numbers in bars]
    top = max(totals, default=0)
    paths: list[list[str]] = [[] for _ in kinds]
    for place, (_, numbers) in enumerate(bars):
        base = 0
        for path, number in zip(paths, numbers, strict=True):
            if number:
                low, high = _y(base, top), _y(base + number, top)
                path.append(f"M{place * STEP + 1} {low}V{high}h{STEP - 2}V{low}z")
            base += number
    series = tuple(Series(str(label), tone, "".join(path)) for (label, tone), path in zip(kinds, paths, strict=True))
    return Chart(series, STEP * max(1, len(bars)), top, _marks([label for label, _ in bars]), _says(bars, totals, of))


def _y(value: int, top: int) -> int:
    return HEIGHT - HEIGHT * value // top


def _marks(labels: Sequence[str], wanted: int = 5) -> tuple[str, ...]:
    """The first label, the last, and some between them."""
    if len(labels) <= wanted:
        return tuple(labels)
    return tuple(labels[round(step * (len(labels) - 1) / (wanted - 1))] for step in range(wanted))


def _says(bars: Sequence[tuple[str, Sequence[int]]], totals: Sequence[int], of: Callable[[int], str]) -> str:
    if not any(totals):
        return of(0)
    most = max(range(len(totals)), key=totals.__getitem__)
    return gettext("%(counted)s from %(first)s to %(last)s, most at %(busiest)s: %(most)s") % {
        "counted": of(sum(totals)),
        "first": bars[0][0],
        "last": bars[-1][0],
        "busiest": bars[most][0],
        "most": totals[most],
    }
