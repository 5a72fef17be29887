"""Skills: what agents can do and how well, what a queue asks for, and what it asks less of as a wait goes on."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from ..constants import RelaxationAction
from .agents import Agent
from .announcing import AnnouncingQuerySet
from .queues import Queue

_LEVELS = (MinValueValidator(1), MaxValueValidator(10))


class Skill(models.Model):
    """Something that some agents can do: a language, a product."""

    key = models.SlugField(unique=True)
    name = models.CharField(max_length=100)

    objects = AnnouncingQuerySet.as_manager()

    class Meta:
        ordering = ("key",)

    def __str__(self) -> str:
        return self.name


class AgentSkill(models.Model):
    """How well an agent can do it."""

    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="skills")
    skill = models.ForeignKey(Skill, on_delete=models.CASCADE, related_name="agents")
    level = models.PositiveSmallIntegerField(default=1, validators=_LEVELS, help_text="1 to 10, 10 is best.")

    class Meta:
        constraints = (models.UniqueConstraint(fields=["agent", "skill"], name="one_level_per_agent_and_skill"),)

    def __str__(self) -> str:
        return f"agent {self.agent_id} skill {self.skill_id} level {self.level}"


class QueueSkill(models.Model):
    """What an agent must be able to do, and how well, to be offered the queue's callers."""

    queue = models.ForeignKey(Queue, on_delete=models.CASCADE, related_name="skills")
    skill = models.ForeignKey(Skill, on_delete=models.CASCADE, related_name="queues")
    level = models.PositiveSmallIntegerField(default=1, validators=_LEVELS, help_text="The least level.")
    weight = models.PositiveSmallIntegerField(
        default=1, help_text="What a level counts where the queue asks the best agent first."
    )

    objects = AnnouncingQuerySet.as_manager()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["queue", "skill"], name="one_level_per_queue_and_skill"),)

    def __str__(self) -> str:
        return f"queue {self.queue_id} skill {self.skill_id} level {self.level}"


class Relaxation(models.Model):
    """From `after_s` seconds of wait on a queue asks for less. The steps add up."""

    queue = models.ForeignKey(Queue, on_delete=models.CASCADE, related_name="relaxations")
    after_s = models.PositiveIntegerField("after", help_text="Seconds of wait.")
    action = models.CharField(max_length=20, choices=RelaxationAction.CHOICES)
    skill = models.ForeignKey(
        Skill, on_delete=models.CASCADE, null=True, blank=True, help_text="Empty: all skills. No matter for tiers."
    )
    amount = models.PositiveSmallIntegerField(
        default=1, validators=[MinValueValidator(1)], help_text="How many levels lower, or how many tiers more."
    )

    objects = AnnouncingQuerySet.as_manager()

    class Meta:
        ordering = ("queue", "after_s", "pk")

    def __str__(self) -> str:
        return f"queue {self.queue_id} after {self.after_s} s {self.action}"
