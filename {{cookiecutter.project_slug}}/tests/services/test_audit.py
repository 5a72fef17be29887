"""The audit log: added to and read, and nothing else."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.contrib.auth import get_user_model

from django_twilio_call.models import AuditEntry
from django_twilio_call.services import audit

pytestmark = pytest.mark.django_db


def test_an_act_is_written_down_with_its_actor(now: datetime) -> None:
    ada = get_user_model().objects.create(username="ada")

    audit.record(
        actor=ada, action="recording.play", target="recording RE1", now=now, address="203.0.113.7", detail={"s": 3}
    )

    entry = AuditEntry.objects.get()
    assert (entry.at, entry.actor, entry.actor_name, entry.address) == (now, ada, "ada", "203.0.113.7")
    assert str(entry) == "ada recording.play recording RE1"


def test_what_nobody_did_the_server_did(now: datetime) -> None:
    audit.record(actor=None, action="retention", now=now)

    assert str(AuditEntry.objects.get()) == "server retention "


def test_an_entry_outlives_its_actor(now: datetime) -> None:
    ada = get_user_model().objects.create(username="ada")
    audit.record(actor=ada, action="call.listen", target="call CA1", now=now)

    ada.delete()

    assert AuditEntry.objects.get().actor_name == "ada"


def test_an_entry_never_changes_and_is_never_deleted(now: datetime) -> None:
    entry = audit.record(actor=None, action="retention", now=now)
    entry.action = "something else"

    for act in (
        entry.save,
        entry.delete,
        AuditEntry.objects.all().delete,
        lambda: AuditEntry.objects.update(target=""),
    ):
        with pytest.raises(TypeError, match=r"never"):
            act()
