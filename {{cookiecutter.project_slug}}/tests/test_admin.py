"""The admin: what is data is edited there."""

from __future__ import annotations

import html
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from django_twilio_call.models import Agent, Calendar, IVRFlow, Queue, Skill
from django_twilio_call.services import FlowService

from .services.test_flows import DRAFT

pytestmark = pytest.mark.django_db


def test_a_queue_shows_its_rules_skills_relaxations_and_agents(admin_client: Client, queue: Queue) -> None:
    page = admin_client.get(f"/admin/django_twilio_call/queue/{queue.pk}/change/").content.decode()

    for field in ("strategy", "tier_wait", "sticky_days", "priority_weight"):
        assert f'name="{field}"' in page
    for rows in ("skills", "relaxations", "memberships"):
        assert f'name="{rows}-TOTAL_FORMS"' in page


def saved(client: Client, path: str, **changes: str) -> Any:
    """The form of a page as it is shown, with these changes, sent back."""
    page = client.get(path)
    forms = [page.context["adminform"].form, *(inline.formset for inline in page.context["inline_admin_formsets"])]
    fields = [field for form in forms for field in (form.management_form if hasattr(form, "management_form") else form)]
    shown = {field.html_name: field.value() for field in fields}
    form = {name: value for name, value in (shown | changes).items() if value is not None and value is not False}
    return client.post(path, form)


def test_where_callers_go_whom_a_queue_does_not_serve_is_saved_there(admin_client: Client, queue: Queue) -> None:
    other = Queue.objects.create(key="other", name="Other")
    ways = {"when_closed": "voicemail", "when_full": "queue", "when_nobody": "callback", "when_waited": "voicemail"}

    path = f"/admin/django_twilio_call/queue/{queue.pk}/change/"
    answer = saved(admin_client, path, **ways, max_wait="45", overflow_queue=str(other.pk))

    assert answer.status_code == 302, answer.context["errors"]
    queue.refresh_from_db()
    assert {name: getattr(queue, name) for name in ways} == ways
    assert (queue.max_wait, queue.overflow_queue) == (45, other)


def test_a_way_that_leads_nowhere_is_refused_there_and_nothing_is_saved(admin_client: Client, queue: Queue) -> None:
    answer = saved(admin_client, f"/admin/django_twilio_call/queue/{queue.pk}/change/", when_full="queue")

    assert answer.status_code == 200
    assert "say to which" in answer.content.decode()
    assert Queue.objects.get().when_full == "goodbye"


def test_a_key_is_given_once(admin_client: Client, queue: Queue) -> None:
    office = Calendar.objects.create(key="office", name="Office", zone="UTC")
    for kind, row in (("queue", queue), ("calendar", office)):
        assert 'name="key"' in admin_client.get(f"/admin/django_twilio_call/{kind}/add/").content.decode()
        path = f"/admin/django_twilio_call/{kind}/{row.pk}/change/"

        answer = saved(admin_client, path, key="renamed", name="Another name")

        assert answer.status_code == 302, answer.context["errors"]
        before = row.key
        row.refresh_from_db()
        assert (row.key, row.name) == (before, "Another name")


@pytest.mark.parametrize("how", ["its page", "the list"])
def test_a_queue_that_is_named_elsewhere_is_not_deleted_and_what_names_it_is_shown(
    admin_client: Client, queue: Queue, how: str
) -> None:
    IVRFlow.objects.create(key="front", name="Front", draft=DRAFT)
    FlowService().publish(key="front", now=timezone.now())
    other = Queue.objects.create(key="other", name="Other", overflow_queue=queue)
    path, form = f"/admin/django_twilio_call/queue/{queue.pk}/delete/", {"post": "yes"}
    if how == "the list":
        path = "/admin/django_twilio_call/queue/"
        form |= {"action": "delete_selected", "_selected_action": str(queue.pk)}

    page = html.unescape(admin_client.post(path, form).content.decode())

    assert "published flow 'front', node 'support'" in page
    assert f"queue/{other.pk}/change/" in page
    assert Queue.objects.count() == 2


def test_an_agent_shows_skills_and_queues(admin_client: Client, agent: Agent) -> None:
    page = admin_client.get(f"/admin/django_twilio_call/agent/{agent.pk}/change/").content.decode()

    assert 'name="skills-TOTAL_FORMS"' in page
    assert 'name="memberships-0-tier"' in page
    assert 'name="heard_at"' not in page


def test_skills_are_made_there(admin_client: Client) -> None:
    admin_client.post("/admin/django_twilio_call/skill/add/", {"key": "german", "name": "German"})

    assert Skill.objects.get().name == "German"
