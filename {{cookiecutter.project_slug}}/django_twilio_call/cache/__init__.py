"""The cache: answers of services, kept as long as the configuration says, forgotten the moment they are wrong.

`keys` and `codec` turn arguments and values into text and bytes, `link`, `backend` and `store` lead to Redis or another
of Django's caches, `guard` computes once and keeps what `kept` describes (`bulk` many at once), `results` is the
decorator, `invalidation` listens to models, and `manager` is all of it by hand.
"""

from __future__ import annotations

from .invalidation import connect_model_invalidation
from .manager import (
    CacheManager,
    build_cache_key,
    cache_delete,
    cache_get,
    cache_set,
    get_cache_manager,
    invalidate_model_cache,
    invalidate_service_cache,
    invalidate_tags,
    warming,
)
from .results import cache_result, cached_parts

__all__ = [
    "CacheManager",
    "build_cache_key",
    "cache_delete",
    "cache_get",
    "cache_result",
    "cache_set",
    "cached_parts",
    "connect_model_invalidation",
    "get_cache_manager",
    "invalidate_model_cache",
    "invalidate_service_cache",
    "invalidate_tags",
    "warming",
]
