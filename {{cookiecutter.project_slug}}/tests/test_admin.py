"""The admin: what is data is edited there."""

from __future__ import annotations

import pytest
from django.test import Client

from django_twilio_call.models import Agent, Queue, Skill

pytestmark = pytest.mark.django_db


def test_a_queue_shows_its_rules_skills_relaxations_and_agents(admin_client: Client, queue: Queue) -> None:
    page = admin_client.get(f"/admin/django_twilio_call/queue/{queue.pk}/change/").content.decode()

    for field in ("strategy", "tier_wait", "sticky_days", "priority_weight"):
        assert f'name="{field}"' in page
    for rows in ("skills", "relaxations", "memberships"):
        assert f'name="{rows}-TOTAL_FORMS"' in page


def test_an_agent_shows_skills_and_queues(admin_client: Client, agent: Agent) -> None:
    page = admin_client.get(f"/admin/django_twilio_call/agent/{agent.pk}/change/").content.decode()

    assert 'name="skills-TOTAL_FORMS"' in page
    assert 'name="memberships-0-tier"' in page
    assert 'name="heard_at"' not in page


def test_skills_are_made_there(admin_client: Client) -> None:
    admin_client.post("/admin/django_twilio_call/skill/add/", {"key": "german", "name": "German"})

    assert Skill.objects.get().name == "German"
