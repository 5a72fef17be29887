"""Processes that run, and the configuration each of them runs with."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.db import models

ALIVE: Final = timedelta(minutes=3)
"""A process that was not heard of for longer has ended without a word."""
KEPT: Final = timedelta(hours=1)


class RunningProcessQuerySet(models.QuerySet["RunningProcess"]):
    """Processes by whether they still run."""

    def alive(self, now: datetime) -> RunningProcessQuerySet:
        """Those heard of lately."""
        return self.filter(seen_at__gt=now - ALIVE)

    def publish(self, process: RunningProcess) -> None:
        """Say that a process runs, in one statement; what is long gone is forgotten."""
        self.filter(seen_at__lt=process.seen_at - KEPT).delete()
        said = ["role", "stage", "fingerprint", "digests", "pending", "refused", "figures", "seen_at"]
        self.bulk_create([process], update_conflicts=True, unique_fields=["host", "pid"], update_fields=said)


class RunningProcess(models.Model):
    """One process. `digests` tell its values apart without telling them; `pending` names what a restart would bring,
    `figures` has what it counted: {"cache": {service: counters}, "twilio": {result: count},
    "failures": {step: count}}.
    """

    host = models.CharField(max_length=255)
    pid = models.PositiveIntegerField()
    role = models.CharField(max_length=20)
    stage = models.CharField(max_length=20)
    fingerprint = models.CharField(max_length=16)
    digests = models.JSONField()
    pending = models.JSONField(default=list, blank=True)
    refused = models.BooleanField(default=False, help_text="It was given a configuration that it refused.")
    figures = models.JSONField(default=dict, blank=True, help_text="What it counted since it began.")
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()

    objects = RunningProcessQuerySet.as_manager()

    class Meta:
        ordering = ("role", "host", "pid")
        verbose_name_plural = "running processes"
        constraints = (models.UniqueConstraint(fields=["host", "pid"], name="one_row_for_each_process"),)

    def __str__(self) -> str:
        return f"{self.role} {self.host}:{self.pid}"
