"""A call center from one file."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client, override_settings

from django_twilio_call.models import Agent, Calendar, IVRFlow, OpeningTime, Queue, SpecialDay

pytestmark = pytest.mark.django_db

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "bootstrap.example.yaml"


def bootstrap(file: Path, *argv: str) -> str:
    out = StringIO()
    call_command("bootstrap", str(file), *argv, stdout=out)
    return out.getvalue()


@pytest.fixture
def written(tmp_path: Path) -> Path:
    return tmp_path / "center.yaml"


def refused(file: Path, text: str) -> list[str]:
    """The problems of a file with that text."""
    file.write_text(text)
    with pytest.raises(CommandError) as error:
        bootstrap(file, "--apply")
    first, *problems = str(error.value).splitlines()
    assert first.startswith(f"{len(problems)} problem(s)")
    return problems


def counts() -> list[int]:
    return [model.objects.count() for model in (Calendar, OpeningTime, SpecialDay, Queue, Agent, IVRFlow)]


def test_a_dry_run_says_what_it_would_do_and_does_nothing() -> None:
    said = bootstrap(EXAMPLE)

    assert "queue support: made" in said
    assert said.endswith("nothing was done: --apply does it\n")
    assert counts() == [0] * 6


def test_the_example_makes_a_call_center() -> None:
    bootstrap(EXAMPLE, "--apply")

    assert counts() == [1, 6, 2, 2, 2, 1]
    support = Queue.objects.get(key="support")
    assert (support.calendar, support.overflow_queue) == (Calendar.objects.get(), Queue.objects.get(key="sales"))
    assert [queue.key for queue in Agent.objects.get(name="Ada").queues.all()] == ["sales", "support"]
    assert str(IVRFlow.objects.get().release) == "version 1"


def test_the_same_file_again_changes_nothing() -> None:
    bootstrap(EXAMPLE, "--apply")

    assert bootstrap(EXAMPLE, "--apply") == "everything is as the file says\n"


def test_a_changed_file_changes_what_is_different(written: Path) -> None:
    bootstrap(EXAMPLE, "--apply")
    text = EXAMPLE.read_text().replace("max_wait: 900", "max_wait: 60").replace("queues: [support]", "queues: [sales]")
    written.write_text(text.replace("09:00-16:00", "09:00-15:00").replace("attempts: 3", "attempts: 2"))

    assert bootstrap(written, "--apply").splitlines() == [
        "calendar office: opening times are 6",
        "queue support: max_wait 900 -> 60",
        "agent grace: takes calls of sales",
        "agent grace: takes no calls of support",
        "flow front: draft changed",
        "flow front: version 2 is what callers get",
    ]


def test_what_the_file_does_not_name_is_left_alone(written: Path, queue: Queue) -> None:
    written.write_text("queues: [{key: support, name: Help}]")

    bootstrap(written, "--apply")

    queue.refresh_from_db()
    assert (queue.name, queue.digit, queue.max_wait) == ("Help", "1", 600)


def test_a_generated_password_is_shown_once_and_works() -> None:
    password = bootstrap(EXAMPLE, "--apply").split()[-1]

    assert Client().login(username="admin", password=password)
    assert password not in bootstrap(EXAMPLE, "--apply")


@override_settings(DJANGO_TWILIO_BOOTSTRAP_PASSWORD="a-long-and-quiet-word")
def test_a_given_password_is_never_shown() -> None:
    assert "a-long-and-quiet-word" not in bootstrap(EXAMPLE, "--apply")
    assert Client().login(username="admin", password="a-long-and-quiet-word")


@override_settings(DJANGO_TWILIO_BOOTSTRAP_PASSWORD="password")
def test_a_weak_password_is_refused(written: Path) -> None:
    (problem,) = refused(written, "administrator: {username: admin}")

    assert problem.startswith("administrator.password: This password is too common")


WRONG = """
colours: []
administrator: {email: me}
calendars:
  - {key: office, name: Office, zone: Berlin}
  - {key: night, name: Night, zone: UTC, week: {moonday: ["09:00-17:00"], friday: [9-5]}, special_days: [{date: soon}]}
queues:
  - {key: support, name: Support, max_wait: long, calendar: office, colour: red}
  - {key: sales, name: Sales, calendar: moon, when_full: queue}
  - {key: sales, name: Again}
  - {name: Nameless}
  - {key: a, name: A, overflow_queue: b}
  - {key: b, name: B, overflow_queue: a}
agents: [{username: ada, queues: [support, nobody]}, {username: a b}]
flows: [{key: front, name: Front, draft: {start: x, nodes: {y: {type: queue, queue: support}}}}]
"""


def test_every_problem_is_told_at_once_with_its_path(written: Path) -> None:
    problems = refused(written, WRONG)

    assert [problem.split(":")[0] for problem in sorted(problems)] == [
        "administrator.username",
        "agents[0].queues[1]",
        "agents[1].username",
        "calendars[0].zone",
        "calendars[1].special_days[0].date",
        "calendars[1].week.friday",
        "calendars[1].week.moonday",
        "colours",
        "flows[0].draft.flow.start",
        "flows[0].draft.y",
        "queues[0].colour",
        "queues[0].max_wait",
        "queues[1].calendar",
        "queues[1].overflow_queue",
        "queues[2]",
        "queues[3].key",
        "queues[4].overflow_queue",
        "queues[5].overflow_queue",
    ]
    assert counts() == [0] * 6


@pytest.mark.parametrize("text", ["", "[]", "queues: {}x: [", "\0"])
def test_what_is_no_such_file_is_refused(written: Path, text: str) -> None:
    written.write_text(text)

    with pytest.raises(CommandError):
        bootstrap(written)


def test_a_missing_file_is_named(written: Path) -> None:
    with pytest.raises(CommandError, match=r"center\.yaml"):
        bootstrap(written)
