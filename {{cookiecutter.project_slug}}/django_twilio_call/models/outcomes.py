"""How calls ended, in the words of the people who took them."""

from __future__ import annotations

from django.db import models

from .announcing import AnnouncingQuerySet
from .entries import Reservation
from .queues import Queue


class Disposition(models.Model):
    """One of the ways a queue's calls may end: sold, call again, wrong number."""

    queue = models.ForeignKey(Queue, on_delete=models.CASCADE, related_name="dispositions")
    code = models.SlugField(max_length=30)
    label = models.CharField(max_length=100)
    position = models.PositiveSmallIntegerField(default=0, help_text="Lower ones are shown first.")
    is_active = models.BooleanField(default=True)

    objects = AnnouncingQuerySet.as_manager()

    class Meta:
        ordering = ("queue", "position", "label")
        constraints = (models.UniqueConstraint(fields=["queue", "code"], name="one_disposition_per_queue_and_code"),)

    def __str__(self) -> str:
        return self.label


class CallOutcome(models.Model):
    """What an agent said of one call. The code is copied: a disposition may be renamed or deleted later."""

    reservation = models.OneToOneField(Reservation, on_delete=models.PROTECT, related_name="outcome")
    code = models.CharField(max_length=30)
    note = models.TextField(blank=True, default="")
    created_at = models.DateTimeField()

    class Meta:
        ordering = ("-created_at", "-pk")
        indexes = (models.Index(fields=["code", "created_at"], name="outcome_by_code"),)

    def __str__(self) -> str:
        return f"reservation {self.reservation_id} {self.code}"
