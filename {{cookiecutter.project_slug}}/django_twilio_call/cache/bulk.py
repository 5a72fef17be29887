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
        wanted: Mapping[str, str],
        seconds: float,
        compute: Callable[[list[str]], Mapping[str, Any]],
        counters: Counters,
    ) -> dict[str, Any]:
        """The values of many keys (key -> tag); `compute` gives those that are missing, all at once.

        Two callers may both compute: for values that are cheap together, or asked for by a guarded one.
        """
        try:
            found = self._read_marked(wanted)
        except StoreAway:
            counters.errors += 1
            counters.uncached += len(wanted)
            return dict(self.computed(lambda: compute(list(wanted)), counters)[0])
        valid = {key: self.valid(kept, marks, counters) for key, (kept, marks) in found.items()}
        values = {key: each.value for key, each in valid.items() if each is not None}
        counters.hits += len(values)
        counters.saved_s += sum(each.cost for each in valid.values() if each is not None)
        if missing := [key for key, each in valid.items() if each is None]:
            counters.misses += len(missing)
            computed, cost = self.computed(lambda: compute(missing), counters)
            values |= computed
            marked = {key: marks for key in missing if (marks := found[key][1]) is not None and key in computed}
            share = cost / len(missing)
            packed = {key: self.packed(marks, seconds, values[key], share) for key, marks in marked.items()}
            with contextlib.suppress(StoreAway):
                self.store.write_many(packed, seconds)
        return values

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
