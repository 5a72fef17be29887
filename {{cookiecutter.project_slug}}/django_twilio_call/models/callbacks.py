"""Callers who do not wait on the line: they are called back when their turn comes."""

from __future__ import annotations

from datetime import datetime

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q

from ..constants import CallbackState
from .calls import Call
from .entries import QueueEntry
from .queues import Queue


class CallbackQuerySet(models.QuerySet["CallbackRequest"]):
    """Requests, by what is to be done with them."""

    def due(self, now: datetime) -> CallbackQuerySet:
        """Requests that may be lined up at `now`, whoever has waited longest first."""
        return self.filter(state=CallbackState.WAITING, not_before__lte=now).order_by("enqueued_at", "pk")


class CallbackRequest(models.Model):
    """One wish to be called back. `enqueued_at` is the place in line, kept from the first call through every try."""

    queue = models.ForeignKey(Queue, on_delete=models.PROTECT, related_name="callbacks")
    call = models.ForeignKey(
        Call, on_delete=models.PROTECT, related_name="callbacks", help_text="In which it was said."
    )
    number = models.CharField(
        max_length=16, validators=[RegexValidator(r"^\+[1-9][0-9]{6,14}$", "A number such as +4930123456.")]
    )
    enqueued_at = models.DateTimeField()
    requested_at = models.DateTimeField()
    state = models.CharField(max_length=10, default=CallbackState.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField()
    entry = models.ForeignKey(
        QueueEntry,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="callbacks",
        help_text="Its place now.",
    )
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = CallbackQuerySet.as_manager()

    class Meta:
        ordering = ("-requested_at", "-pk")
        constraints = (
            models.UniqueConstraint(
                fields=["number", "queue"],
                condition=Q(state__in=CallbackState.OPEN_STATES),
                name="one_open_callback_per_number",
            ),
        )
        indexes = (
            models.Index(fields=["not_before"], condition=Q(state=CallbackState.WAITING), name="callback_due"),
            models.Index(fields=["state"], condition=Q(state__in=CallbackState.OPEN_STATES), name="callback_open"),
        )

    def __str__(self) -> str:
        return f"{self.number} {self.state}"
