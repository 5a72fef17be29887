"""What a queue asks of agents for a caller, and how it asks for less as the wait goes on: plain data, read once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Max

from ..constants import RelaxationAction
from ..models import Queue, Relaxation, Skill


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
    needs: dict[int, dict[str, int]] = {}
    known = set()
    for skill, queue_id, level in Skill.objects.values_list("key", "queues__queue", "queues__level"):
        known.add(skill)
        if queue_id is not None:
            needs.setdefault(queue_id, {})[skill] = level
    steps: dict[int, list[Step]] = {}
    for row in Relaxation.objects.select_related("skill"):
        step = Step(row.after_s, row.action, row.skill.key if row.skill else "", row.amount)
        steps.setdefault(row.queue_id, []).append(step)
    return [
        Rules(
            queue_id=queue.pk,
            strategy=queue.strategy,
            tier_wait=queue.tier_wait,
            tiers=queue.most_tiers or 1,
            sticky_days=queue.sticky_days,
            sticky_wait=queue.sticky_wait,
            skills=tuple(sorted(needs.get(queue.pk, {}).items())),
            steps=tuple(steps.get(queue.pk, ())),
            known=tuple(sorted(known)),
        )
        for queue in Queue.objects.annotate(most_tiers=Max("memberships__tier"))
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
