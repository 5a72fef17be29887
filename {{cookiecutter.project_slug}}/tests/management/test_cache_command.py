"""The cache, for people."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.checks import run_checks
from django.core.management import CommandError, call_command
from django.utils import timezone

from django_twilio_call.cache import get_cache_manager
from django_twilio_call.cache.results import guard
from django_twilio_call.models import Queue, RunningProcess
from django_twilio_call.services import IVRService

manager = get_cache_manager()


def run(*argv: str) -> str:
    out = StringIO()
    call_command("cache", *argv, stdout=out)
    return out.getvalue()


@pytest.mark.django_db(transaction=True)
def test_warm_computes_ahead_what_services_declare(queue: Queue) -> None:
    assert "answers warmed" in run("warm", "ivr")

    assert IVRService().options.peek() == [("1", "support", "Support")]


@pytest.mark.django_db(transaction=True)
def test_warm_is_bounded_in_time(queue: Queue) -> None:
    with pytest.raises(CommandError, match="0 of 1 answers warmed, and not done after 0 s"):
        run("warm", "ivr", "--seconds", "0")


@pytest.mark.parametrize("argv", [("agent",), ("--all",), ("--tag", "s:agent")])
def test_invalidate_forgets_what_it_is_told(argv: tuple[str, ...]) -> None:
    key = manager.build_service_key("agent", "status")
    manager.set(key, 1)

    assert run("invalidate", *argv) == "forgotten\n"
    assert manager.get(key) is None


def test_a_pattern_deletes_foreign_keys_on_redis_and_is_refused_elsewhere() -> None:
    link = guard.store.link()
    if link is None:
        with pytest.raises(CommandError, match="only Redis can"):
            run("invalidate", "--pattern", "old:*")
        return
    link.client.mset({f"old:{number}": 1 for number in range(2000)} | {"new:1": 1})

    assert run("invalidate", "--pattern", "old:*") == "2000 keys deleted\n"
    assert link.client.get("new:1") == b"1"


@pytest.mark.django_db
def test_stats_are_of_all_processes_together() -> None:
    for pid, hits in ((1, 3), (2, 6)):
        tell(pid, {"queue": {"hits": hits, "misses": 1, "saved_s": 0.5}})

    told = json.loads(run("stats"))

    assert told["processes"] == 2
    queue = told["services"]["queue"]
    assert (queue["hits"], queue["misses"], queue["saved_s"], queue["timeout"]) == (9, 2, 1.0, 60)
    assert queue["hit_rate"] == pytest.approx(9 / 11)


def tell(pid: int, cache: dict[str, dict[str, float]]) -> None:
    """A process says what its cache did."""
    now = timezone.now()
    RunningProcess.objects.create(
        host="web-1",
        pid=pid,
        role="web",
        stage="testing",
        digests={},
        figures={"cache": cache},
        started_at=now,
        seen_at=now,
    )


def test_health_is_json() -> None:
    assert json.loads(run("health"))["status"] == "healthy"


def test_a_server_that_refuses_writes_when_full_is_warned_of() -> None:
    link = guard.store.link()
    if link is None:
        pytest.skip("the cache is no Redis")
    before: dict[str, Any] = link.client.config_get("maxmemory*")
    link.client.config_set("maxmemory", "100mb")
    try:
        assert [message.id for message in run_checks(tags=["caches"])] == ["django_twilio_call.W001"]
        link.client.config_set("maxmemory-policy", "allkeys-lru")
        assert run_checks(tags=["caches"]) == []
    finally:
        link.client.config_set("maxmemory", before["maxmemory"], "maxmemory-policy", before["maxmemory-policy"])
