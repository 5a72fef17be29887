"""The cache by hand: keys, single values, many at once, invalidation, warming and health.

`cache_result` is what services use; this is for everything else, and for code that comes from django-twilio-call 0.1.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any, Final

from django.core.cache import cache

from ..conf import get_config
from ..constants import CacheKeyPrefixes
from ..exceptions import CacheError, CacheValueError
from . import codec
from . import counters as counting
from .invalidation import tags_of
from .kept import Kept, Valid
from .keys import join, namespace
from .results import declared, guard, tag_of_service
from .store import StoreAway


class CacheManager:
    """Values by key. A key made for a service goes with it: invalidating the service invalidates the value."""

    def build_key(self, prefix: str, *parts: Any) -> str:
        """A key that begins with a prefix; it goes with the service of that name, if there is one."""
        return join(namespace(prefix), parts)

    def build_service_key(self, service_type: str, method: str, *args: Any, **kwargs: Any) -> str:
        """A key of a service, for one of its methods with these arguments."""
        return join(namespace(service_type, method), [*args, *([kwargs] if kwargs else [])])

    def build_model_key(self, model_name: str, object_id: Any, action: str = "detail") -> str:
        """A key for something about one row."""
        return join(namespace("model", model_name.lower()), [object_id, action])

    def build_analytics_key(
        self, report_type: str, start_date: date | None = None, end_date: date | None = None, **filters: Any
    ) -> str:
        """A key of the analytics service, for a report of a period."""
        return self.build_service_key(CacheKeyPrefixes.ANALYTICS, report_type, start_date, end_date, **filters)

    def get(self, key: str, default: Any = None) -> Any:
        """The value, or `default` where there is none, it was invalidated, or the store is away."""
        return self.get_many([key]).get(key, default)

    def set(self, key: str, value: Any, timeout: int | None = None, service_type: str | None = None) -> bool:
        """Keep a value for `timeout` seconds, else as long as its service's do; answers whether it was kept."""
        return self.set_many({key: value}, timeout, service_type)

    def delete(self, key: str) -> bool:
        """Remove a value; answers whether the store said so."""
        return guard.drop(key)

    def get_many(self, keys: Iterable[str]) -> dict[str, Any]:
        """The values that are there, in one round trip; those kept for a service their key does not name take two."""
        wanted = {key: _service_in(key) for key in keys}
        try:
            found = guard.read_many({key: tag_of_service(service) for key, service in wanted.items()})
            values = {}
            for key, (kept, marks) in found.items():
                counters = counting.of(wanted[key])
                valid = guard.valid(kept, marks, counters) or _of_another_service(key, kept, wanted[key])
                counters.hits += valid is not None
                counters.misses += valid is None
                if valid is not None:
                    values[key] = valid.value[1]
        except StoreAway:
            return {}
        return values

    def set_many(self, data: Mapping[str, Any], timeout: int | None = None, service_type: str | None = None) -> bool:
        """Keep many; answers whether all were kept."""
        config = get_config()
        entries = []
        for key, value in data.items():
            service = service_type or _service_in(key)
            seconds = config.get_cache_timeout(service) if timeout is None else timeout
            entries.append((key, tag_of_service(service), seconds, [service, value]))
        return guard.put_many(entries)

    def delete_many(self, keys: Iterable[str]) -> bool:
        """Remove many; answers whether the store said so."""
        wanted = list(keys)
        return guard.store.forget(wanted) if wanted else True

    def invalidate_service_cache(self, service_type: str) -> bool:
        """Forget every answer of a service, in one step however many there are."""
        return invalidate_tags(tag_of_service(service_type))

    def invalidate_model_cache(self, model_name: str, object_id: Any = None) -> bool:
        """Forget what was computed from a model (`queue`, or `app_label.model`) or from one of its rows."""
        label = model_name if "." in model_name else f"django_twilio_call.{model_name}"
        return invalidate_tags(*tags_of(label, object_id))

    def invalidate_analytics_cache(self, report_type: str | None = None) -> bool:
        """Forget all analytics; `report_type` is taken for the sake of older code, and narrows nothing."""
        return self.invalidate_service_cache(CacheKeyPrefixes.ANALYTICS)

    def invalidate_user_cache(self, user_id: Any) -> bool:
        """Forget what has the tag of this user."""
        return invalidate_tags(f"u:{user_id}")

    def invalidate_all(self) -> bool:
        """Forget everything."""
        return guard.forget_all()

    def warm_service_cache(
        self, service_type: str, critical_data: Mapping[str, Any | Callable[[], Any]] | None = None
    ) -> int:
        """Compute ahead what callers will ask for: what the service's cached methods declare, and `critical_data`.

        That is key -> value, or a function that gives it. Answers how many were kept.
        """
        given = {key: value() if callable(value) else value for key, value in (critical_data or {}).items()}
        kept = sum(self.set(key, value, service_type=service_type) for key, value in given.items())
        return kept + sum(1 for step in warming(service_type) if step())

    def invalidate_pattern(self, pattern: str, *, seconds: float = 60) -> int:
        """Delete the keys of this Redis database that match (`agent:*`): for keys that are not ours, by hand.

        In steps, so that the server answers others in between, and for `seconds` at most; answers how many were
        deleted. Raises `CacheError` on a backend that cannot list its keys, or when the time was not enough.
        """
        link = guard.store.link()
        if link is None:
            raise CacheError(f"{type(guard.store.backend).__name__} cannot list its keys: only Redis can")
        return int(link.delete_matching(pattern, seconds=seconds))

    def get_cache_stats(self) -> dict[str, Any]:
        """What the cache did in this process, by service, and how its server is. Raises `CacheError` if it is away."""
        link = guard.store.link()
        server = {"errors": link.errors, "outages": link.outages, **link.server_info()} if link else {}
        return {"backend": type(guard.store.backend).__name__, "server": server, "services": counting.snapshot()}

    def health_check(self) -> dict[str, Any]:
        """Write, read and remove a value of its own: `status` healthy or unhealthy, and how long that took, in ms."""
        key, wanted = f"cc:health:{secrets.token_hex(8)}", secrets.token_hex(8).encode()
        began = time.perf_counter()
        try:
            guard.store.write(key, wanted, 10)
            (found,) = guard.store.read([key])
            guard.store.delete(key)
            problem = "" if found == wanted else "what was written was not there"
        except CacheError as error:
            problem = str(error)
        took = round((time.perf_counter() - began) * 1000, 2)
        status = "unhealthy" if problem else "healthy"
        return {"status": status, "backend": type(cache).__name__, "response_time_ms": took, "error": problem}


_manager: Final = CacheManager()


def get_cache_manager() -> CacheManager:
    """The one there is."""
    return _manager


def invalidate_tags(*tags: str) -> bool:
    """Forget all answers that depend on any of these tags. True when the store said so."""
    for tag in tags:
        if tag.startswith("s:"):
            counting.of(tag[2:]).invalidations += 1
    return guard.forget(tags)


def warming(service_type: str | None = None) -> list[Callable[[], bool]]:
    """A step for each answer that cached functions declare worth computing ahead, of one service or of all."""
    return [
        lambda cached=cached, arguments=arguments: bool(cached.warm_one(arguments))  # type: ignore[misc]
        for cached in declared
        if cached.warm is not None and service_type in (None, cached.service_type)
        for arguments in cached.warm()
    ]


def build_cache_key(prefix: str, *parts: Any) -> str:
    """See `CacheManager.build_key`."""
    return _manager.build_key(prefix, *parts)


def cache_get(key: str, default: Any = None) -> Any:
    """See `CacheManager.get`."""
    return _manager.get(key, default)


def cache_set(key: str, value: Any, timeout: int | None = None, service_type: str | None = None) -> bool:
    """See `CacheManager.set`."""
    return _manager.set(key, value, timeout, service_type)


def cache_delete(key: str) -> bool:
    """See `CacheManager.delete`."""
    return _manager.delete(key)


def invalidate_service_cache(service_type: str) -> bool:
    """See `CacheManager.invalidate_service_cache`."""
    return _manager.invalidate_service_cache(service_type)


def invalidate_model_cache(model_name: str, object_id: Any = None) -> bool:
    """See `CacheManager.invalidate_model_cache`."""
    return _manager.invalidate_model_cache(model_name, object_id)


def _service_in(key: str) -> str:
    """The service that a key names, if it is one of ours."""
    return key.removeprefix("cc:").partition(":")[0] if key.startswith("cc:") else "default"


def _of_another_service(key: str, kept: Kept | None, asked: str) -> Valid | None:
    """A value that was kept for a service its key does not name: it says itself for which."""
    if kept is None:
        return None
    try:
        service, _ = codec.loads(kept.payload)
    except (CacheValueError, ValueError, TypeError):
        return None
    if service == asked:
        return None
    again, marks = guard.read(key, [tag_of_service(service)])
    return guard.valid(again, marks, counting.of(service))
