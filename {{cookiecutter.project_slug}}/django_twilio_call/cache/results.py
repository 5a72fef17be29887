"""`cache_result`: a method or function whose answers are kept, for as long as its service's configuration says."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial, update_wrapper
from typing import Any, Concatenate, Final, Generic, ParamSpec, TypeVar, overload

from ..conf import get_config
from . import counters as counting
from .bulk import BulkGuard
from .invalidation import changes_pending
from .keys import join, namespace
from .store import Store

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
Q = ParamSpec("Q")

guard: Final = BulkGuard(Store())
"""The process's one guard, over Django's default cache."""

Tags = Iterable[str] | Callable[..., Iterable[str]]
_NOTHING: Final = object()


class CachedResult(Generic[P, R]):
    """A function with its answers kept. Called, it gives the kept answer or computes it; see the other methods.

    One entry for each set of arguments, however they were passed; `self` is no part of it, and a service is built for
    each operation, so its methods must depend on their arguments, the database and the configuration alone.
    """

    def __init__(
        self,
        function: Callable[P, R],
        *,
        service_type: str,
        key_prefix: str,
        timeout: int | None,
        tags: Tags,
        ignore: frozenset[str],
        warm: Callable[[], Iterable[dict[str, Any]]] | None,
    ) -> None:
        update_wrapper(self, function)
        self.function = function
        self.service_type = service_type
        self.timeout = timeout
        self.warm = warm
        self._tags = tags
        self._beginning = namespace(service_type, key_prefix or function.__qualname__)
        self._owner: type | None = None
        self._parameters = _Parameters(function, ignore)
        self._counters = counting.of(service_type)
        self._own = tag_of_function(service_type, key_prefix or function.__qualname__)
        self._always = () if callable(tags) else self._marks((), {})
        declared.append(self)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """The answer: kept, or computed now."""
        return self._answer(partial(self.function, *args, **kwargs), args, kwargs)  # type: ignore[no-any-return]

    @overload
    def __get__(self, instance: None, owner: type) -> CachedResult[P, R]: ...
    @overload
    def __get__(
        self: CachedResult[Concatenate[Any, Q], R], instance: object, owner: type | None = None
    ) -> BoundCachedResult[Q, R]: ...
    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """As with any function in a class: bound to the instance it is looked up on."""
        return self if instance is None else BoundCachedResult(self, instance)

    def __set_name__(self, owner: type, name: str) -> None:
        self._owner = owner

    def invalidate(self, *args: Any, **kwargs: Any) -> bool:
        """Forget the answer for these arguments, or without any all answers of this function.

        True when the store said so: then nobody who asks from now on gets an older one.
        """
        self._counters.invalidations += 1
        if not args and not kwargs:
            return guard.forget([self._own])
        return guard.drop(self.key(*args, **kwargs))

    def refresh(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Compute the answer anew and keep it."""
        self.invalidate(*args, **kwargs)
        return self(*args, **kwargs)

    def peek(self, *args: Any, default: Any = None, **kwargs: Any) -> Any:
        """The kept answer, or `default`; computes nothing."""
        values = self._parameters.of(args, kwargs)
        return guard.peek(join(self._beginning, values), self._marks(args, kwargs), default)

    def warm_one(self, arguments: dict[str, Any]) -> bool:
        """Compute and keep the answer for these arguments, unless it is kept; answers whether it is now."""
        call: Callable[..., Any] = self if self._owner is None else BoundCachedResult(self, self._owner())
        call(**arguments)
        return self.peek(**arguments, default=_NOTHING) is not _NOTHING

    def key(self, *args: Any, **kwargs: Any) -> str:
        """Where the answer for these arguments is kept."""
        return join(self._beginning, self._parameters.of(args, kwargs))

    def _answer(self, compute: Callable[[], Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        seconds = self.timeout if self.timeout is not None else get_config().get_cache_timeout(self.service_type)
        tags = self._always or self._marks(args, kwargs)
        if seconds <= 0 or changes_pending(tags):
            self._counters.uncached += 1
            return compute()
        key = join(self._beginning, self._parameters.of(args, kwargs))
        return guard.get(key, tags, seconds, compute, self._counters)

    def _marks(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[str, ...]:
        named = self._tags(*args, **kwargs) if callable(self._tags) else self._tags
        return (tag_of_service(self.service_type), self._own, *named)


class BoundCachedResult(Generic[P, R]):
    """A method with its answers kept, on one instance."""

    __slots__ = ("_instance", "_of")

    def __init__(self, of: CachedResult[Any, R], instance: Any) -> None:
        self._of = of
        self._instance = instance

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """The answer: kept, or computed now."""
        compute = partial(self._of.function, self._instance, *args, **kwargs)
        return self._of._answer(compute, args, kwargs)  # type: ignore[no-any-return]

    def invalidate(self, *args: Any, **kwargs: Any) -> bool:
        """See `CachedResult.invalidate`."""
        return self._of.invalidate(*args, **kwargs)

    def refresh(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """See `CachedResult.refresh`."""
        self._of.invalidate(*args, **kwargs)
        return self(*args, **kwargs)

    def peek(self, *args: Any, default: Any = None, **kwargs: Any) -> Any:
        """See `CachedResult.peek`."""
        return self._of.peek(*args, default=default, **kwargs)

    def key(self, *args: Any, **kwargs: Any) -> str:
        """See `CachedResult.key`."""
        return self._of.key(*args, **kwargs)


class _Parameters:
    """Arguments in the order of the parameters, however they were passed, with the defaults of those left out."""

    def __init__(self, function: Callable[..., Any], ignore: frozenset[str]) -> None:
        parameters = inspect.signature(function).parameters
        if unknown := ignore - parameters.keys():
            raise TypeError(f"{function.__qualname__} has no parameter {', '.join(sorted(unknown))} to ignore")
        self._is_method = next(iter(parameters), "") in ("self", "cls")
        names = [name for name in parameters if not (self._is_method and name == next(iter(parameters)))]
        kinds = {parameters[name].kind for name in names}
        if kinds & {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}:
            raise TypeError(f"{function.__qualname__} takes *args or **kwargs, which makes no key")
        self._names = names
        self._kept = tuple(name for name in names if name not in ignore)
        defaults = {name: parameters[name].default for name in names}
        self._defaults = {name: value for name, value in defaults.items() if value is not inspect.Parameter.empty}
        self._needed = [name for name in self._kept if name not in self._defaults]
        self._label = function.__qualname__

    def of(self, args: Sequence[Any], kwargs: dict[str, Any]) -> list[Any]:
        """The values that make the key. Raises `TypeError` as the call would."""
        given = {**self._defaults, **dict(zip(self._names, args, strict=False)), **kwargs} if args else kwargs
        if not args and self._defaults:
            given = {**self._defaults, **kwargs}
        try:
            return [given[name] for name in self._kept]
        except KeyError as missing:
            raise TypeError(f"{self._label}() misses the argument {missing}") from None


declared: Final[list[CachedResult[Any, Any]]] = []
"""Every cached function there is: what `warm` is asked of, and what invalidation by name looks through."""


def cache_result(
    timeout: int | None = None,
    key_prefix: str = "",
    service_type: str = "default",
    *,
    tags: Tags = (),
    ignore: Iterable[str] = (),
    warm: Callable[[], Iterable[dict[str, Any]]] | None = None,
) -> Callable[[Callable[P, R]], CachedResult[P, R]]:
    """Keep the answers of a method or function for `timeout` seconds, else for what the configuration says at the call.

    `tags` are further names that `invalidate_tags` knows them by, or a function of the arguments that gives some;
    `ignore` names parameters that do not change the answer, such as `now`; `warm` gives the arguments worth computing
    ahead. Answers must be plain data: see `codec`.
    """

    def decorate(function: Callable[P, R]) -> CachedResult[P, R]:
        return CachedResult(
            function,
            service_type=service_type,
            key_prefix=key_prefix,
            timeout=timeout,
            tags=tags,
            ignore=frozenset(ignore),
            warm=warm,
        )

    return decorate


def cached_parts(
    parts: Iterable[T], *, service_type: str, name: str, compute: Callable[[list[T]], Mapping[T, Any]]
) -> dict[T, Any]:
    """One answer for each of many parts (days, say), kept for as long as the service's are; in one round trip.

    `compute` gives the answers of those that are not kept, all at once, for one caller at a time. Inside a transaction
    that has changed what they are computed from, all are computed and none is kept.
    """
    wanted, tag = list(parts), tag_of_service(service_type)
    seconds, counters = get_config().get_cache_timeout(service_type), counting.of(service_type)
    if not wanted or seconds <= 0 or changes_pending((tag,)):
        counters.uncached += len(wanted)
        return dict(compute(wanted)) if wanted else {}
    beginning = namespace(service_type, name)
    by_key = {join(beginning, [part]): part for part in wanted}

    def missing(keys: list[str]) -> dict[str, Any]:
        answers = compute([by_key[key] for key in keys])
        return {key: answers[by_key[key]] for key in keys}

    found = guard.get_many(beginning, dict.fromkeys(by_key, tag), seconds, missing, counters)
    return {by_key[key]: answer for key, answer in found.items()}


def tag_of_service(service_type: str) -> str:
    """What all answers of a service depend on."""
    return f"s:{service_type}"


def tag_of_function(service_type: str, name: str) -> str:
    """What all answers of one function depend on."""
    return f"f:{service_type}:{name}"
