"""Drafts become versions, and versions never change."""

from __future__ import annotations

from copy import deepcopy
from datetime import datetime
from typing import Any

import pytest
from django.db import transaction
from django.db.models import ProtectedError

from django_twilio_call.exceptions import BusinessLogicError, NotFound, ValidationError
from django_twilio_call.models import Calendar, IVRFlow, IVRVersion, Queue
from django_twilio_call.services import FlowService, IVRService

DRAFT: dict[str, Any] = {
    "start": "main",
    "nodes": {
        "main": {"type": "menu", "text": "Press 1.", "keys": {"1": "support"}, "default": "support", "attempts": 2},
        "support": {"type": "queue", "queue": "support"},
    },
}
pytestmark = pytest.mark.django_db


@pytest.fixture
def flow(queue: Queue) -> IVRFlow:
    return IVRFlow.objects.create(key="front", name="Front door", draft=DRAFT)


def publish(flow: IVRFlow, now: datetime, text: str = "Press 1.") -> IVRVersion:
    """Publish the draft with another text of its menu."""
    flow.draft = deepcopy(DRAFT)
    flow.draft["nodes"]["main"]["text"] = text
    flow.save(update_fields=["draft"])
    return FlowService().publish(key="front", now=now)


def released(flow: IVRFlow) -> int | None:
    flow.refresh_from_db()
    return flow.release.number if flow.release else None


def test_nothing_is_released_before_it_is_published(flow: IVRFlow) -> None:
    assert IVRService().release(number="+1") is None


def test_versions_are_numbered_and_the_last_one_is_the_release(flow: IVRFlow, now: datetime) -> None:
    assert [publish(flow, now, text).number for text in ("One", "Two")] == [1, 2]
    assert released(flow) == 2


def test_the_same_draft_again_is_the_same_version(flow: IVRFlow, now: datetime) -> None:
    first = publish(flow, now, "One")
    publish(flow, now, "Two")

    assert publish(flow, now, "One") == first
    assert released(flow) == 1


def test_a_version_never_changes(flow: IVRFlow, now: datetime) -> None:
    version = publish(flow, now)
    version.definition = {}

    with pytest.raises(TypeError, match="never changes"):
        version.save()
    with pytest.raises(TypeError, match="never change"):
        IVRVersion.objects.update(definition={})


def test_a_draft_with_findings_is_refused_with_all_of_them(flow: IVRFlow, now: datetime) -> None:
    flow.draft = {"start": "x", "nodes": {"a": {"type": "queue", "queue": "y"}}}
    flow.save()

    with pytest.raises(ValidationError) as refused:
        FlowService().publish(key="front", now=now)

    assert str(refused.value).count("\n") == 2
    assert released(flow) is None


def test_rolling_back_points_to_the_version_before_or_to_any(flow: IVRFlow, now: datetime) -> None:
    for text in ("One", "Two", "Three"):
        publish(flow, now, text)

    assert FlowService().rollback(key="front").number == 2
    assert FlowService().rollback(key="front", to=3).number == 3
    assert released(flow) == 3


def test_rolling_back_to_what_names_a_queue_that_is_gone_is_refused_and_says_so(
    flow: IVRFlow, queue: Queue, now: datetime
) -> None:
    publish(flow, now)
    other = Queue.objects.create(key="other", name="Other")
    flow.draft = {"start": "q", "nodes": {"q": {"type": "queue", "queue": "other"}}}
    flow.save()
    FlowService().publish(key="front", now=now)
    queue.delete()

    for to in (None, 1):
        with pytest.raises(ValidationError, match=r"support.queue: there is no queue 'support'"):
            FlowService().rollback(key="front", to=to)
    assert released(flow) == 2
    assert FlowService().broken() == []
    Queue.objects.filter(pk=other.pk).update(key="renamed")
    assert [(key, str(finding)) for key, finding in FlowService().broken()] == [
        ("front", "q.queue: there is no queue 'other'")
    ]


@pytest.mark.parametrize("many", [False, True], ids=["one", "many"])
def test_what_a_published_flow_names_is_not_deleted(flow: IVRFlow, queue: Queue, now: datetime, many: bool) -> None:
    publish(flow, now)

    named = "queue Support is named by published flow 'front', node 'support'"
    with pytest.raises(ProtectedError, match=named), transaction.atomic():
        (Queue.objects.all() if many else queue).delete()

    assert Queue.objects.get() == queue


def test_what_only_a_draft_names_may_be_deleted(flow: IVRFlow, queue: Queue) -> None:
    queue.delete()

    assert not Queue.objects.exists()


def test_a_queue_that_others_send_their_callers_to_is_not_deleted(queue: Queue) -> None:
    Queue.objects.create(key="other", name="Other", overflow_queue=queue)

    with pytest.raises(ProtectedError):
        queue.delete()


def test_a_calendar_that_a_published_flow_names_is_not_deleted(flow: IVRFlow, now: datetime) -> None:
    office = Calendar.objects.create(key="office", name="Office", zone="UTC")
    hours = {"type": "hours", "calendar": "office", "open": "main", "closed": "main"}
    flow.draft = {**DRAFT, "start": "hours", "nodes": {**DRAFT["nodes"], "hours": hours}}
    flow.save()
    FlowService().publish(key="front", now=now)

    with pytest.raises(ProtectedError, match="calendar Office is named by published flow 'front', node 'hours'"):
        office.delete()


def test_there_is_nothing_before_the_beginning(flow: IVRFlow, now: datetime) -> None:
    with pytest.raises(BusinessLogicError, match="no release"):
        FlowService().rollback(key="front")
    publish(flow, now)
    with pytest.raises(NotFound, match="before its release"):
        FlowService().rollback(key="front")


def test_a_number_has_its_own_flow_or_the_common_one(flow: IVRFlow, now: datetime) -> None:
    common = publish(flow, now)
    special = IVRFlow.objects.create(key="vip", name="VIP", number="+49301", draft=DRAFT)
    own = FlowService().publish(key="vip", now=now)

    assert special.pk != flow.pk
    assert [(IVRService().release(number=number) or (0,))[0] for number in ("+49301", "+49302")] == [own.pk, common.pk]


@pytest.mark.django_db(transaction=True)
def test_a_release_is_known_at_once(flow: IVRFlow, now: datetime) -> None:
    assert IVRService().release(number="") is None

    publish(flow, now)

    assert IVRService().release(number="") is not None
