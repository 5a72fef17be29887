"""Figures for those who may read them."""

from __future__ import annotations

import json
import os
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from django.http import HttpResponse
from django.test import Client, override_settings
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from django_twilio_call import transport
from django_twilio_call.conf import get_config, reload
from django_twilio_call.metrics import collector, levels, pod
from django_twilio_call.models import Agent, QueueEntry, RunningProcess

from .conf.conftest import mounted  # noqa: F401  # a fixture
from .conf.deploys import CANARY, Mounted
from .fakes import Twilio
from .webhooks.test_walk import enqueue

TOKEN = f"{CANARY}-of-metrics"


def ask(token: str = TOKEN) -> HttpResponse:
    with override_settings(DJANGO_TWILIO_METRICS_TOKEN=TOKEN, ALLOWED_HOSTS=["calls.example.com"]):
        response: HttpResponse = Client().get(
            "/metrics", headers={"authorization": f"Bearer {token}", "host": "10.0.0.1"}
        )  # type: ignore[assignment]
    return response


def running(host: str, fingerprint: str) -> None:
    now = timezone.now()
    RunningProcess.objects.create(
        host=host, pid=1, role="web", fingerprint=fingerprint, digests={}, started_at=now, seen_at=now
    )


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the processes of this pod leave their counts."""
    monkeypatch.setattr(pod, "_folder", lambda *_: tmp_path)
    return tmp_path


def sample(said: str, name: str, **labels: str) -> float | None:
    """A sample's value, as Prometheus' own parser reads it."""
    families = text_string_to_metric_families(said)
    found = [s.value for f in families for s in f.samples if (s.name, s.labels) == (f"call_center_{name}", labels)]
    return found[0] if found else None


@pytest.mark.django_db
def test_they_are_families_with_a_help_and_a_type_each() -> None:
    families = list(text_string_to_metric_families(ask().content.decode()))

    assert len(families) > 20
    assert [f.name for f in families if not f.documentation or f.type not in ("gauge", "counter", "histogram")] == []
    assert len({f.name for f in families}) == len(families)


@pytest.mark.django_db
def test_what_is_over_a_limit_is_told(twilio: Twilio, agent: Agent, settings: Settings) -> None:
    enqueue(twilio)
    QueueEntry.objects.update(enqueued_at=timezone.now() - timedelta(seconds=200))
    assert sample(ask().content.decode(), "alert_level", about="queue_time") is None  # off in testing

    settings.DJANGO_TWILIO_ENABLE_ALERTS = True

    assert sample(ask().content.decode(), "alert_level", about="queue_time") == 1


def test_errors_of_the_past_alarm_once() -> None:
    since = levels.Since()
    counted = {
        "webhooks": Counter({"voice|answered": 9, "voice|fallback": 1, "voice|duplicate": 3}),
        "seconds": Counter({"voice": 30}),
        "latency": Counter({"voice|3": 10}),
    }

    assert dict(since.figures(counted)) == {"error_rate": 10.0, "response_time": 3.0}
    assert dict(since.figures(counted)) == {}


@pytest.mark.parametrize(("seconds", "level"), [(119, 0), (120, 1), (300, 2)])
def test_a_limit_is_reached_at_it(seconds: float, level: int) -> None:
    assert levels.level("queue_time", seconds) == level


@pytest.mark.django_db
def test_callers_in_line_are_told(twilio: Twilio, agent: Agent) -> None:
    enqueue(twilio)
    said = ask().content.decode()

    assert sample(said, "queue_waiting", queue="Support") == 1
    assert (sample(said, "queue_longest_wait_seconds", queue="Support") or -1) >= 0
    assert sample(said, "calls_live", role="customer") == 1
    assert sample(said, "agents", state="available") == 1


@pytest.mark.django_db
def test_webhooks_of_all_processes_of_a_pod_are_counted(twilio: Twilio, folder: Path) -> None:
    before = sample(ask().content.decode(), "webhooks_total", kind="voice", outcome="answered") or 0
    twilio.post("/twilio/voice/")
    other = {"webhooks": {"voice|answered": 40}, "seconds": {"voice": 2.5}, "latency": {"voice|3": 40}}
    (folder / "1.json").write_text(json.dumps(other))
    said = ask().content.decode()

    assert sample(said, "webhooks_total", kind="voice", outcome="answered") == before + 41
    assert (sample(said, "webhook_seconds_count", kind="voice") or 0) >= 41
    assert (sample(said, "webhook_seconds_sum", kind="voice") or 0) > 2.5


@pytest.mark.django_db
def test_the_cache_says_what_it_did_and_saved_for_each_service(folder: Path) -> None:
    names = ("hits", "misses", "stale", "computations", "errors")
    figures = {f"hymns|{name}": number for number, name in enumerate(names, 1)}
    (folder / "1.json").write_text(json.dumps({"cache": {**figures, "hymns|saved_s": 2.5, "hymns|computed_s": 0.5}}))

    said = ask().content.decode()

    assert [sample(said, f"cache_{name}_total", service="hymns") for name in names] == [1, 2, 3, 4, 5]
    assert sample(said, "cache_saved_seconds_total", service="hymns") == 2.5
    assert sample(said, "cache_computing_seconds_total", service="hymns") == 0.5


def test_a_process_leaves_its_counts_for_the_others(folder: Path) -> None:
    pod.observe("status", 0.3)
    pod.write()

    left = json.loads((folder / f"{os.getpid()}.json").read_text())
    assert left["latency"]["status|5"] >= 1


def test_a_pod_begins_at_zero(folder: Path) -> None:
    (folder / "77.json").write_text("{}")

    pod.forget()

    assert list(folder.iterdir()) == []


@pytest.mark.django_db
def test_a_path_that_nobody_knows_makes_no_series_of_its_own() -> None:
    Client().post("/twilio/made-up-path/")

    assert "made-up-path" not in ask().content.decode()


@pytest.mark.parametrize("without", [{"database": False, "cache": True}])
def test_without_a_database_the_other_figures_are_told(
    without: dict[str, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collector, "dependencies", lambda: without)
    said = ask().content.decode()

    assert sample(said, "dependency_up", dependency="database") == 0
    assert sample(said, "config_last_reload_successful") == 1
    assert "queue_waiting" not in said


@pytest.mark.django_db
def test_processes_that_disagree_are_counted() -> None:
    for host, mark in (("a", "1f"), ("b", "1f"), ("c", "2e")):
        running(host, mark)
    said = ask().content.decode()

    assert sample(said, "config_processes", role="web", fingerprint="1f") == 2
    assert sample(said, "config_disagreeing_processes") == 1


@pytest.mark.django_db
def test_a_refused_reload_is_told(mounted: Mounted) -> None:  # noqa: F811
    mounted.hold(DJANGO_TWILIO_RING_TIMEOUT="soon")
    said = ask().content.decode()

    assert sample(said, "config_reloads_total", result="refused") == 1
    assert sample(said, "config_last_reload_successful") == 0


@pytest.mark.parametrize("token", ["", "wrong", TOKEN + "x", "ü"])
def test_to_others_there_is_no_such_page(token: str) -> None:
    assert ask(token).status_code == 404


def test_where_there_is_no_token_only_development_shows_them() -> None:
    assert Client().get("/metrics").status_code == 404


@pytest.mark.django_db
def test_no_secret_is_in_them() -> None:
    said = ask().content.decode()

    assert CANARY not in said
    assert get_config().secret_key not in said
    assert reload.state.last is None


@pytest.mark.django_db
def test_what_came_of_requests_to_twilio_is_told_of_this_pod_and_of_all_processes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transport, "counts", Counter(opened=1))
    running("worker-1", "same")
    RunningProcess.objects.update(figures={"twilio": {"opened": 2, "left_alone": 4}})

    said = ask().content.decode()

    assert sample(said, "twilio_requests_total", result="opened") == 1
    assert sample(said, "twilio_requests_told", result="opened") == 2
    assert sample(said, "twilio_requests_told", result="left_alone") == 4
    assert sample(said, "outbox_in_doubt") == 0


@pytest.mark.django_db
def test_failed_steps_of_all_workers_are_told_and_zero_before_the_first() -> None:
    for host, times in (("worker-1", 2), ("worker-2", 3)):
        running(host, "same")
        RunningProcess.objects.filter(host=host).update(figures={"failures": {"route": times}})

    said = ask().content.decode()

    assert sample(said, "step_failures_told", step="route") == 5
    assert {step: sample(said, "step_failures_told", step=step) for step in ("dial", "recordings")} == {
        "dial": 0,
        "recordings": 0,
    }
