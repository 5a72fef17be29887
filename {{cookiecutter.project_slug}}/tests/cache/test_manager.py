"""The cache by hand, and under the names that django-twilio-call 0.1 had."""

from __future__ import annotations

from datetime import date

import pytest

from django_twilio_call import cache
from django_twilio_call.cache import get_cache_manager

manager = get_cache_manager()


def test_a_value_is_kept_and_removed() -> None:
    key = manager.build_key("agent", "status", 7)

    assert manager.set(key, {"state": "available"})
    assert manager.get(key) == {"state": "available"}
    assert manager.delete(key)
    assert manager.get(key, "gone") == "gone"


@pytest.mark.parametrize("value", [None, False, 0, ""])
def test_an_empty_value_is_no_miss(value: object) -> None:
    manager.set("k", value)

    assert manager.get("k", "nothing") == value


def test_many_at_once() -> None:
    values = {manager.build_service_key("agent", "status", number): number for number in range(20)}

    assert manager.set_many(values)
    assert manager.get_many([*values, "cc:agent:none"]) == values
    assert manager.delete_many(values)
    assert manager.get_many(values) == {}


def test_a_service_takes_all_its_values_with_it_and_no_others() -> None:
    mine = {manager.build_service_key("agent", "status", 1): 1, manager.build_key("agent", 2): 2}
    named = "somebody-elses-key"
    manager.set_many(mine)
    manager.set(named, 3, service_type="agent")
    manager.set(manager.build_service_key("queue", "size"), 4)
    assert manager.get(named) == 3

    assert cache.invalidate_service_cache("agent")

    assert manager.get_many([*mine, named]) == {}
    assert manager.get(manager.build_service_key("queue", "size")) == 4


def test_no_time_at_all_keeps_nothing() -> None:
    assert not manager.set("k", 1, timeout=0)
    assert manager.get("k") is None


def test_keys_of_reports_tell_periods_and_filters_apart() -> None:
    march, april = date(2026, 3, 1), date(2026, 4, 1)
    keys = {
        manager.build_analytics_key("calls", march, april),
        manager.build_analytics_key("calls", april, march),
        manager.build_analytics_key("calls", march, april, queue="1"),
        manager.build_analytics_key("calls", march, april, queue=1),
        manager.build_model_key("Agent", 1, "calls"),
    }

    assert len(keys) == 5


def test_invalidating_a_model_reaches_the_services_computed_from_it() -> None:
    key = manager.build_analytics_key("calls")
    manager.set(key, 1)

    assert cache.invalidate_model_cache("queue")

    assert manager.get(key) is None


def test_everything_can_be_forgotten() -> None:
    manager.set("k", 1)

    assert manager.invalidate_all()
    assert manager.get("k") is None


def test_warming_takes_values_and_functions() -> None:
    assert manager.warm_service_cache("queue", {"cc:queue:a": 1, "cc:queue:b": lambda: 2}) == 2
    assert manager.get_many(["cc:queue:a", "cc:queue:b"]) == {"cc:queue:a": 1, "cc:queue:b": 2}


def test_a_working_cache_is_healthy() -> None:
    health = manager.health_check()

    assert (health["status"], health["error"]) == ("healthy", "")
    assert health["response_time_ms"] > 0


def test_the_functions_of_the_package_do_the_same() -> None:
    key = cache.build_cache_key("queue", "size", 1)

    assert cache.cache_set(key, 5, timeout=10)
    assert cache.cache_get(key) == 5
    assert cache.cache_delete(key)
    assert cache.cache_get(key, "default") == "default"
