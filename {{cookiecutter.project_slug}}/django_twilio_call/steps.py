"""What a worker does at one time, step by step: one that fails keeps none of the others from being taken."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

logger = logging.getLogger(__name__)

Steps = Mapping[str, Callable[[], object]]
"""Name of a step -> what is done in it."""

counts: Final[Counter[str]] = Counter()
"""Step -> how often it failed in this process."""


def take(steps: Steps) -> None:
    """Take all of them, in their order. If some failed the first one's error is raised in the end: the task failed."""
    first: Exception | None = None
    for name, step in steps.items():
        try:
            step()
        except Exception as error:  # the edge: a caller waits for the other steps, whatever this one met
            logger.exception("the step %r failed", name)
            counts[name] += 1
            first = first or error
    if first is not None:
        raise first
