"""Agents, and the gapless history of their states."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q

from ..constants import AgentStatus
from ..names import named
from .access import Role, give_role
from .announcing import AnnouncingQuerySet
from .counting import UNCOUNTED, uncounted


class AgentQuerySet(AnnouncingQuerySet["Agent"]):
    """Agents, and the one thing that changes with every poll of a desk."""

    def heard(self, *, agent_id: int, now: datetime | None) -> None:
        """Note a sign of life, or with None that none is waited for. Not announced: no kept answer depends on it.

        Whoever gives one is not frozen: a tab that the browser threw away comes back without saying `resume`.
        """
        models.QuerySet.update(self.filter(pk=agent_id), heard_at=now, frozen_at=None)


class Agent(models.Model):
    """Somebody who takes calls. What they are doing now is their open `AgentStateSpan`."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="agent")
    name = models.CharField(max_length=150)
    heard_at = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="When the agent's desk last asked for news. Empty: no desk has begun to, so none is waited for.",
    )

    frozen_at = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="When the browser froze the desk's tab, as the tab itself said. Empty: it has not, or is back.",
    )

    objects = AgentQuerySet.as_manager()

    class Meta:
        ordering = ("name", "pk")

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **options: Any) -> None:
        """As Django's; whoever becomes an agent gets the role."""
        is_new = self._state.adding
        super().save(*args, **options)
        if is_new:
            give_role(self.user, Role.AGENT)

    @property
    def identity(self) -> str:
        """Name of the agent's browser phone: Twilio allows `[A-Za-z0-9_]` alone, so never an e-mail address."""
        return named(f"agent_{self.pk}")


class AgentStateSpanQuerySet(models.QuerySet["AgentStateSpan"]):
    """Spans by what they say about now."""

    def current(self) -> AgentStateSpanQuerySet:
        """Spans that have not ended: at most one for each agent, what the agent is doing now."""
        return self.filter(ended_at=None)

    def unheard(self, since: datetime) -> AgentStateSpanQuerySet:
        """Current spans of available agents whose desk was last heard of before that, or is frozen."""
        silent = Q(agent__heard_at__lt=since) | Q(agent__frozen_at__isnull=False)
        return self.current().filter(silent, state=AgentStatus.AVAILABLE)

    def logged_in(self, since: datetime) -> AgentStateSpanQuerySet:
        """Current spans of agents who are there, as `models.written.entrance` has it: nothing tells of whoever went
        home on a break, but that their desk was last heard of before that."""
        gone = Q(state__in=AgentStatus.BREAKS, agent__heard_at__lt=since)
        return self.current().exclude(state=AgentStatus.OFFLINE).exclude(gone)

    def due(self, now: datetime) -> AgentStateSpanQuerySet:
        """Current spans whose server-side timer has run out."""
        return self.current().filter(expires_at__lte=now)

    def move(
        self,
        *,
        agent_id: int,
        to: str,
        now: datetime,
        reason: str = "",
        expires_at: datetime | None = None,
        **only: Any,
    ) -> AgentStateSpan | None:
        """End the agent's current span and open the next one, in two statements.

        `only` narrows the span that may be left (`state="busy"`, `state__in=…`). Answers None, with nothing changed,
        when the agent is not in such a state: whoever moves first wins.
        """
        if not self.current().filter(agent_id=agent_id, **only).update(ended_at=now):
            return None
        return self.create(agent_id=agent_id, state=to, reason=reason, started_at=now, expires_at=expires_at)


class AgentStateSpan(models.Model):
    """One agent in one state from `started_at` to `ended_at`; the open span is the agent's current state."""

    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="spans")
    state = models.CharField(max_length=20, default=AgentStatus.OFFLINE)
    reason = models.CharField(max_length=100, blank=True, default="")
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(
        null=True, blank=True, help_text="When the server ends this span by itself (wrap-up)."
    )
    is_counted = uncounted()

    objects = AgentStateSpanQuerySet.as_manager()

    class Meta:
        ordering = ("-started_at", "-pk")
        constraints = (
            models.UniqueConstraint(fields=["agent"], condition=Q(ended_at=None), name="one_open_span_per_agent"),
        )
        indexes = (
            # Longest idle is the first row of this index: the routing query reads nothing else.
            models.Index(fields=["state", "started_at", "id"], condition=Q(ended_at=None), name="span_open_by_state"),
            models.Index(fields=["agent", "started_at"], name="span_history"),
            models.Index(fields=["id"], condition=UNCOUNTED, name="span_uncounted"),
        )

    def __str__(self) -> str:
        return f"agent {self.agent_id} {self.state}"


class AgentReason(models.Model):
    """One of the reasons agents may give for a state they choose."""

    state = models.CharField(
        max_length=20, choices=[(state, state.replace("_", " ")) for state in AgentStatus.CHOSEN_STATUSES]
    )
    name = models.CharField(max_length=50)
    position = models.PositiveSmallIntegerField(default=0, help_text="Lower ones are shown first.")
    is_active = models.BooleanField(default=True)

    objects = AnnouncingQuerySet.as_manager()

    class Meta:
        ordering = ("state", "position", "name")
        constraints = (models.UniqueConstraint(fields=["state", "name"], name="one_reason_per_state_and_name"),)

    def __str__(self) -> str:
        return f"{self.state}: {self.name}"
