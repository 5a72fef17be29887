"""What the pages show: figures and states turned into words, tones and clocks. It decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from ..constants import AgentStatus, StateReason
from ..services import Desk, Past, wording
from ..services.conferences import Conversation
from ..services.outcomes import WrapUp
from ..services.transfers import Destination

STATES: Final = {
    AgentStatus.AVAILABLE: _("Available"),
    AgentStatus.RESERVED: _("Ringing"),
    AgentStatus.BUSY: _("On a call"),
    AgentStatus.WRAP_UP: _("Wrap-up"),
    AgentStatus.ON_BREAK: _("Break"),
    AgentStatus.LUNCH: _("Lunch"),
    AgentStatus.TRAINING: _("Training"),
    AgentStatus.OFFLINE: _("Offline"),
}
"""Agents' states and their words, in the order people look for them. A state is also the name of its colour."""

CHOICES: Final = AgentStatus.CHOSEN_STATUSES
WHY: Final = {
    StateReason.AWAY: _("This page was not heard of for a while, so your calls went to others."),
    StateReason.NO_ANSWER: _("The last call rang here until it was given to others."),
}
"""What an agent is told whose state the server has changed."""
GOOD_LEVEL, FAIR_LEVEL = 80, 60  # per cent: "80 in 20" is the target the trade starts from


@dataclass(frozen=True, slots=True)
class Clock:
    """A time that goes on ticking in the browser: `at` in Unix seconds, `text` as it read when rendered.

    `total`, for a countdown, is its length in seconds.
    """

    at: str
    text: str = field(compare=False, repr=False)
    total: int = 0


@dataclass(frozen=True, slots=True)
class Level:
    """A service level: what to write, how long to draw (0..100), and how good it is."""

    text: str
    width: str
    tone: str


def clock_text(seconds: float) -> str:
    """`0:07`, `12:34`, `1:02:03`."""
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def since(moment: datetime | None, now: datetime) -> Clock | None:
    """Counts up from a moment."""
    if moment is None:
        return None
    return Clock(f"{moment.timestamp():.0f}", clock_text((now - moment).total_seconds()))


def until(moment: datetime | None, now: datetime, total: float) -> Clock | None:
    """Counts down to a moment, `total` seconds long."""
    if moment is None:
        return None
    return Clock(f"{moment.timestamp():.0f}", clock_text((moment - now).total_seconds()), max(1, round(total)))


def level(percent: float | None) -> Level:
    """How a service level is written and drawn; None is a day without calls."""
    if percent is None:
        return Level("–", "0", "none")
    tone = "good" if percent >= GOOD_LEVEL else "fair" if percent >= FAIR_LEVEL else "poor"
    return Level(f"{percent:.1f}".removesuffix(".0") + "%", f"{percent:.1f}", tone)


def wait_tone(seconds: float, threshold: float) -> str:
    """How worrying a wait is, against the seconds within which it should have ended."""
    return "good" if seconds <= threshold else "fair" if seconds <= 2 * threshold else "poor"


def caller_text(number: str) -> str:
    """A number as people read it: North American ones in groups, others as they came."""
    if len(number) == 12 and number.startswith("+1") and number[1:].isdecimal():
        return f"+1 {number[2:5]} {number[5:8]} {number[8:]}"
    return number or gettext("Unknown caller")


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One queue's line: the figures as the service gave them, the longest wait as a clock, the threshold in words."""

    line: Any
    longest: Clock | None
    tone: str
    level: Level
    within: str


@dataclass(frozen=True, slots=True)
class AgentGroup:
    """The agents who are in one state, with the clock of their time in it, those longest in it first.

    Of each also: whether they have been in it for longer than planned.
    """

    state: str
    label: str
    agents: list[tuple[Any, Clock | None, bool]]


@dataclass(frozen=True, slots=True)
class Board:
    """The wallboard, ready to be drawn."""

    totals: Any
    calls_now: int
    longest: Clock | None
    tone: str
    level: Level
    formula: str
    available: int
    on_shift: int
    queues: list[QueueRow]
    groups: list[AgentGroup]


def present_board(wallboard: Any, *, now: datetime, planned: Callable[[str], int | None] = lambda state: None) -> Board:
    """The wallboard's figures, in words, tones and clocks. `planned`: how long a state is meant to last."""
    rows = [_queue_row(line, now) for line in wallboard.queues]
    groups = list(_agent_groups(wallboard.agents, now, planned))
    sizes = {group.state: len(group.agents) for group in groups}
    return Board(
        totals=wallboard.totals,
        calls_now=wallboard.calls_now,
        longest=_waiting_since(wallboard.totals.longest_wait_s if wallboard.totals.waiting else None, now),
        tone=next((tone for tone in ("poor", "fair") if any(row.tone == tone for row in rows)), "good"),
        level=level(wallboard.totals.service_level),
        formula=wallboard.rule.formula_in(gettext),
        available=sizes.get(AgentStatus.AVAILABLE, 0),
        on_shift=sum(sizes.values()) - sizes.get(AgentStatus.OFFLINE, 0),
        queues=rows,
        groups=groups,
    )


def _waiting_since(seconds: float | None, now: datetime) -> Clock | None:
    return None if seconds is None else since(now - timedelta(seconds=seconds), now)


def _queue_row(line: Any, now: datetime) -> QueueRow:
    longest = line.longest_wait_s if line.waiting else None
    return QueueRow(
        line=line,
        longest=_waiting_since(longest, now),
        tone=wait_tone(longest or 0, line.service_level_threshold_s),
        level=level(line.service_level),
        within=gettext("in %(seconds)s s") % {"seconds": line.service_level_threshold_s},
    )


def _agent_groups(agents: Iterable[Any], now: datetime, planned: Callable[[str], int | None]) -> Iterable[AgentGroup]:
    by_state: dict[str, list[Any]] = {}
    for agent in agents:
        by_state.setdefault(agent.state, []).append(agent)
    for state in (*STATES, *sorted(by_state.keys() - STATES.keys())):
        if members := by_state.get(state):
            members.sort(key=lambda agent: (agent.since is None, agent.since, agent.name))
            length = planned(state)
            yield AgentGroup(
                state,
                state_text(state),
                [(agent, since(agent.since, now), _is_over(agent.since, length, now)) for agent in members],
            )


def _is_over(began: datetime | None, length: int | None, now: datetime) -> bool:
    return bool(began and length and (now - began).total_seconds() > length)


def state_text(state: str) -> str:
    """A state in words; one that is new here is still shown."""
    return str(STATES.get(state) or state.replace("_", " ").capitalize())


@dataclass(frozen=True, slots=True)
class Ways:
    """Where a caller can be sent, or who can be asked; `outside`: whether to numbers as well."""

    queues: list[Destination]
    colleagues: list[Destination]
    outside: bool
    asks: bool


@dataclass(frozen=True, slots=True)
class DeskShown:
    """The desk, ready to be drawn. `phase` names the one thing the agent is to do now."""

    phase: str
    state: str
    label: str
    since: Clock | None
    ends: Clock | None
    over: bool
    why: str
    choices: list[tuple[str, str, list[str]]]
    may_choose: bool
    reservation_id: int | None
    queue: str
    caller: str
    wrap_up: WrapUp | None
    asked_by: str
    history: tuple[Past, ...]
    talk: Conversation | None
    clock: Clock | None = field(repr=False)  # a second's rounding is no news: it would swap the button being pressed
    connected: bool


def present_desk(
    desk: Desk,
    *,
    now: datetime,
    ring_timeout: float,
    reasons: Mapping[str, list[str]] = MappingProxyType({}),
) -> DeskShown:
    """The desk's state, offer and call, in words and clocks."""
    task = desk.offer or desk.call
    ends, clock = None, None
    if desk.offer:
        ends = until(desk.offer.expires_at, now, ring_timeout)
        clock = _waiting_since(desk.offer.waited_s, now)
    elif desk.call:
        clock = since(desk.call.connected_at or desk.call.accepted_at, now)
    elif (end := desk.state_expires_at or desk.planned_until) and desk.since:
        ends = until(end, now, (end - desk.since).total_seconds())
    over = desk.planned_until is not None and desk.planned_until < now
    return DeskShown(
        phase=_phase(desk),
        state=desk.state,
        label=state_text(desk.state),
        since=since(desk.since, now),
        ends=since(desk.planned_until, now) if over else ends,
        over=over,
        why=str(WHY.get(desk.reason) or wording.REASONS.get(desk.reason) or desk.reason),
        choices=[(state, state_text(state), reasons.get(state, [])) for state in CHOICES],
        may_choose=task is None and desk.state in (*CHOICES, AgentStatus.WRAP_UP),
        reservation_id=task.reservation_id if task else None,
        queue=task.queue if task else "",
        caller=caller_text(task.caller) if task else "",
        wrap_up=desk.wrap_up,
        asked_by=desk.offer.asked_by if desk.offer else "",
        history=task.history if task else (),
        talk=desk.call.conversation if desk.call else None,
        clock=clock,
        connected=bool(desk.call and desk.call.connected_at),
    )


def _phase(desk: Desk) -> str:
    if desk.offer:
        return "offer"
    if desk.call:
        return "call"
    if desk.state in (AgentStatus.RESERVED, AgentStatus.BUSY):
        return "moment"  # between two rows of one transaction's effects: the next poll knows
    return {AgentStatus.WRAP_UP: "wrap_up", AgentStatus.AVAILABLE: "ready"}.get(desk.state, "away")
