"""The callers who wait in queues, and the reservations that bring a caller and an agent together."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import models
from django.db.models import Q

from ..constants import QueueEntryState, ReservationState
from .agents import Agent
from .calls import Call
from .counting import UNCOUNTED, uncounted
from .queues import Queue


class QueueEntry(models.Model):
    """One visit of a caller to a queue: it waits, is reserved for an agent, and ends with one outcome."""

    call = models.ForeignKey(Call, on_delete=models.PROTECT, related_name="entries")
    queue = models.ForeignKey(Queue, on_delete=models.PROTECT, related_name="entries")
    state = models.CharField(max_length=12, default=QueueEntryState.WAITING)
    priority = models.SmallIntegerField()
    enqueued_at = models.DateTimeField()
    rank_at = models.DateTimeField(
        editable=False, help_text="Who is served first: the start of the wait, earlier by what the priority is worth."
    )
    requires = models.CharField(
        max_length=200,
        blank=True,
        default="",
        help_text="Skills this caller needs, besides the queue's, with levels: `german:2 billing:1`.",
    )
    preferred_agent = models.ForeignKey(
        Agent, on_delete=models.PROTECT, null=True, blank=True, related_name="preferred_by"
    )
    held_until = models.DateTimeField(
        null=True, blank=True, help_text="Until then the caller is kept for the preferred agent. Empty: not decided."
    )
    answered_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True, help_text="When the caller left the queue, however.")
    announced_s = models.PositiveIntegerField(
        null=True, blank=True, help_text="Second of the wait at which the position was said last."
    )
    consent = models.BooleanField(
        null=True,
        blank=True,
        help_text="Whether the caller was told of being recorded and stayed, or agreed. Empty: neither.",
    )
    overflow_reason = models.CharField(max_length=10, blank=True, default="", help_text="Why they were sent on.")
    overflow_to = models.CharField(max_length=10, blank=True, default="", help_text="Where they were sent.")
    is_counted = uncounted()

    class Meta:
        ordering = ("-enqueued_at", "-pk")
        verbose_name_plural = "queue entries"
        constraints = (
            models.UniqueConstraint(
                fields=["call"], condition=Q(state__in=QueueEntryState.OPEN_STATES), name="one_open_entry_per_call"
            ),
        )
        indexes = (
            models.Index(
                fields=["queue", "rank_at", "id"],
                condition=Q(state=QueueEntryState.WAITING),
                name="entry_waiting_in_order",
            ),
            models.Index(
                fields=["rank_at", "id"],
                condition=Q(state=QueueEntryState.WAITING),
                name="entry_most_urgent",
            ),
            models.Index(fields=["enqueued_at"], name="entry_by_time"),
            models.Index(fields=["queue", "-enqueued_at"], name="entry_by_queue"),
            models.Index(fields=["id"], condition=UNCOUNTED, name="entry_uncounted"),
        )

    def __str__(self) -> str:
        return f"entry {self.pk} {self.state}"

    def save(self, *args: Any, **options: Any) -> None:
        """As Django's, with the rank of a new entry. `bulk_create` has to give it itself: see `ranked_at`."""
        if self._state.adding:
            self.rank_at = self.ranked_at()
        super().save(*args, **options)

    def ranked_at(self) -> datetime:
        """Kept in a column, so that waiting callers grow older without anything being computed when they are routed."""
        return self.enqueued_at - timedelta(seconds=self.priority * self.queue.priority_weight)


class Reservation(models.Model):
    """An agent promised to a caller. The two partial unique indexes are the last guard against a double booking."""

    entry = models.ForeignKey(QueueEntry, on_delete=models.PROTECT, related_name="reservations")
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="reservations")
    state = models.CharField(max_length=12, default=ReservationState.PENDING)
    created_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(help_text="When a pending offer, or an accepted one nobody joined, is withdrawn.")
    ended_at = models.DateTimeField(null=True, blank=True)
    agent_call = models.ForeignKey(Call, on_delete=models.PROTECT, null=True, blank=True, related_name="reservations")
    is_counted = uncounted()
    asked_by = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="asks",
        db_index=False,  # of those asked now the constraint below has one
        help_text="Whose call this agent is asked into. Empty: the caller is this agent's own.",
    )
    room = models.CharField(
        max_length=40,
        blank=True,
        default="",
        db_default="",
        help_text="The conference this agent came into. Empty: one of their own.",
    )

    class Meta:
        ordering = ("-created_at", "-pk")
        constraints = (
            models.UniqueConstraint(
                fields=["agent"],
                condition=Q(state__in=ReservationState.ACTIVE_STATES),
                name="one_reservation_per_agent",
            ),
            models.UniqueConstraint(
                fields=["entry"],
                condition=Q(state__in=ReservationState.ACTIVE_STATES, room=""),
                name="one_reservation_per_entry",
            ),
            models.UniqueConstraint(
                fields=["asked_by"],
                condition=Q(state__in=ReservationState.ACTIVE_STATES),
                name="one_asked_at_a_time",
            ),
        )
        indexes = (
            models.Index(
                fields=["expires_at"], condition=Q(state__in=ReservationState.ACTIVE_STATES), name="reservation_due"
            ),
            models.Index(fields=["agent", "-created_at"], name="reservation_by_agent"),
            models.Index(fields=["id"], condition=UNCOUNTED, name="reservation_uncounted"),
        )

    def __str__(self) -> str:
        return f"reservation {self.pk} {self.state}"

    @property
    def conference(self) -> str:
        """Name of the conference in which caller and agent meet."""
        return self.room or f"reservation-{self.pk}"
