"""What a queue asks of agents for a caller, and how it asks for less as the wait goes on: plain data, read once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..constants import RelaxationAction
from ..models.written import rule_rows


@dataclass(frozen=True, slots=True)
class Step:
    """From `after_s` seconds of wait on: `action` on a skill (all of them, where it is empty) or on the tiers."""

    after_s: int
    action: str
    skill: str
    amount: int


@dataclass(frozen=True, slots=True)
class Demand:
    """What one caller needs now: each of these skills at this level at least, of an agent in tiers 1 to `tiers`."""

    skills: tuple[tuple[str, int], ...]
    tiers: int


@dataclass(frozen=True, slots=True)
class Rules:
    """A queue's rules. `tiers` is the highest tier any of its agents is in, `known` are the skills there are."""

    queue_id: int
    strategy: str
    tier_wait: int
    tiers: int
    sticky_days: int
    sticky_wait: int
    skills: tuple[tuple[str, int], ...]
    steps: tuple[Step, ...]
    known: tuple[str, ...]

    def demand(self, requires: str, waited: float) -> Demand:
        """What a caller needs who has waited so long, and needs `requires` (`german:2 billing:1`) besides."""
        levels = dict(self.skills)
        for skill, level in _read(requires):
            # A skill that was deleted, or never was, is nobody's: asked for, the caller would wait in vain.
            if skill in self.known:
                levels[skill] = max(level, levels.get(skill, 0))
        tiers = 1 + (int(waited // self.tier_wait) if self.tier_wait else self.tiers)
        for step in self.steps:
            if step.after_s > waited:
                continue
            if step.action == RelaxationAction.WIDEN_TIER:
                tiers += step.amount
            else:
                _ask_for_less(levels, step)
        return Demand(tuple(sorted(levels.items())), min(tiers, self.tiers))

    def next_change(self, waited: float) -> float | None:
        """After how many seconds of wait a caller needs less than one who has waited so long; None: never."""
        openings = range(self.tier_wait, self.tier_wait * self.tiers, self.tier_wait) if self.tier_wait else ()
        return min((at for at in (*openings, *(step.after_s for step in self.steps)) if at > waited), default=None)


def load() -> list[Rules]:
    """The rules of all queues, in three queries however many there are."""
    read = rule_rows()
    needs: dict[int, dict[str, int]] = {}
    for skill, queue_id, level in read.skills:
        if queue_id is not None and level is not None:
            needs.setdefault(queue_id, {})[skill] = level
    known = tuple(sorted({skill for skill, _, _ in read.skills}))
    steps: dict[int, list[Step]] = {}
    for queue_id, after_s, action, of, amount in read.steps:
        steps.setdefault(queue_id, []).append(Step(after_s, action, of or "", amount))
    return [
        Rules(
            queue_id=pk,
            strategy=strategy,
            tier_wait=tier_wait,
            tiers=most_tiers or 1,
            sticky_days=sticky_days,
            sticky_wait=sticky_wait,
            skills=tuple(sorted(needs.get(pk, {}).items())),
            steps=tuple(steps.get(pk, ())),
            known=known,
        )
        for pk, strategy, tier_wait, sticky_days, sticky_wait, most_tiers in read.queues
    ]


def _read(requires: str) -> Iterable[tuple[str, int]]:
    for word in requires.split():
        skill, _, level = word.partition(":")
        yield skill, int(level) if level.isdecimal() else 1


def _ask_for_less(levels: dict[str, int], step: Step) -> None:
    for skill in [step.skill] if step.skill else list(levels):
        lowered = levels.get(skill, 0) - step.amount
        if step.action == RelaxationAction.DROP_SKILL or lowered < 1:
            levels.pop(skill, None)
        else:
            levels[skill] = lowered
