"""Who did what to what, and when: rows that are added and read, never changed."""

from __future__ import annotations

from typing import Any, NoReturn

from django.conf import settings
from django.db import models


class AuditQuerySet(models.QuerySet["AuditEntry"]):
    """Entries: added and read."""

    def update(self, **changes: Any) -> NoReturn:
        """Refuses, as `AuditEntry.save` does."""
        raise TypeError(f"audit entries never change; {', '.join(changes)} was to be changed")

    def delete(self) -> NoReturn:
        """Refuses: what happened is not made undone."""
        raise TypeError("audit entries are never deleted")

    def purge(self) -> int:
        """Delete entries that are older than the configuration wants them kept: for retention alone."""
        return super().delete()[0]


class AuditEntry(models.Model):
    """One act. The actor's name is copied: whoever reads this later may not find the user any more."""

    at = models.DateTimeField()
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        # A user who is deleted leaves the entries as they are: the name stays, and so does the number.
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        null=True,
        related_name="+",
        help_text="Empty: the server itself, or somebody who was not signed in.",
    )
    actor_name = models.CharField(max_length=150, blank=True, default="")
    action = models.CharField(max_length=50, help_text="Such as recording.play.")
    target = models.CharField(max_length=200, blank=True, default="", help_text="Such as recording RE123.")
    detail = models.JSONField(default=dict, blank=True)
    address = models.GenericIPAddressField(null=True, blank=True)

    objects = AuditQuerySet.as_manager()

    class Meta:
        ordering = ("-at", "-pk")
        default_permissions = ("view",)
        verbose_name_plural = "audit entries"
        indexes = (
            models.Index(fields=["-at", "-id"], name="audit_by_time"),
            models.Index(fields=["actor", "-at"], name="audit_by_actor"),
            models.Index(fields=["target", "-at"], name="audit_by_target"),
        )

    def __str__(self) -> str:
        return f"{self.actor_name or 'server'} {self.action} {self.target}"

    def save(self, *args: Any, **options: Any) -> None:
        """Refuses a change."""
        if not self._state.adding:
            raise TypeError(f"audit entry {self.pk} never changes")
        super().save(*args, **options)

    def delete(self, *args: Any, **options: Any) -> NoReturn:
        """Refuses."""
        raise TypeError(f"audit entry {self.pk} is never deleted")
