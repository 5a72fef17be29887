"""Many values in one round trip."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .counters import Counters
from .guard import Guard
from .kept import MARK, Kept, from_bytes, generation
from .store import GENERATION_OF_ALL, StoreAway

Found = Mapping[str, tuple[Kept | None, bytes | None]]
"""Key -> what is kept there, and the marks as they are now."""


class BulkGuard(Guard):
    """A guard that also gives and keeps many values at once; a key has one tag here, its service's."""

    def read_many(self, wanted: Mapping[str, str]) -> dict[str, tuple[Kept | None, bytes | None]]:
        """For each key the value and the marks as they are now, all in one round trip; `wanted` is key -> tag."""
        tags = sorted(set(wanted.values()))
        keys = (*wanted, GENERATION_OF_ALL, *map(generation, tags))
        found = self.store.read(keys)
        all_mark, *marks = found[len(wanted) :]
        by_tag = dict(zip(tags, marks, strict=True))

        def both(tag: str) -> bytes | None:
            mark = by_tag[tag]
            return None if all_mark is None or mark is None else all_mark + mark

        return {key: (from_bytes(data), both(wanted[key])) for key, data in zip(wanted, found, strict=False)}

    def get_many(
        self,
        name: str,
        wanted: Mapping[str, str],
        seconds: float,
        compute: Callable[[list[str]], Mapping[str, Any]],
        counters: Counters,
    ) -> dict[str, Any]:
        """The values of many keys (key -> tag); `compute` gives those that are missing, all at once.

        Among all that is asked for under the same `name` one caller computes at a time, and the next one only what is
        missing then.
        """
        begun = self._flights.begun
        try:
            found = self._read_marked(wanted)
            values = self._counting(found, counters)
            if missing := {key: wanted[key] for key in wanted if key not in values}:
                counters.misses += len(missing)
                marks = tuple(found[key][1] for key in missing)
                values |= self._flights.share(
                    (name, *missing, marks),
                    lambda: self._all_in_turn(name, missing, seconds, compute, counters),
                    # Without marks nobody can tell whether it was invalidated since.
                    since=self._flights.begun if None in marks else -1,
                )
            return values
        except StoreAway:
            counters.errors += 1
            counters.uncached += len(wanted)
            alone: dict[str, Any] = self._flights.share(
                (name, *wanted), lambda: dict(self.computed(lambda: compute(list(wanted)), counters)[0]), since=begun
            )
            return alone

    def _all_in_turn(
        self,
        name: str,
        missing: Mapping[str, str],
        seconds: float,
        compute: Callable[[list[str]], Mapping[str, Any]],
        counters: Counters,
    ) -> dict[str, Any]:
        """Those of the missing that others computed meanwhile, and the rest."""

        def look() -> dict[str, Any] | None:
            values = self._there(self.read_many(missing), counters)
            return values if len(values) == len(missing) else None

        turn, all_there = self._turns.wait(f"{name}:lock", look)
        if turn is None:
            return all_there or {}
        with turn:
            found = self._read_marked(missing)
            values = self._there(found, counters)
            rest = [key for key in missing if key not in values]
            if not rest:
                return values
            computed, cost = self.computed(lambda: compute(rest), counters)
            marked = {key: marks for key in rest if (marks := found[key][1]) is not None and key in computed}
            share = cost / len(rest)
            packed = {key: self.packed(marks, seconds, computed[key], share) for key, marks in marked.items()}
            with contextlib.suppress(StoreAway):
                self.store.write_many(packed, seconds)
            return {**values, **computed}

    def _counting(self, found: Found, counters: Counters) -> dict[str, Any]:
        """As `_there`, and they are hits."""
        valid = [(key, each) for key, (kept, marks) in found.items() if (each := self.valid(kept, marks, counters))]
        counters.hits += len(valid)
        counters.saved_s += sum(each.cost for _, each in valid)
        return {key: each.value for key, each in valid}

    def _there(self, found: Found, counters: Counters) -> dict[str, Any]:
        """Key -> value of those that count."""
        valid = ((key, self.valid(kept, marks, counters)) for key, (kept, marks) in found.items())
        return {key: each.value for key, each in valid if each is not None}

    def _read_marked(self, wanted: Mapping[str, str]) -> dict[str, tuple[Kept | None, bytes | None]]:
        """As `read_many`, with the marks made that were missing: before anything is computed under them."""
        found = self.read_many(wanted)
        if all(marks is not None for _, marks in found.values()):
            return found
        for name in (GENERATION_OF_ALL, *map(generation, set(wanted.values()))):
            self.store.add(name, secrets.token_bytes(MARK), None)
        return self.read_many(wanted)

    def put_many(self, entries: Iterable[tuple[str, str, float, Any]]) -> bool:
        """Keep values that are known already, (key, tag, seconds, value) each; answers whether all were kept."""
        given = list(entries)
        try:
            found = self._read_marked({key: tag for key, tag, _, _ in given})
            by_seconds: dict[float, dict[str, bytes]] = {}
            for key, _, seconds, value in given:
                if seconds > 0 and (marks := found[key][1]) is not None:
                    by_seconds.setdefault(seconds, {})[key] = self.packed(marks, seconds, value, 0.0)
            for seconds, packed in by_seconds.items():
                self.store.write_many(packed, seconds)
        except StoreAway:
            return False
        return sum(map(len, by_seconds.values())) == len({key for key, _, _, _ in given})
