"""Processes that are started, watched and ended together."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from config.processes import ProcessError, Processes

from ..servers import free_port

WAITS = ("timeit", "-n", "1", "-r", "1", "__import__('time').sleep(60)")
FAILS = ("timeit", "-n", "1", "-r", "1", "raise SystemExit('it broke')")


def is_gone(process: subprocess.Popen[str]) -> bool:
    return process.poll() is not None


def test_all_processes_end_with_the_block() -> None:
    with Processes() as processes:
        started = [processes.start(name, *WAITS) for name in ("one", "two")]
        assert not any(map(is_gone, started))

    assert all(map(is_gone, started))


def test_they_end_when_the_block_fails() -> None:
    started = []

    def interrupted() -> None:
        with Processes() as processes:
            started.append(processes.start("one", *WAITS))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    assert all(map(is_gone, started))


def test_the_first_that_ends_by_itself_is_named_with_its_last_words(tmp_path: Path) -> None:
    with Processes(logs=tmp_path) as processes:
        processes.start("steady", *WAITS)
        processes.start("broken", *FAILS)

        with pytest.raises(ProcessError, match=r"broken ended by itself with exit code 1:\n(.|\n)*it broke"):
            processes.wait()


def test_an_address_is_waited_for(tmp_path: Path) -> None:
    port = free_port()
    with Processes(logs=tmp_path) as processes:
        processes.start("web", "http.server", str(port), "--bind", "127.0.0.1", "--directory", str(tmp_path))

        processes.wait_for(f"http://127.0.0.1:{port}/")


def test_waiting_for_the_address_of_a_broken_process_does_not_take_forever(tmp_path: Path) -> None:
    with Processes(logs=tmp_path) as processes:
        processes.start("broken", *FAILS)

        with pytest.raises(ProcessError, match="broken ended by itself"):
            processes.wait_for(f"http://127.0.0.1:{free_port()}/")


def test_ctrl_c_reaches_nobody_but_us() -> None:
    with Processes() as processes:
        started = processes.start("one", *WAITS)

        assert os.getpgid(started.pid) != os.getpgid(0)
