"""What tells two configurations apart without telling what they are."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import MISSING
from typing import Any

from .catalogue import Config, disassemble, variables


def digests(config: Config) -> dict[str, str]:
    """A short digest of each value by its variable's name."""
    return digests_of(disassemble(config))


def digests_of(values: Mapping[str, Any]) -> dict[str, str]:
    """The same for some values. A secret's is keyed, so that nobody can try words against it: without key, none."""
    secret_key = values.get("DJANGO_SECRET_KEY", MISSING)
    key = b"" if secret_key is MISSING else hashlib.blake2b(secret_key.encode()).digest()
    found = {}
    for name, value in values.items():
        declared = variables()[name]
        if value is MISSING or (declared.secret and not key):
            continue
        text = "" if value is None else declared.type.write(value)
        found[name] = hashlib.blake2b(text.encode(), key=key if declared.secret else b"", digest_size=4).hexdigest()
    return found


def fingerprint(marks: Mapping[str, str]) -> str:
    """One short text for all of them; another as soon as one value is another."""
    return hashlib.blake2b(repr(sorted(marks.items())).encode(), digest_size=6).hexdigest()


def difference(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """Names of the variables that differ."""
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))
