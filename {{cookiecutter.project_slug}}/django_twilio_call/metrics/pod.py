"""What the web processes of one pod counted, added up: a scrape reaches one of them and is to hear of all.

Each writes its own counts to a file in memory, at most a few times a second; whoever is asked adds the files.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import threading
import time
from bisect import bisect_left
from collections import Counter
from pathlib import Path
from typing import Any, Final

from .. import transport
from ..cache import counters
from ..cache.link import links
from ..conf import reload
from ..tasks import counts as messages
from ..webhooks.base import counts as webhooks

BUCKETS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0)
"""Seconds. Twilio waits 15, a caller notices 1."""
EVERY: Final = 0.25
"""Seconds between two writes of a process: what a killed one may take with it."""

_seconds: Final[Counter[str]] = Counter()
_latency: Final[Counter[str]] = Counter()
_lock = threading.Lock()


class _Written:
    at = 0.0


def observe(kind: str, seconds: float) -> None:
    """A webhook took so long."""
    with _lock:
        _seconds[kind] += seconds  # type: ignore[assignment]  # a Counter adds up floats as well
        _latency[f"{kind}|{bisect_left(BUCKETS, seconds)}"] += 1
    if time.monotonic() - _Written.at > EVERY:
        write()


def own() -> dict[str, dict[str, Any]]:
    """The counts of this process, by family and by labels joined with |."""
    cache = {
        f"{service}|{name}": float(value or 0)
        for service, figures in counters.snapshot().items()
        for name, value in figures.items()
        if name != "hit_rate"
    }
    links_ = {name: float(sum(getattr(link, name) for link in links())) for name in ("errors", "skipped", "outages")}
    return {
        "webhooks": {"|".join(key): float(count) for key, count in webhooks.items()},
        "seconds": dict(_seconds),
        "latency": {key: float(count) for key, count in _latency.items()},
        "cache": cache,
        "link": links_,
        "reloads": {name: float(reload.counts[name]) for name in (reload.APPLIED, reload.UNCHANGED, reload.REFUSED)},
        "unsent": {"": float(messages["unsent"])},
        "twilio": {name: float(transport.counts[name]) for name in transport.COUNTED},
    }


def write() -> None:
    """Leave them where the others of this pod find them."""
    _Written.at = time.monotonic()
    folder = _folder()
    unfinished = folder / f"{os.getpid()}.unfinished"
    with contextlib.suppress(OSError):  # a caller is on the line: figures are not worth an error
        folder.mkdir(mode=0o700, exist_ok=True)
        unfinished.write_text(json.dumps(own()))
        unfinished.replace(folder / f"{os.getpid()}.json")


def together() -> dict[str, Counter[str]]:
    """The counts of all processes of this pod, those that have ended among them: a counter never goes back."""
    total = {family: Counter(values) for family, values in own().items()}
    for file in _folder().glob("*.json"):
        if file.stem == str(os.getpid()):
            continue
        try:
            counted: dict[str, dict[str, Any]] = json.loads(file.read_text())
        except FileNotFoundError:
            continue  # another began anew just now
        for family, values in counted.items():
            total.setdefault(family, Counter()).update(values)
    return total


def forget() -> None:
    """Begin anew: the files are those of a pod that was here before. Called once, before the first process."""
    for file in _folder(os.getpid()).glob("*"):
        file.unlink(missing_ok=True)


def _folder(master: int | None = None) -> Path:
    """One for each group of processes with the same parent, which in a container is the first process."""
    return Path(tempfile.gettempdir()) / f"call-center-metrics-{master or os.getppid()}"
