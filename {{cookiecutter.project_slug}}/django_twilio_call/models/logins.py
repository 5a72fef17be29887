"""Signing in: how often it was tried in vain, and who somebody is elsewhere."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import models, transaction
from django.db.models import F


class LoginAttemptsQuerySet(models.QuerySet["LoginAttempts"]):
    """Counters that many processes count with at once."""

    def count_one(self, *, key: str, window: timedelta, now: datetime) -> LoginAttempts:
        """One more, in a window that began with the first one; answers the counter as it is then."""
        self.get_or_create(key=key, defaults={"since": now})
        with transaction.atomic():  # the row is ours until it has been read: no two see the same number
            self.filter(key=key, since__lte=now - window).update(number=0, since=now)
            self.filter(key=key).update(number=F("number") + 1)
            return self.get(key=key)


class LoginAttempts(models.Model):
    """Attempts that did not succeed, of one account, one address, or one account from one address."""

    key = models.CharField(max_length=64, unique=True, help_text="A digest: people type passwords as user names.")
    number = models.PositiveIntegerField(default=0)
    since = models.DateTimeField(db_index=True)

    objects = LoginAttemptsQuerySet.as_manager()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.number} since {self.since}"


class Identity(models.Model):
    """Who a user is at the identity provider: its issuer and subject together, which never change or come again."""

    issuer = models.CharField(max_length=255)
    subject = models.CharField(max_length=255)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="identities")
    created_at = models.DateTimeField()

    class Meta:
        default_permissions = ("view", "delete")
        verbose_name_plural = "identities"
        constraints = (models.UniqueConstraint(fields=["issuer", "subject"], name="one_identity_per_subject"),)

    def __str__(self) -> str:
        return f"{self.subject} at {self.issuer}"
