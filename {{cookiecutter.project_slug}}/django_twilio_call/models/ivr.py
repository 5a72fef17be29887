"""Menus as data: a flow is edited as a draft, published as a version that never changes, and pointed back at will."""

from __future__ import annotations

from typing import Any, Final

from django.core.validators import MinValueValidator
from django.db import models

from .announcing import AnnouncingQuerySet

_NAMED: Final = ("queue", "calendar")
"""What nodes name by key, as their own key is called."""


class IVRFlowQuerySet(AnnouncingQuerySet["IVRFlow"]):
    """Flows, by what their releases say."""

    def published(self) -> IVRFlowQuerySet:
        """Those that callers go through, with their release."""
        return self.exclude(release=None).select_related("release")

    def naming(self, row: models.Model) -> list[str]:
        """Where published flows name a queue or calendar, in words: without it callers would get no further."""
        kind = str(row._meta.model_name)
        return [
            f"published flow {flow.key!r}, node {name!r}"
            for flow in self.published()
            if kind in _NAMED and flow.release is not None
            for name, node in flow.release.definition["nodes"].items()
            if node.get(kind) == row.key  # type: ignore[attr-defined]
        ]


class IVRFlow(models.Model):
    """What callers of a number go through. Calls under way keep the version they began with."""

    key = models.SlugField(unique=True)
    name = models.CharField(max_length=100)
    number = models.CharField(
        max_length=20,
        null=True,
        blank=True,
        unique=True,
        help_text="The number callers dial, as +4930123456. Empty: all that have no flow of their own.",
    )
    draft = models.JSONField(default=dict, blank=True, help_text="What the next version will be.")
    release = models.ForeignKey(
        "IVRVersion", on_delete=models.PROTECT, null=True, blank=True, editable=False, related_name="+"
    )

    objects = IVRFlowQuerySet.as_manager()

    class Meta:
        ordering = ("key",)
        verbose_name = "IVR flow"

    def __str__(self) -> str:
        return self.name


class IVRVersionQuerySet(models.QuerySet["IVRVersion"]):
    """Versions: added and read."""

    def update(self, **changes: Any) -> int:
        """Refuses, as `IVRVersion.save` does."""
        raise TypeError(f"versions never change; publish another one instead of changing {', '.join(changes)}")


class IVRVersion(models.Model):
    """A published draft. `sha256` is of its canonical JSON: the same draft published again is the same version."""

    flow = models.ForeignKey(IVRFlow, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField(validators=[MinValueValidator(1)])
    definition = models.JSONField()
    sha256 = models.CharField(max_length=64)
    created_at = models.DateTimeField()

    objects = IVRVersionQuerySet.as_manager()

    class Meta:
        ordering = ("flow", "-number")
        verbose_name = "IVR version"
        constraints = (
            models.UniqueConstraint(fields=["flow", "number"], name="one_version_per_number"),
            models.UniqueConstraint(fields=["flow", "sha256"], name="one_version_per_definition"),
        )

    def __str__(self) -> str:
        return f"version {self.number}"

    def save(self, *args: Any, **options: Any) -> None:
        """Refuses a change: calls are pinned to versions."""
        if not self._state.adding:
            raise TypeError(f"{self} of flow {self.flow_id} is published and never changes; publish another one")
        super().save(*args, **options)


def _keep_what_is_named(instance: models.Model, **_: Any) -> None:
    """Receiver of `pre_delete`: a flow names rows by their keys, so no foreign key of the tables protects them."""
    if named := IVRFlow.objects.naming(instance):
        raise models.ProtectedError(f"{instance._meta.verbose_name} {instance} is named by {', '.join(named)}", set())


for _model in _NAMED:
    models.signals.pre_delete.connect(
        _keep_what_is_named, sender=f"django_twilio_call.{_model}", dispatch_uid=f"django_twilio_call.{_model}.named"
    )
