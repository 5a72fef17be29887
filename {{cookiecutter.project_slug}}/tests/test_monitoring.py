"""Alerts and dashboard ask for figures that there are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from django_twilio_call.models import Agent

from .fakes import Twilio
from .test_metrics import ask
from .webhooks.test_walk import enqueue

FOLDER = Path(__file__).resolve().parents[1] / "deploy" / "monitoring"


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def expressions() -> Iterator[str]:
    yield from (rule["expr"] for rule in rules())
    for panel in json.loads((FOLDER / "dashboard.json").read_text())["panels"]:
        yield from (target["expr"] for target in panel["targets"])


@pytest.fixture
def told(twilio: Twilio, agent: Agent) -> dict[str, set[str]]:
    """Each sample's name, with the names of its labels; a family without samples yet has its own name."""
    enqueue(twilio)
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(ask().content.decode()):
        found.setdefault(family.name + "_total" * (family.type == "counter"), set())
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


@pytest.mark.django_db
def test_every_figure_that_is_asked_for_is_told(told: dict[str, set[str]]) -> None:
    asked = {name for expression in expressions() for name in re.findall(r"call_center_\w+", expression)}

    assert len(asked) >= 20
    assert asked - told.keys() == set()


@pytest.mark.django_db
def test_every_label_that_is_asked_for_is_told(told: dict[str, set[str]]) -> None:
    for expression in expressions():
        names = re.findall(r"call_center_\w+", expression)
        if not any(told[name] for name in names):
            continue  # no sample yet: the cache was not used here
        asked = set(re.findall(r"\{(\w+)=", expression))
        for grouped in re.findall(r"by \(([\w, ]+)\)", expression):
            asked |= set(grouped.split(", "))
        assert asked <= set().union(*(told[name] for name in names)), expression


def test_an_alert_says_what_is_the_matter_and_how_bad_it_is() -> None:
    assert [rule["alert"] for rule in rules() if not rule["annotations"]["summary"]] == []
    assert {rule["labels"]["severity"] for rule in rules()} == {"critical", "warning"}


@pytest.mark.parametrize("role", ["beat", "worker"])
def test_a_process_that_is_gone_has_an_alert_by_the_role_it_begins_with(role: str) -> None:
    assert any(f'absent(call_center_config_processes{{role="{role}"}})' in rule["expr"] for rule in rules())
    assert f'_begin("{role}")' in (FOLDER.parents[1] / "config" / "celery.py").read_text()


@pytest.mark.parametrize("what", ["dependency_up", 'outcome="fallback"', "outbox_oldest", "longest_wait"])
def test_what_callers_feel_has_an_alert(what: str) -> None:
    assert any(what in rule["expr"] for rule in rules())
