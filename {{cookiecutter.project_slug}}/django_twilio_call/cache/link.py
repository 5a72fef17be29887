"""One connection pool to one Redis for the whole process, and what happens while that Redis is away.

A caller must never wait for a cache: after a few failures nobody asks any more, until a thread of ours has seen that
the server answers again. And what was to be forgotten meanwhile is forgotten before anybody reads.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry

from ..exceptions import CacheError

logger = logging.getLogger(__name__)

T = TypeVar("T")

TIMEOUT: Final = 0.25
"""Seconds for connecting and for each answer: far above Redis' millisecond, far below a caller's patience."""

TOLERATED: Final = 3
"""Failures in a row before the server counts as away."""

PROBE_EVERY: Final = 0.5
"""Seconds between our own looks at a server that is away."""

LOG_EVERY: Final = 60.0
"""Seconds between log lines: an outage is one event, however many calls it meets."""

SCAN_STEP: Final = 500
"""Keys looked at in one step: about a millisecond of the server's time."""

NEW_SERVER: Final = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return 0 end
redis.call('DEL', KEYS[2])
redis.call('SET', KEYS[1], ARGV[1])
return 1
"""


class StoreAway(CacheError):
    """The server did not answer, or is not asked at the moment: go on without it."""


class _Own(threading.local):
    """A connection of each thread's own, for reading: to take one from the pool and give it back costs half an MGET."""

    pid = 0
    connection: Any = None


class Link:
    """The way to one server. `epoch_key` and `all_key` are where this cache keeps its own marks there."""

    def __init__(self, url: str, *, epoch_key: str, all_key: str, **options: Any) -> None:
        self.away = False
        self.failures = self.errors = self.skipped = self.outages = 0
        self._keys = (epoch_key, all_key)
        self._owed = 0
        self._lock = threading.Lock()
        self._own = _Own()
        self._logged_at = 0.0
        self.client = redis.Redis.from_url(
            url,
            # Not the library's ten: the breaker decides, and a command that may have arrived is not sent twice.
            retry=Retry(NoBackoff(), 0),
            redis_connect_func=self._connected,
            **{"socket_timeout": TIMEOUT, "socket_connect_timeout": TIMEOUT, **options},
        )

    def call(self, command: Callable[[Any], T]) -> T:
        """Run a command. Raises `StoreAway` when it is not answered, refused, or not even tried."""
        if self.away:
            self.skipped += 1
            raise StoreAway("the cache server is away")
        try:
            result = command(self.client)
        except (RedisError, OSError) as error:
            self._failed(error)
            raise StoreAway(f"{type(error).__name__}: {error}") from error
        self.failures = 0
        return result

    def read(self, keys: list[str]) -> list[bytes | None]:
        """What stands at each key, in one round trip: `call`, without what costs microseconds at every hit."""
        if self.away:
            self.skipped += 1
            raise StoreAway("the cache server is away")
        try:
            try:
                found = self._mget(keys)
            except RedisConnectionError:  # closed since the last time, by a restart perhaps: reading twice does no harm
                found = self._mget(keys)
        except (RedisError, OSError) as error:
            self._failed(error)
            raise StoreAway(f"{type(error).__name__}: {error}") from error
        self.failures = 0
        return found

    def _mget(self, keys: list[str]) -> list[bytes | None]:
        if self._own.pid != os.getpid():  # none yet, or it is the parent's, from before a fork
            pool = self.client.connection_pool
            self._own.connection = pool.connection_class(**pool.connection_kwargs)
            self._own.pid = os.getpid()
        connection = self._own.connection
        try:
            connection.send_command("MGET", *keys)
            found: list[bytes | None] = connection.read_response()
        except ResponseError:
            raise
        except BaseException:  # an interrupt too: it goes on up
            connection.disconnect()  # or the answer would be taken for that to the next question
            raise
        return found

    def delete_matching(self, pattern: str, *, seconds: float) -> int:
        """Delete keys by a glob pattern, step by step. Raises `CacheError` when that takes longer than `seconds`."""
        deadline, cursor, deleted = time.monotonic() + seconds, 0, 0
        while True:
            cursor, found = self.call(lambda client, at=cursor: client.scan(at, match=pattern, count=SCAN_STEP))  # type: ignore[misc]
            if found:
                deleted += self.call(lambda client, keys=found: client.unlink(*keys))  # type: ignore[misc]
            if cursor == 0:
                return deleted
            if time.monotonic() > deadline:
                raise CacheError(f"{deleted} keys deleted, and not done after {seconds:g} s: call again to go on")

    def server_info(self) -> dict[str, Any]:
        """What the server says of itself: memory, evictions, and the policy by which it evicts, where it tells."""
        memory, stats = self.call(lambda client: (client.info("memory"), client.info("stats")))
        return {
            "used_memory": memory["used_memory"],
            "maxmemory": memory["maxmemory"],
            "maxmemory_policy": memory["maxmemory_policy"],
            "evicted_keys": stats["evicted_keys"],
            "keyspace_hits": stats["keyspace_hits"],
            "keyspace_misses": stats["keyspace_misses"],
        }

    def forget(self, keys: list[str]) -> bool:
        """Delete generations; answers whether the server said so. If not, everything is forgotten when it is back."""
        try:
            self.call(lambda client: client.delete(*keys))
        except StoreAway:
            with self._lock:
                self._owed += 1
            self._leave_alone()
            return False
        return True

    def _failed(self, error: Exception) -> None:
        self.errors += 1
        if not isinstance(error, ResponseError):  # refused, when it is full or loading: that answer came at once
            self.failures += 1
            if self.failures >= TOLERATED:
                self._leave_alone()
        if (now := time.monotonic()) - self._logged_at >= LOG_EVERY or not self._logged_at:
            self._logged_at = now
            logger.warning("the cache does without its server (%d errors so far): %s", self.errors, error)

    def _leave_alone(self) -> None:
        """Nobody asks until the probe has been answered."""
        with self._lock:
            if self.away:
                return
            self.away = True
            self.outages += 1
            threading.Thread(target=self._probe, name="cache-probe", daemon=True).start()

    def _probe(self) -> None:
        """Ask now and then, in a thread of its own, so that no caller pays for it."""
        while True:
            owed = self._owed
            try:
                self.client.ping()
                # Which keys they were is not known any more: so everything.
                if owed:
                    self.client.delete(self._keys[1])
            except (RedisError, OSError):
                time.sleep(PROBE_EVERY)
                continue
            with self._lock:
                if self._owed != owed:
                    continue  # one more came in between
                self._owed = self.failures = 0
                self.away = False
            logger.warning("the cache has its server back")
            return

    def _connected(self, connection: Any) -> None:
        """Every new connection first asks which server this is. One that was restarted, perhaps with old data, or a
        replica that took over, has another run id than the one noted there: then all it holds is forgotten.
        """
        connection.on_connect()
        try:
            connection.send_command("INFO", "server")
            told = connection.read_response()
            lines = (told if isinstance(told, bytes) else str(told).encode()).split()
            run_id = next((line[7:] for line in lines if line.startswith(b"run_id:")), b"")
            connection.send_command("EVAL", NEW_SERVER, 2, *self._keys, run_id)
            connection.read_response()
        except ResponseError as error:
            # A server that lets us do neither is used all the same; one that is full has forgotten already.
            logger.info("the cache server's identity could not be noted: %s", error)


_links: dict[tuple[Any, ...], Link] = {}
_making = threading.Lock()


def link_to(url: str, *, epoch_key: str, all_key: str, **options: Any) -> Link:
    """The process's one link to this server, made at the first use: never before a fork."""
    wanted = (url, epoch_key, all_key, *sorted((name, str(value)) for name, value in options.items()))
    found = _links.get(wanted)
    if found is None:
        with _making:
            found = _links.get(wanted) or Link(url, epoch_key=epoch_key, all_key=all_key, **options)
            _links[wanted] = found
    return found


def links() -> list[Link]:
    """All links of this process, for metrics."""
    return list(_links.values())
