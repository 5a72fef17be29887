"""Flows: checked, published, and pointed back."""

from __future__ import annotations

import json
from datetime import datetime
from hashlib import sha256
from typing import Any

from django.db import transaction
from django.db.models import Max

from ..exceptions import BusinessLogicError, NotFound, ValidationError
from ..models import Calendar, IVRFlow, IVRVersion, Queue, Skill
from .base import BaseService
from .flow_check import Finding, check_flow


class FlowService(BaseService):
    """Drafts and versions. Publishing and rolling back move one pointer; no version ever changes."""

    service_type = "ivr"

    def check(self, *, key: str) -> list[Finding]:
        """All that keeps a flow's draft from being published."""
        return self.check_draft(self._flow(key).draft)

    def check_draft(self, draft: Any) -> list[Finding]:
        """All that is wrong with a draft, given the queues, calendars and skills there are."""
        return check_flow(
            draft,
            queues=set(Queue.objects.values_list("key", flat=True)),
            calendars=set(Calendar.objects.values_list("key", flat=True)),
            skills=set(Skill.objects.values_list("key", flat=True)),
        )

    def publish(self, *, key: str, now: datetime) -> IVRVersion:
        """Make the draft the release. The same draft again is the version it was before."""
        with transaction.atomic():
            flow = self._flow(key, lock=True)
            self._must_be_whole(flow.draft)
            digest = sha256(json.dumps(flow.draft, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
            version = flow.versions.filter(sha256=digest).first() or self._next(flow, digest, now)
            self._release(flow, version)
        return version

    def rollback(self, *, key: str, to: int | None = None) -> IVRVersion:
        """Point back to version `to`, else to the one before the release.

        Refused as publishing is: a queue that version names may be gone since.
        """
        with transaction.atomic():
            flow = self._flow(key, lock=True)
            if flow.release is None:
                raise BusinessLogicError(f"flow {key!r} has no release to roll back")
            earlier = flow.versions.filter(number__lt=flow.release.number)
            version = (earlier if to is None else flow.versions.filter(number=to)).order_by("-number").first()
            if version is None:
                raise NotFound(f"version {to} of flow {key!r}" if to else f"a version of {key!r} before its release")
            self._must_be_whole(version.definition)
            self._release(flow, version)
        return version

    def broken(self) -> list[tuple[str, Finding]]:
        """(flow's key, finding) of all that is wrong with what callers go through now."""
        return [
            (flow.key, finding)
            for flow in IVRFlow.objects.published()
            if flow.release is not None
            for finding in self.check_draft(flow.release.definition)
        ]

    def describe(self, *, key: str) -> dict[str, Any]:
        """A flow as plain data."""
        flow = self._flow(key)
        versions = flow.versions.order_by("number")
        return {
            "key": flow.key,
            "number": flow.number,
            "release": flow.release.number if flow.release else None,
            "versions": list(versions.values("number", "sha256", "created_at")),
            "draft": flow.draft,
        }

    def _flow(self, key: str, *, lock: bool = False) -> IVRFlow:
        flows = IVRFlow.objects.select_related("release")
        flow = (flows.select_for_update(of=("self",)) if lock else flows).filter(key=key).first()
        if flow is None:
            raise NotFound(f"flow {key!r}")
        return flow

    def _must_be_whole(self, definition: Any) -> None:
        if found := self.check_draft(definition):
            raise ValidationError("\n".join(map(str, found)))

    def _next(self, flow: IVRFlow, digest: str, now: datetime) -> IVRVersion:
        last = flow.versions.aggregate(last=Max("number"))["last"] or 0
        return IVRVersion.objects.create(
            flow=flow, number=last + 1, definition=flow.draft, sha256=digest, created_at=now
        )

    def _release(self, flow: IVRFlow, version: IVRVersion) -> None:
        flow.release = version
        flow.save(update_fields=["release"])
