"""What a page costs the database does not grow with what it shows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_twilio_call.constants import OutboxKind, ReservationState
from django_twilio_call.models import (
    Agent,
    AuditEntry,
    Call,
    IVRFlow,
    Outbox,
    Queue,
    QueueEntry,
    Reservation,
    Role,
    RunningProcess,
    Voicemail,
)
from tests.conftest import make_agent
from tests.fakes import call_sid
from tests.services.test_flow_check import WHOLE

from .conftest import browser_of

pytestmark = pytest.mark.django_db

MANY = 12


def messages(first: int, number: int) -> None:
    """Messages of queues and callers of their own, every other one handled by somebody of their own."""
    for each in range(first, first + number):
        queue = Queue.objects.create(key=f"queue-{each}", name=f"Queue {each}")
        call = Call.objects.create(sid=call_sid(each), from_number=f"+1415555{each:04}", started_at=timezone.now())
        who = make_agent(f"agent{each}", queue).user if each % 2 else None
        Voicemail.objects.create(
            queue=queue,
            call=call,
            recording_sid=f"RE{each:032x}",
            url="https://x.example",
            duration=5,
            recorded_at=timezone.now(),
            heard_at=timezone.now() if who else None,
            heard_by=who,
        )


def acts(first: int, number: int) -> None:
    """Acts of people of their own."""
    for each in range(first, first + number):
        user = make_agent(f"agent{each}").user
        AuditEntry.objects.create(
            at=timezone.now(), actor=user, actor_name=user.username, action="login", detail={"by": f"x{each}"}
        )


def flows(first: int, number: int) -> None:
    """Flows that are published, with a draft that is another."""
    for each in range(first, first + number):
        flow = IVRFlow.objects.create(key=f"flow-{each}", name=f"Flow {each}", draft=WHOLE)
        release = {"start": "end", "nodes": {"end": {"type": "hangup"}}}
        flow.release = flow.versions.create(number=1, definition=release, sha256="x", created_at=timezone.now())
        flow.save()


def processes(first: int, number: int) -> None:
    """Processes of hosts of their own, and commands that wait, are in doubt, and were refused."""
    now = timezone.now()
    for each in range(first, first + number):
        figures = {"cache": {f"service{each}": {"hits": 1, "misses": 1}}, "twilio": {"sent": 1}}
        RunningProcess.objects.create(
            host=f"web-{each}", pid=each, role="web", stage="testing", fingerprint=f"f{each}", digests={},
            started_at=now, seen_at=now, figures=figures,
        )  # fmt: skip
        for state in ("pending", "submission_unknown", "failed"):
            Outbox.objects.create(
                kind=OutboxKind.END_CALL, call_sid=call_sid(each), state=state, not_before=now, created_at=now
            )


def talks(first: int, number: int) -> None:
    """Agents of queues of their own, each with a caller."""
    now = timezone.now() - timedelta(minutes=1)
    for each in range(first, first + number):
        queue = Queue.objects.create(key=f"queue-{each}", name=f"Queue {each}")
        agent: Agent = make_agent(f"agent{each}", queue, state="busy")
        call = Call.objects.create(sid=call_sid(each), from_number=f"+1415555{each:04}", started_at=now)
        leg = Call.objects.create(sid=call_sid(500 + each), role="agent", started_at=now)
        entry = QueueEntry.objects.create(call=call, queue=queue, priority=0, enqueued_at=now, state="answered")
        Reservation.objects.create(
            entry=entry, agent=agent, agent_call=leg, state=ReservationState.ACCEPTED, created_at=now, accepted_at=now,
            expires_at=now,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("path", "role", "make", "shown", "queries"),
    [
        ("/voicemail/", Role.SUPERVISOR, messages, "Queue {}", 7),
        ("/audit/", Role.AUDITOR, acts, "x{}", 5),
        ("/flows/", Role.AUDITOR, flows, "Flow {}", 5),
        ("/operations/", Role.ADMINISTRATOR, processes, "web-{}", 6),
        ("/supervise/live/", Role.SUPERVISOR, talks, "Listen to Agent{}", 6),
    ],
)
def test_a_page_costs_the_same_with_one_row_and_with_many(
    path: str, role: Role, make: Callable[[int, int], None], shown: str, queries: int
) -> None:
    client: Client = browser_of(role)

    def cost() -> int:
        with CaptureQueriesContext(connection) as asked:
            page = client.get(path).content.decode()
        assert shown.format(last) in page
        return len(asked)

    last = 2
    make(1, 2)
    few = cost()
    make(last + 1, MANY)
    last += MANY

    assert cost() == few == queries
