"""Tables as CSV, written as they are read, that a spreadsheet opens without harm."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, cast

from django.http import HttpResponse, StreamingHttpResponse

FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""Where a text begins so, spreadsheets compute it: a queue named `=HYPERLINK(…)` would reach out from their machine."""
MARK: Final = "\ufeff"
"""By this a spreadsheet knows UTF-8."""


class _Echo:
    """A file that gives back what is written to it."""

    def write(self, text: str) -> str:
        return text


def safe(value: Any) -> Any:
    """A cell that is what it says: numbers as they are, text never a formula."""
    if isinstance(value, str) and value.startswith(FORMULA):
        return f"'{value}"
    return "" if value is None else value


def as_csv(name: str, heading: Sequence[str], rows: Iterable[Sequence[Any]]) -> HttpResponse:
    """A download of that name."""
    writer = csv.writer(_Echo())

    def lines() -> Iterator[str]:
        yield MARK + writer.writerow(heading)
        for row in rows:
            yield writer.writerow([safe(cell) for cell in row])

    response = StreamingHttpResponse(lines(), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return cast(HttpResponse, response)  # what decorators of views are typed for
