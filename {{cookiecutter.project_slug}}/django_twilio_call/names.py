"""What things of ours are called at Twilio: names there are the account's, and two deploys may share an account.

Two conferences of one name are one conference, in which strangers meet.
"""

from __future__ import annotations

from .conf import get_config


def named(name: str) -> str:
    """`name` as this deploy calls it at Twilio."""
    return f"{_prefix()}{name}"


def unnamed(name: str) -> str:
    """What Twilio calls `name`, as we call it; a name that is none of this deploy's stays what it is."""
    return name.removeprefix(_prefix())


def _prefix() -> str:
    namespace = get_config().namespace
    return f"{namespace}_" if namespace else ""
