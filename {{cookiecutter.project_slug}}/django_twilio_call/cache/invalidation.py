"""When rows change, what was computed from them is forgotten: in the commit, never before it."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from django.db import DEFAULT_DB_ALIAS, transaction
from django.db.models import Model
from django.db.models.signals import m2m_changed, post_delete, post_save

from ..signals import bulk_changed

_services_of: Final[dict[str, tuple[str, ...]]] = {}


_waiting: Final[weakref.WeakSet[Invalidation]] = weakref.WeakSet()
"""Those that a transaction of this process still holds: mostly none, which is quick to see."""


class Invalidation:
    """What is to be forgotten once a transaction commits."""

    def __init__(self, tags: Iterable[str]) -> None:
        self.tags = set(tags)
        _waiting.add(self)

    def __call__(self) -> None:
        """The commit is done."""
        from .manager import invalidate_tags

        invalidate_tags(*sorted(self.tags))


def connect_model_invalidation(invalidates: Mapping[str, Sequence[str]]) -> None:
    """Listen to the models named there (label -> services). Called once, when all models are loaded."""
    _services_of.update({label.lower(): tuple(services) for label, services in invalidates.items()})
    for signal in (post_save, post_delete):
        signal.connect(_row_changed, dispatch_uid="django_twilio_call.cache.row")
    m2m_changed.connect(_relation_changed, dispatch_uid="django_twilio_call.cache.relation")
    bulk_changed.connect(_rows_changed, dispatch_uid="django_twilio_call.cache.rows")


def tags_of(label: str, pk: Any = None) -> list[str]:
    """Tags of a model, of one of its rows, and of the services that are computed from it."""
    label = label.lower()
    services = [f"s:{service}" for service in _services_of.get(label, ())]
    return [f"m:{label}", *services, *([f"o:{label}:{pk}"] if pk is not None else [])]


def changes_pending(tags: Sequence[str], using: str = DEFAULT_DB_ALIAS) -> bool:
    """Whether this thread's open transaction has changed what an answer with these tags is computed from.

    Such an answer is right for this transaction alone, which may yet be rolled back: it is neither read nor kept.
    """
    if not _waiting:
        return False
    connection = transaction.get_connection(using)
    if not connection.in_atomic_block:
        return False
    waiting = (act for _, act, _ in connection.run_on_commit if isinstance(act, Invalidation))
    return any(not act.tags.isdisjoint(tags) for act in waiting)


def forget_after_commit(tags: Iterable[str], using: str | None = None) -> None:
    """Forget these when the transaction commits, at once outside of one; a row of changes makes one command."""
    connection = transaction.get_connection(using)
    if connection.in_atomic_block and connection.run_on_commit:
        savepoints, last, _ = connection.run_on_commit[-1]
        if isinstance(last, Invalidation) and savepoints == set(connection.savepoint_ids):
            last.tags.update(tags)
            return
    transaction.on_commit(Invalidation(tags), using=using, robust=True)


def _row_changed(sender: type[Model], instance: Model, using: str, **_: Any) -> None:
    label = sender._meta.label_lower
    if label in _services_of:
        forget_after_commit(tags_of(label, instance.pk), using)


def _relation_changed(sender: type[Model], action: str, using: str, **_: Any) -> None:
    label = sender._meta.label_lower
    if label in _services_of and action.startswith("post_"):
        forget_after_commit(tags_of(label), using)


def _rows_changed(model: type[Model], using: str | None = None, **_: Any) -> None:
    if model._meta.label_lower in _services_of:
        forget_after_commit(tags_of(model._meta.label), using)
