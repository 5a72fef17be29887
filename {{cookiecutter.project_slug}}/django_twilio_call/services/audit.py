"""The audit log: one row for each act that somebody may have to answer for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ..models import AuditEntry


def record(
    *,
    actor: Any,
    action: str,
    target: str = "",
    now: datetime,
    address: str = "",
    detail: Mapping[str, Any] | None = None,
) -> AuditEntry:
    """Write down that `actor` (a user, or None for the server) did `action` to `target`; `address`: from where.

    Joins the transaction of the act, so that there is neither an act without its entry nor the other way round.
    """
    user = actor if getattr(actor, "pk", None) else None
    return AuditEntry.objects.create(
        at=now,
        actor=user,
        actor_name=user.get_username() if user else "",
        action=action,
        target=target[:200],
        detail=dict(detail or {}),
        address=address or None,
    )
