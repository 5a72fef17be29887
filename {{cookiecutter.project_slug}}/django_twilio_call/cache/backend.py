"""Django's Redis cache over one kept client, failing open: with Redis away a read misses and a write is dropped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeVar

from django.core.cache.backends.base import DEFAULT_TIMEOUT, default_key_func
from django.core.cache.backends.redis import RedisCache as DjangoRedisCache
from django.core.cache.backends.redis import RedisCacheClient
from django.utils.module_loading import import_string

from ..exceptions import CacheValueError
from .codec import Serializer
from .link import Link, StoreAway, link_to

T = TypeVar("T")

EPOCH: Final = "epoch"
ALL: Final = "g:all"
"""Names of the two marks: which server this is, and the generation of everything."""


class KeptClient(RedisCacheClient):
    """Django's client, without a new `redis.Redis` for each call, which alone costs more than half a GET."""

    def __init__(self, servers: list[str], link: Link, serializer: Serializer) -> None:
        self._servers = servers
        self._link = link
        self._serializer = serializer

    def get_client(self, key: object = None, *, write: bool = False) -> Any:
        """The link's client."""
        return self._link.client


class RedisCache(DjangoRedisCache):
    """`BACKEND` for REDIS_URL. Times out in a quarter second, and after three of those does not ask any more.

    OPTIONS: `SERIALIZER` (a path; typed msgpack unless you choose `codec.SignedPickleSerializer`), and what
    `redis.Redis` takes.
    """

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        servers = [server] if isinstance(server, str) else list(server)
        options = {name: value for name, value in params.get("OPTIONS", {}).items() if name != "SERIALIZER"}
        serializer = params.get("OPTIONS", {}).get("SERIALIZER", Serializer)
        self._serializer = import_string(serializer)() if isinstance(serializer, str) else serializer()
        marks = {"epoch_key": self.make_key(f"cc:{EPOCH}"), "all_key": self.make_key(f"cc:{ALL}")}
        self.link = link_to(servers[0], **marks, **options)
        self._cache = KeptClient(servers, self.link, self._serializer)

    def whole_keys(self, keys: Iterable[str]) -> list[str]:
        """Keys as the server knows them; ours need no validation, and on the way of a hit every microsecond counts."""
        if self.key_func is not default_key_func:
            return [self.make_key(key) for key in keys]
        beginning = f"{self.key_prefix}:{self.version}:"
        return [beginning + key for key in keys]

    def _try(self, otherwise: T, command: Callable[[], T]) -> T:
        try:
            return self.link.call(lambda _: command())
        except StoreAway:
            return otherwise

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        """A value; `default` when there is none, it is unreadable, or Redis is away."""
        try:
            return self._try(default, lambda: super(RedisCache, self).get(key, default, version))
        except CacheValueError:
            return default

    def get_many(self, keys: Iterable[str], version: int | None = None) -> dict[str, Any]:
        """Values by key, without those that are missing or unreadable."""
        names = list(keys)
        full = [self.make_and_validate_key(name, version=version) for name in names]
        nothing: list[Any] = [None] * len(names)
        found = self._try(nothing, lambda: self.link.client.mget(full))
        values = {}
        for name, data in zip(names, found, strict=True):
            if data is not None:
                try:
                    values[name] = self._serializer.loads(data)
                except CacheValueError:
                    continue
        return values

    def set(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        """Keep a value, if Redis takes it."""
        self._try(None, lambda: super(RedisCache, self).set(key, value, timeout, version))

    def set_many(
        self, data: Mapping[str, Any], timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> list[str]:
        """Keep values; answers the keys that Redis did not take."""
        return self._try(list(data), lambda: super(RedisCache, self).set_many(dict(data), timeout, version))

    def add(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Keep a value unless there is one; False as well when Redis is away."""
        return self._try(False, lambda: super(RedisCache, self).add(key, value, timeout, version))

    def touch(self, key: str, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Keep a value longer."""
        return self._try(False, lambda: super(RedisCache, self).touch(key, timeout, version))

    def delete(self, key: str, version: int | None = None) -> bool:
        """Remove a value; answers whether there was one, and Redis said so."""
        return self._try(False, lambda: super(RedisCache, self).delete(key, version))

    def delete_many(self, keys: Iterable[str], version: int | None = None) -> None:
        """Remove values."""
        self._try(None, lambda: super(RedisCache, self).delete_many(list(keys), version))

    def has_key(self, key: str, version: int | None = None) -> bool:
        """Whether there is a value."""
        return self._try(False, lambda: super(RedisCache, self).has_key(key, version))

    def incr(self, key: str, delta: int = 1, version: int | None = None) -> int:
        """Count. Raises `ValueError` when there is nothing to count on, as Django's do, or Redis is away."""
        try:
            return int(self.link.call(lambda _: super(RedisCache, self).incr(key, delta, version)))
        except StoreAway as error:
            raise ValueError(f"{key!r} cannot be counted: {error}") from None

    def clear(self) -> None:
        """Remove everything of this Redis database."""
        self._try(None, lambda: super(RedisCache, self).clear())
