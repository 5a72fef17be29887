"""A Valkey that can be treated badly."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import redis

STARTS_WITHIN: Final = 10.0
PAUSED, SHORT = 10.0, 3.0
"""Seconds that a fault lasts."""


class Server:
    """One process on one port, which stays the same however often it is started."""

    def __init__(self, folder: Path) -> None:
        from tests.servers import free_port, valkey_binary

        self.folder, self.port = folder, free_port()
        self._binary = valkey_binary()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its REDIS_URL."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it, empty, and wait until it answers."""
        argv = [self._binary, "--bind", "127.0.0.1", "--port", str(self.port), "--dir", self.folder, "--save", ""]
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen(argv, stdin=quiet, stdout=quiet, stderr=quiet)
        until(self.answers)

    def answers(self) -> bool:
        """Whether it says PONG."""
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 0.5) as connection:
            connection.settimeout(0.5)
            connection.sendall(b"PING\r\n")
            return connection.recv(5) == b"+PONG"
        return False

    def pause(self) -> None:
        """It keeps its connections and says nothing any more."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """After a pause."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """At once, with whatever it was doing."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    @contextlib.contextmanager
    def silent(self) -> Iterator[None]:
        """In its place somebody accepts connections and never answers."""
        self.kill()
        accepted: list[socket.socket] = []
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", self.port))
            listener.listen(512)

            def accept() -> None:
                with contextlib.suppress(OSError):  # the listener is closed
                    while True:
                        accepted.append(listener.accept()[0])

            threading.Thread(target=accept, daemon=True).start()
            yield
            listener.shutdown(socket.SHUT_RDWR)
        for connection in accepted:
            connection.close()


def until(so: Callable[[], bool], seconds: float = STARTS_WITHIN) -> None:
    """Wait. Raises `SystemExit` when it takes too long."""
    deadline = time.monotonic() + seconds
    while not so():
        if time.monotonic() > deadline:
            raise SystemExit(f"{getattr(so, '__qualname__', so)}: not within {seconds:g} s")
        time.sleep(0.01)


@contextlib.contextmanager
def _killed(server: Server) -> Iterator[None]:
    server.kill()
    time.sleep(SHORT)
    server.start()
    yield


@contextlib.contextmanager
def _paused(server: Server) -> Iterator[None]:
    server.pause()
    time.sleep(PAUSED)
    server.go_on()
    yield


@contextlib.contextmanager
def _full(server: Server) -> Iterator[None]:
    with _admin(server) as client:
        client.config_set("maxmemory", "1")
        time.sleep(SHORT)
        client.config_set("maxmemory", "0")
        yield


@contextlib.contextmanager
def _evicting(server: Server) -> Iterator[None]:
    """As full as it may be, with others writing: it throws away values and marks, whichever it likes."""
    with _admin(server) as client:
        client.config_set("maxmemory-policy", "allkeys-random")
        client.config_set("maxmemory", client.info("memory")["used_memory"] + 200_000)
        ends = time.monotonic() + SHORT
        number = 0
        while time.monotonic() < ends:
            for _ in range(20):
                client.set(f"others:{number}", b"x" * 1000)
                number += 1
            time.sleep(0.002)
        if not client.info("stats")["evicted_keys"]:
            raise SystemExit("nothing was evicted")
        client.config_set("maxmemory", "0")
        client.config_set("maxmemory-policy", "noeviction")
        yield


@contextlib.contextmanager
def _silent(server: Server) -> Iterator[None]:
    with server.silent():
        time.sleep(SHORT)
    server.start()
    yield


@contextlib.contextmanager
def _admin(server: Server) -> Iterator[Any]:
    with redis.Redis.from_url(server.url) as client:
        yield client


FAULTS: Final = {
    f"killed, back empty after {SHORT:g} s": _killed,
    f"paused {PAUSED:g} s": _paused,
    "maxmemory reached, refusing": _full,
    "maxmemory reached, evicting": _evicting,
    f"accepting, silent for {SHORT:g} s": _silent,
}
