"""Bytes in any of Django's caches: the few things the guard asks of a store, on Redis without a detour."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Any

from django.core.cache import caches
from django.core.cache.backends.base import BaseCache
from django.core.signals import setting_changed

from .backend import ALL, RedisCache
from .link import StoreAway

GENERATION_OF_ALL = f"cc:{ALL}"


class Store:
    """One cache of `CACHES`. Every method raises `StoreAway` when the server does not answer, but `forget`."""

    def __init__(self, alias: str = "default") -> None:
        self.alias = alias
        self._redis: RedisCache | None = None
        setting_changed.connect(self._settle)

    @property
    def backend(self) -> BaseCache:
        """Django's object, one for each thread."""
        return caches[self.alias]

    def read(self, keys: Sequence[str]) -> list[bytes | None]:
        """What stands at each key, in one round trip."""
        if (redis := self._redis) is not None:
            return redis.link.read(redis.whole_keys(keys))
        backend = self.backend
        if isinstance(backend, RedisCache):
            self._redis = backend  # any thread's will do for reading, and looking it up takes longer than a mark
            return self.read(keys)
        values = backend.get_many(keys)
        return [values.get(key) for key in keys]

    def _settle(self, *, setting: str, **_: Any) -> None:
        """Another server, in a test."""
        if setting == "CACHES":
            self._redis = None

    def write(self, key: str, data: bytes, seconds: float) -> None:
        """Keep bytes for so long."""
        backend = self.backend
        if isinstance(backend, RedisCache):
            milliseconds = ceil(seconds * 1000)
            backend.link.call(lambda client: client.set(backend.make_key(key), data, px=milliseconds))
        else:
            backend.set(key, data, ceil(seconds))

    def write_many(self, entries: dict[str, bytes], seconds: float) -> None:
        """Keep several, in one round trip where the store can."""
        backend = self.backend
        if isinstance(backend, RedisCache):
            pipeline = backend.link.client.pipeline(transaction=False)
            for key, data in entries.items():
                pipeline.set(backend.make_key(key), data, px=ceil(seconds * 1000))
            backend.link.call(lambda _: pipeline.execute())
        else:
            backend.set_many(entries, ceil(seconds))

    def add(self, key: str, data: bytes, seconds: float | None) -> bool:
        """Keep bytes unless something stands there; answers whether it did. None: for ever."""
        backend = self.backend
        if isinstance(backend, RedisCache):
            px = None if seconds is None else ceil(seconds * 1000)
            return bool(backend.link.call(lambda client: client.set(backend.make_key(key), data, px=px, nx=True)))
        return bool(backend.add(key, data, None if seconds is None else ceil(seconds)))

    def prolong(self, key: str, seconds: float) -> None:
        """Let what stands at a key stay there for so long from now on."""
        backend = self.backend
        if isinstance(backend, RedisCache):
            backend.link.call(lambda client: client.pexpire(backend.make_key(key), ceil(seconds * 1000)))
        else:
            backend.touch(key, ceil(seconds))

    def delete(self, key: str) -> None:
        """Remove what stands at a key."""
        backend = self.backend
        if isinstance(backend, RedisCache):
            backend.link.call(lambda client: client.delete(backend.make_key(key)))
        else:
            backend.delete(key)

    def forget(self, keys: Sequence[str]) -> bool:
        """Delete generations. False: the server did not say so, and will be told before anybody reads there again."""
        backend = self.backend
        if isinstance(backend, RedisCache):
            return backend.link.forget([backend.make_key(key) for key in keys])
        backend.delete_many(keys)
        return True

    def link(self) -> Any:
        """The way to Redis, or None on another backend."""
        return getattr(self.backend, "link", None)


__all__ = ["GENERATION_OF_ALL", "Store", "StoreAway"]
