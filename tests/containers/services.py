"""PostgreSQL and Valkey on loopback, as the project's own tests start them; either can be away for a while."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg

# In a process of its own, which sees the project as its tests do, and which ends when its stdin does.
SERVERS = """
import json, sys
from tests.servers import Home, postgres, valkey
commands, running = [], Home.running
Home.running = lambda home, argv, *how: commands.append([str(word) for word in argv]) or running(home, argv, *how)
with Home.open() as home, postgres(home) as database, valkey(home) as redis:
    print(json.dumps([[database, commands[0]], [redis, commands[1]]]), flush=True)
    sys.stdin.read()
"""
PATIENCE = 30


@dataclass
class Server:
    """A server that runs as a child of another process of ours."""

    port: int
    pid: int
    command: list[str]
    own: subprocess.Popen[bytes] | None = None

    @classmethod
    def behind(cls, url: str, command: list[str], parent: int) -> Server:
        """The child of `parent` that this command line started, and that listens at this address."""
        port = urlsplit(url).port
        assert port is not None
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        # Valkey writes its address over its command line.
        (pid,) = [pid for pid in children if str(port) in Path(f"/proc/{pid}/cmdline").read_text()]
        return cls(port, int(pid), command)

    @contextlib.contextmanager
    def away(self) -> Iterator[None]:
        """End it for the length of the block; what it kept on disk is there afterwards."""
        process = Path(f"/proc/{self.pid}")
        folder, owner = (process / "cwd").resolve(), process.stat()
        user: dict[str, Any] = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
        self.end()
        try:
            yield
        finally:
            quiet = subprocess.DEVNULL
            options: dict[str, Any] = {
                "cwd": folder,
                "stdin": quiet,
                "stdout": quiet,
                "stderr": quiet,
                "start_new_session": True,
            }
            self.own = subprocess.Popen(self.command, **options, **(user if os.geteuid() == 0 else {}))
            self.pid = self.own.pid
            self._wait(listening=True)

    def end(self) -> None:
        """End it in order; PostgreSQL takes SIGINT as: without waiting for anybody."""
        os.kill(self.pid, signal.SIGINT)
        if self.own:
            self.own.wait(PATIENCE)
        self._wait(listening=False)

    def _wait(self, *, listening: bool) -> None:
        deadline = time.monotonic() + PATIENCE
        while is_open(self.port) != listening:
            assert time.monotonic() < deadline, f"port {self.port}: still {'closed' if listening else 'open'}"
            time.sleep(0.05)


@dataclass(frozen=True)
class Services:
    """Both servers, and the variables that lead to them, cache and broker in databases of their own."""

    addresses: dict[str, str]
    database: Server
    redis: Server

    def create_database(self, name: str) -> None:
        """Another one, empty, on the same server."""
        with psycopg.connect(self.addresses["DATABASE_URL"], autocommit=True) as connection:
            connection.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(name)))


@contextlib.contextmanager
def postgres_and_valkey(project: Path) -> Iterator[Services]:
    """Start both; they end with the block."""
    argv = [sys.executable, "-c", SERVERS]
    with subprocess.Popen(argv, cwd=project, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, "the servers did not start: what they say stands above"
        (database, *_), (redis, *_) = found = json.loads(line)
        addresses = {"DATABASE_URL": database, "REDIS_URL": redis, "CELERY_BROKER_URL": redis.removesuffix("/0") + "/1"}
        servers = [Server.behind(url, command, process.pid) for url, command in found]
        services = Services(addresses, *servers)
        try:
            yield services
        finally:
            for server in (services.database, services.redis):
                if server.own:
                    server.end()
            process.communicate()


def is_open(port: int) -> bool:
    """Whether somebody listens on a port of loopback."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
