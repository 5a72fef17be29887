"""Child processes that are started together, watched together and ended together."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Self

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 60
STOP_SECONDS = 25  # longer than gunicorn lets requests finish


class ProcessError(Exception):
    """A process that should have gone on has ended; the text says which, and how."""


class Processes:
    """Processes that end with the block, however it ends. With `logs`, each writes to a file there."""

    def __init__(self, logs: Path | None = None) -> None:
        """Nothing runs yet."""
        if logs:
            logs.mkdir(parents=True, exist_ok=True)
        self._logs = logs
        self._running: dict[str, subprocess.Popen[str]] = {}

    def __enter__(self) -> Self:
        """Begin the block."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Ask all of them to end, wait, and end by force those that do not."""
        for process in self._running.values():
            _signal(process, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        for process in self._running.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0, deadline - time.monotonic()))
            _signal(process, signal.SIGKILL)
            process.wait()

    def start(self, name: str, *module: str, stdout: Path | None = None) -> subprocess.Popen[str]:
        """Run `python -m MODULE …`; its stdout goes to that file, else where the rest of its output goes."""
        with contextlib.ExitStack() as stack:
            log = stack.enter_context(self._log(name).open("w")) if self._logs else None
            self._running[name] = subprocess.Popen(  # noqa: S603  # our own modules
                [sys.executable, "-m", *module],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=stack.enter_context(stdout.open("w")) if stdout else log,
                stderr=log,
                text=True,
                # A group of its own: Ctrl-C is for us alone, and we end them in order.
                start_new_session=True,
            )
        return self._running[name]

    def check(self, *, but: str = "") -> None:
        """Raise `ProcessError` if one is no longer running; `but` may have ended."""
        for name, process in self._running.items():
            if name != but and process.poll() is not None:
                raise ProcessError(f"{name} ended by itself with exit code {process.returncode}{self.tail(name)}")

    def wait_for(self, url: str) -> None:
        """Return when the address answers. Raises `ProcessError`, also when that takes too long."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            self.check()
            with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5):  # noqa: S310  # our own loopback
                return
            time.sleep(0.1)
        raise ProcessError(f"nothing answers at {url} after {START_SECONDS} s")

    def lines(self, name: str, stdout: Path) -> Iterator[str]:
        """What a process writes to that file, line by line, until it ends. Raises `ProcessError` if another ends."""
        with stdout.open() as output:
            line = ""
            while True:
                ended = self._running[name].poll() is not None
                line += output.readline()
                if line.endswith("\n"):
                    yield line
                    line = ""
                elif ended:
                    return
                else:
                    self.check(but=name)
                    time.sleep(0.1)

    def wait(self) -> None:
        """Go on until one of them ends, then raise `ProcessError`."""
        while True:
            self.check()
            time.sleep(0.2)

    def tail(self, name: str) -> str:
        """The end of what a process wrote, where that went to a file."""
        return f":\n{self._log(name).read_text(errors='replace')[-3000:]}" if self._logs else ""

    def _log(self, name: str) -> Path:
        assert self._logs is not None  # noqa: S101  # asked only where there are logs
        return self._logs / f"{name}.log"


def _signal(process: subprocess.Popen[str], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)
