"""QuerySets that say so when they change many rows at once, which Django itself tells nobody."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from django.db import models

from ..signals import bulk_changed

M = TypeVar("M", bound=models.Model)


class AnnouncingQuerySet(models.QuerySet[M]):
    """For models that others are computed from: `update`, `bulk_create` and `bulk_update` send `bulk_changed`."""

    def update(self, **changes: Any) -> int:
        """As Django's."""
        changed = super().update(**changes)
        self._announce()
        return changed

    def bulk_create(self, objs: Iterable[M], *args: Any, **options: Any) -> list[M]:
        """As Django's."""
        made = super().bulk_create(objs, *args, **options)
        self._announce()
        return made

    def bulk_update(self, objs: Iterable[M], fields: Iterable[str], batch_size: int | None = None) -> int:
        """As Django's."""
        changed = super().bulk_update(objs, list(fields), batch_size)
        self._announce()
        return changed

    def _announce(self) -> None:
        bulk_changed.send(sender=self.model, model=self.model, using=self.db)
