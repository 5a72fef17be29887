"""Who is in a conference, as its callbacks tell it in any order, and who was asked to come in."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.conf import settings
from django.db import models
from django.db.models import Q

from ..constants import SupervisionMode
from .entries import Reservation
from .written import insert

_TOLD: Final = ("hold", "muted", "coaching", "ends", "sequence", "left_at")
"""What each event tells anew."""


class ParticipantQuerySet(models.QuerySet["Participant"]):
    """Participants, and the one way callbacks change them."""

    def inside(self, room: str) -> ParticipantQuerySet:
        """Those who are in a room now."""
        return self.filter(room=room, left_at=None)

    def project(self, told: Participant) -> None:
        """Apply one event in one statement: a row is never taken back to what an earlier event said.

        Written out, because the ORM's upsert has no condition.
        """
        news = ", ".join(f"{name} = excluded.{name}" for name in _TOLD)
        older = f"{self.model._meta.db_table}.sequence < excluded.sequence"
        insert(told, then=f"ON CONFLICT (sid, call_sid) DO UPDATE SET {news} WHERE {older}")


class Participant(models.Model):
    """One leg in one conference. `hold`, `muted`, `coaching` and `ends` are as Twilio told last, or as it was asked."""

    sid = models.CharField(max_length=34, help_text="Twilio's ConferenceSid.")
    call_sid = models.CharField(max_length=34)
    room = models.CharField(max_length=40, help_text="The conference's name.")
    label = models.CharField(max_length=40, blank=True, default="", help_text="Of somebody whom we had called.")
    hold = models.BooleanField(default=False)
    muted = models.BooleanField(default=False)
    coaching = models.BooleanField(default=False)
    ends = models.BooleanField(default=False, help_text="Whether the conference ends when they leave.")
    sequence = models.IntegerField(help_text="SequenceNumber of the last event that was applied.")
    joined_at = models.DateTimeField()
    left_at = models.DateTimeField(null=True, blank=True)

    objects = ParticipantQuerySet.as_manager()

    class Meta:
        ordering = ("joined_at", "pk")
        constraints = (models.UniqueConstraint(fields=["sid", "call_sid"], name="one_participant_per_leg"),)
        indexes = (
            models.Index(fields=["room"], condition=Q(left_at=None), name="participant_inside"),
            models.Index(fields=["call_sid"], name="participant_by_call"),
        )

    def __str__(self) -> str:
        return f"{self.call_sid} in {self.room}"


class OutsideLeg(models.Model):
    """Somebody without a desk whom an agent had called into a conference."""

    reservation = models.ForeignKey(Reservation, on_delete=models.PROTECT, related_name="outside_legs")
    room = models.CharField(max_length=40)
    number = models.CharField(max_length=16)
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at", "-pk")
        constraints = (
            models.UniqueConstraint(fields=["room"], condition=Q(ended_at=None), name="one_outside_leg_per_room"),
        )

    def __str__(self) -> str:
        return f"{self.number} in {self.room}"

    @property
    def label(self) -> str:
        """Their name in the conference: Twilio refuses a second one, so nobody is called in twice."""
        return f"outside-{self.pk}"


class SupervisionQuerySet(models.QuerySet["Supervision"]):
    """Supervisions by what they say about now."""

    def current(self) -> SupervisionQuerySet:
        """Those that have not ended."""
        return self.filter(ended_at=None)

    def unjoined(self, before: datetime) -> SupervisionQuerySet:
        """Those whose phone has not joined since then."""
        return self.current().filter(call_sid="", created_at__lt=before)


class Supervision(models.Model):
    """A supervisor with an agent's call: who hears them follows from the mode."""

    reservation = models.ForeignKey(Reservation, on_delete=models.PROTECT, related_name="supervisions")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="supervisions")
    mode = models.CharField(max_length=10, default=SupervisionMode.LISTEN)
    call_sid = models.CharField(max_length=34, blank=True, default="", help_text="The supervisor's leg, once it is in.")
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = SupervisionQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-pk")
        constraints = (
            models.UniqueConstraint(fields=["user"], condition=Q(ended_at=None), name="one_supervision_per_user"),
        )
        indexes = (models.Index(fields=["reservation"], condition=Q(ended_at=None), name="supervision_current"),)

    def __str__(self) -> str:
        return f"user {self.user_id} {self.mode} reservation {self.reservation_id}"
