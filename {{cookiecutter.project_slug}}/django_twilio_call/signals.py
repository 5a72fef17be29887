"""Words between the floors: a lower floor says what happened, `apps.ready()` decides who listens."""

from __future__ import annotations

from typing import Final

from django.db import transaction
from django.dispatch import Signal

bulk_changed: Final = Signal()
"""Rows of a model changed without `post_save`. Argument: `model`, the class."""

work_waiting: Final = Signal()
"""Committed rows wait for a worker. A lost signal only costs the wait for the next sweep."""


def wake_workers() -> None:
    """Say once the transaction commits that rows wait: messages only wake, rows are the truth."""
    transaction.on_commit(_work_waiting)


def _work_waiting() -> None:
    work_waiting.send(sender=None)
