"""The mark of rows that the interval counts know of: see `intervals`."""

from __future__ import annotations

from typing import Any, Final

from django.db import models
from django.db.models import Q

UNCOUNTED: Final = Q(is_counted=False)
"""Rows that the interval counts do not know of: those that go on, and for a moment those that have ended since."""
ENDED: Final = Q(ended_at__isnull=False)


def uncounted() -> models.BooleanField[Any, Any]:
    """`is_counted` of a new row."""
    return models.BooleanField(default=False, db_default=False, editable=False)
