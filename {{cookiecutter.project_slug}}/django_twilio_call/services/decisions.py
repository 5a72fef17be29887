"""What a service decided about a caller, as plain data: `webhooks.twiml` says it in TwiML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ..constants import OverflowReason, RecordingPolicy


@dataclass(frozen=True, slots=True)
class Speech:
    """In which language and voice to speak, and with which texts of one's own; "": as the configuration says."""

    language: str = ""
    voice: str = ""
    texts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Menu:
    """Let the caller choose: `options` are (digit, queue name); `attempt` counts from 1."""

    options: tuple[tuple[str, str], ...]
    attempt: int


@dataclass(frozen=True, slots=True)
class Ask:
    """Read the menu `node` of the call's flow, and wait `timeout` seconds for a key; `attempt` counts from 1."""

    node: str
    text: str
    attempt: int
    step: int
    timeout: int
    speech: Speech


@dataclass(frozen=True, slots=True)
class Go:
    """Go to `node` of the call's flow, in a webhook of its own."""

    node: str
    step: int


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the call: everything is said."""


@dataclass(frozen=True, slots=True)
class Queued:
    """Let the caller wait for an agent as entry `entry_id` of `queue`.

    `then`: where they go if nobody comes, `full`: if Twilio has no place for them; "" is goodbye.
    `recording`: what they hear before of being recorded, as `RecordingPolicy` has it.
    """

    entry_id: int
    queue: str
    then: str = ""
    full: str = ""
    recording: str = RecordingPolicy.NEVER
    speech: Speech = Speech()


@dataclass(frozen=True, slots=True)
class Closed:
    """When it opens next (None: not known), and when that was asked, both in the calendar's local time."""

    opening: datetime | None
    asked: datetime


@dataclass(frozen=True, slots=True)
class SendOn:
    """The queue does not serve the caller of `entry_id`: say why, and ask where they go."""

    entry_id: int
    reason: str = ""
    closed: Closed | None = None
    speech: Speech = Speech()


@dataclass(frozen=True, slots=True)
class Offer:
    """What a waiting caller of `entry_id` may do instead, after `waited` seconds: press `digit` to go `way`."""

    entry_id: int
    digit: str
    way: str
    waited: int


@dataclass(frozen=True, slots=True)
class Wait:
    """Keep the caller waiting, to `music` if there is some: tell the `position` in line from 1 (0: do not).

    `estimate` is the seconds they will wait, None where that is not known.
    """

    position: int
    estimate: int | None = None
    music: str = ""
    offers: tuple[Offer, ...] = ()
    speech: Speech = Speech()


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The caller has waited as long as the queue allows: take them out of it."""


@dataclass(frozen=True, slots=True)
class TakeMessage:
    """Record a message of at most `seconds` for queue `queue_id`, once."""

    queue_id: int
    seconds: int
    speech: Speech = Speech()


@dataclass(frozen=True, slots=True)
class Thanks:
    """The caller has said what they had to say: thank them, and end the call."""

    speech: Speech = Speech()


@dataclass(frozen=True, slots=True)
class Promise:
    """The caller will be called back: say so, and end the call."""

    speech: Speech = Speech()


@dataclass(frozen=True, slots=True)
class Meet:
    """Caller and agent meet in `conference` for reservation `reservation_id`.

    It ends with whoever leaves it, but for one who was asked in (`ends` is False). A supervisor comes in muted,
    and is heard, if at all, by the leg `coach` alone. `notice`: how to tell a caller first that they are recorded.
    """

    reservation_id: int
    conference: str
    ends: bool = True
    coach: str = ""
    recorded: bool = False
    notice: Speech | None = None


@dataclass(frozen=True, slots=True)
class DialOut:
    """Connect the caller with a number outside, and ask again afterwards for reservation `reservation_id`."""

    reservation_id: int
    number: str


@dataclass(frozen=True, slots=True)
class Sorry:
    """Nobody could take the call: say why, and end it."""

    reason: str = OverflowReason.WAITED
    closed: Closed | None = None
    speech: Speech = Speech()


@dataclass(frozen=True, slots=True)
class Goodbye:
    """Nothing is left to say."""


@dataclass(frozen=True, slots=True)
class Said:
    """Say `texts`, and then do what `then` says."""

    texts: tuple[str, ...]
    then: Ask | Go | HangUp | Promise | Queued | SendOn | Sorry | TakeMessage
    speech: Speech
