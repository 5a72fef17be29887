"""Flows by hand."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from django_twilio_call.models import IVRFlow, Queue
from tests.services.test_flows import DRAFT

pytestmark = pytest.mark.django_db


def ivr(*argv: str) -> str:
    out = StringIO()
    call_command("ivr", *argv, stdout=out)
    return out.getvalue()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    draft = tmp_path / "front.json"
    draft.write_text(json.dumps(DRAFT))
    return draft


def test_a_file_is_checked_published_shown_and_rolled_back(file: Path, queue: Queue) -> None:
    assert "nothing is wrong" in ivr("check", "front", "--draft", str(file))
    assert "version 1" in ivr("publish", "front")
    file.write_text(json.dumps({**DRAFT, "language": "de-DE"}))
    assert "version 2" in ivr("publish", "front", "--draft", str(file))
    assert "version 1" in ivr("rollback", "front")
    shown = json.loads(ivr("show", "front"))
    assert (shown["release"], len(shown["versions"])) == (1, 2)


@pytest.mark.parametrize("command", ["check", "publish"])
def test_all_findings_are_said(file: Path, command: str) -> None:
    with pytest.raises(CommandError, match="there is no queue 'support'"):
        ivr(command, "front", "--draft", str(file))


def test_an_unknown_flow_is_named() -> None:
    with pytest.raises(CommandError, match="nobody"):
        ivr("show", "nobody")


def test_the_admin_publishes_too(queue: Queue, admin_client: Client) -> None:
    flow = IVRFlow.objects.create(key="front", name="Front", draft=DRAFT)
    url, chosen = "/admin/django_twilio_call/ivrflow/", {"_selected_action": [flow.pk]}

    for action, said in (
        ("check_drafts", "nothing is wrong"),
        ("publish", "version 1 is what callers get"),
        ("rollback", "before its release"),
    ):
        assert said in admin_client.post(url, {"action": action, **chosen}, follow=True).content.decode()
