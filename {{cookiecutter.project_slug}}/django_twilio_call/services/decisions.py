"""What a service decided about a caller, as plain data: `webhooks.twiml` says it in TwiML."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Menu:
    """Let the caller choose: `options` are (digit, queue name); `attempt` counts from 1."""

    options: tuple[tuple[str, str], ...]
    attempt: int


@dataclass(frozen=True, slots=True)
class Queued:
    """Let the caller wait for an agent as entry `entry_id` of `queue`."""

    entry_id: int
    queue: str


@dataclass(frozen=True, slots=True)
class QueueFull:
    """The queue takes nobody more."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Keep the caller waiting, `position` in line from 1 (0: not known)."""

    position: int


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The caller has waited as long as the queue allows: take them out of it."""


@dataclass(frozen=True, slots=True)
class Meet:
    """Caller and agent meet in `conference` for reservation `reservation_id`."""

    reservation_id: int
    conference: str


@dataclass(frozen=True, slots=True)
class Sorry:
    """Nobody could take the call: apologise and end it."""


@dataclass(frozen=True, slots=True)
class Goodbye:
    """Nothing is left to say."""
