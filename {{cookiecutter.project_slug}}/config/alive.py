"""Whether the worker or beat of this container goes on: it touches a file, and `python -I config/alive.py` looks at it.

A broker or a database that is away says nothing about the process, and a restart would mend neither. So what counts is:
beat goes round its schedule, and no task of a worker has been under way for longer than any takes.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

FILE: Final = Path(tempfile.gettempdir(), "call-center-alive")
EVERY: Final = 5
SILENT: Final = 60
"""Seconds without a sign after which a process is taken for dead."""
STUCK: Final = 900
"""Seconds. A task is a bounded piece of work with time-outs: none takes a quarter of an hour."""


def sign(**_: Any) -> None:
    """The process goes on."""
    with contextlib.suppress(OSError):  # the disk is full, or on a laptop the file is somebody else's
        FILE.touch()


class Tasks:
    """What a worker has under way."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began: dict[str, float] = {}

    def begin(self, task_id: str, **_: Any) -> None:
        """Receiver of Celery's `task_prerun`."""
        self._began[task_id] = self._clock()

    def end(self, task_id: str, **_: Any) -> None:
        """Receiver of Celery's `task_postrun`."""
        self._began.pop(task_id, None)

    def go_on(self) -> bool:
        """Whether none is stuck."""
        return all(self._clock() - began < STUCK for began in list(self._began.values()))

    def watch(self) -> None:
        """Give a sign every few seconds, until one is stuck for good."""
        threading.Thread(target=self._watch, name="alive", daemon=True).start()

    def _watch(self) -> None:
        while True:
            if self.go_on():
                sign()
            time.sleep(EVERY)


def main() -> int:
    """The probe's exit code. A process that has not begun has no file yet: it may wait for its broker."""
    try:
        age = time.time() - FILE.stat().st_mtime
    except FileNotFoundError:
        return 0
    return int(age > SILENT)


if __name__ == "__main__":
    sys.exit(main())
