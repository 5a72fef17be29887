"""Pages of long lists: each begins after a row, so none is skipped or shown twice while others come and go."""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias
from urllib.parse import urlencode

from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_datetime

Mark: TypeAlias = tuple[datetime, int]
"""The last row of a page: its moment, and its key among those of the same moment."""


def asked(request: HttpRequest, name: str) -> Mark | None:
    """Where the page that is asked for begins, as `query` wrote it; one that begins nowhere is the first."""
    when, _, pk = request.GET.get(name, "").rpartition("_")
    try:
        moment = parse_datetime(when)
    except ValueError:
        return None
    return (moment, int(pk)) if moment and timezone.is_aware(moment) and pk.isdecimal() and len(pk) < 19 else None


def query(request: HttpRequest, name: str, mark: Mark | None) -> str:
    """The query of the page after `mark`, with what else was asked for; "" where there is none."""
    if mark is None:
        return ""
    others = {key: value for key, value in request.GET.items() if key != name and value}
    return urlencode(others | {name: f"{mark[0].isoformat()}_{mark[1]}"})
