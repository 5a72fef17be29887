"""Another configuration while the process runs: read whole, checked whole, then put in force or refused whole.

Only what is declared reloadable changes. Anything else that differs is reported, and waits for a restart.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..exceptions import ConfigurationError
from .catalogue import Config, disassemble, variables
from .live import forget, from_environment, get_reading, put, with_settings
from .reader import Reading, overridden
from .sources import mark
from .variables import CONFIG_DIR

logger = logging.getLogger(__name__)

APPLIED, UNCHANGED, REFUSED = "applied", "unchanged", "refused"

counts: Final[Counter[str]] = Counter()
"""Reloads by their result."""


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What became of a reload: its result, what changed, what waits for a restart, and what was wrong."""

    result: str
    changed: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


class _State:
    """What this process watches, and what became of its last reload."""

    last: Outcome | None = None
    watch: Watch | None = None


state: Final = _State()
_lock = threading.Lock()


def reload() -> Outcome:
    """Read everything again. Never raises for a bad configuration: the old one stays, and an error is logged."""
    with _lock:
        state.last = _reload(get_reading())
        counts[state.last.result] += 1
        return state.last


def reload_config() -> Config:
    """Forget what was read, and read again now, all of it. For tests and shells; processes use `reload`."""
    forget()
    return get_reading().config


class Watch:
    """Looks at a folder at most once in `every` seconds, when somebody asks: no thread, and no cost while idle."""

    __slots__ = ("_clock", "_due", "_lock", "_seen", "every", "folder")

    def __init__(self, folder: str, *, every: float = 1, clock: Callable[[], float] = time.monotonic) -> None:
        self.folder, self.every = Path(folder), every
        self._clock, self._lock, self._seen = clock, threading.Lock(), self._look()
        self._due = clock() + every

    def changed(self) -> bool:
        """Whether the folder is another than when this was asked last. Of several who ask at once, one is told."""
        if self._clock() < self._due or not self._lock.acquire(blocking=False):
            return False
        try:
            self._due = self._clock() + self.every
            seen, self._seen = self._seen, self._look()
            return seen != self._seen
        finally:
            self._lock.release()

    def _look(self) -> object:
        try:
            return mark(self.folder)
        except OSError as error:
            return type(error).__name__


def watch(*, every: float = 1) -> bool:
    """Reload, as far as `tick` is called, when the folder changes that DJANGO_TWILIO_CONFIG_DIR names, if it does."""
    folder = os.environ.get(CONFIG_DIR)
    state.watch = Watch(folder, every=every) if folder else None
    return state.watch is not None


def tick() -> None:
    """Called at the beginning of every operation: reload if there is something new."""
    if state.watch is not None and state.watch.changed():
        reload()


def _reload(before: Reading) -> Outcome:
    try:
        wanted = with_settings(from_environment())
        changed, pending = _differences(before, wanted)
        new = {name: disassemble(wanted.config)[name] for name in changed}
        after = overridden(before, new, "reload") if changed else before
    except ConfigurationError as error:
        # An alert for whoever watches the log, and a figure for whoever watches the metrics.
        logger.error("configuration refused, the old one stays in force: %s", error)
        return Outcome(REFUSED, problems=error.problems)
    if pending:
        logger.warning("changed, but only a restart brings it: %s", ", ".join(pending))
    if not changed:
        return Outcome(UNCHANGED, pending=pending)
    put(Reading(after.config, dict(_origins(after, wanted))))
    logger.info("configuration reloaded: %s", ", ".join(changed))
    return Outcome(APPLIED, changed, pending)


def _differences(before: Reading, wanted: Reading) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of variables that changed: those that may, and those that wait for a restart."""
    old, new = disassemble(before.config), disassemble(wanted.config)
    differ = [declared for name, declared in variables().items() if old[name] != new[name]]
    return (
        tuple(declared.name for declared in differ if declared.reloadable),
        tuple(declared.name for declared in differ if not declared.reloadable),
    )


def _origins(after: Reading, wanted: Reading) -> Iterator[tuple[str, str]]:
    """Where values come from now: reloadable ones from the new reading, the others from the old."""
    for name, declared in variables().items():
        source = wanted if declared.reloadable else after
        if name in source.origins:
            yield name, source.origins[name]
