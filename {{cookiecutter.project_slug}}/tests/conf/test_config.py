"""One configuration for each process."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from django.test import override_settings

from django_twilio_call import conf
from django_twilio_call.conf.catalogue import declarations
from django_twilio_call.exceptions import ConfigurationError


def test_there_is_one_for_the_whole_process() -> None:
    with ThreadPoolExecutor(8) as pool:
        configs = set(map(id, pool.map(lambda _: conf.get_config(), range(64))))

    assert len(configs) == 1


def test_one_with_a_value_changed_can_be_made_for_a_test() -> None:
    before = conf.get_config()

    changed = replace(before, ring_timeout=77)

    assert changed.ring_timeout == 77
    assert changed != before
    assert replace(changed, ring_timeout=before.ring_timeout) == before


ROOT = Path(conf.__file__).parents[2]
KEPT = {
    ("cache_timeouts", "call"): "what a desk shows of a call is never old; for code of one's own",
    ("cache_timeouts", "recording"): "who may hear what is never old; for code of one's own",
    ("retries", "webhook"): "webhooks are repeated by Twilio; for code of django-twilio-call 0.1.9",
}
"""What nothing here reads, and why it is a variable all the same: its help says so."""


ASKED_BY = {"cache_timeout": "get_cache_timeout", "default_batch_size": "get_batch_size"} | {
    f"{state}_duration": "get_planned_duration" for state in ("break", "lunch", "training")
}
"""Fields that a method of `Config` answers with."""


def read_by(field: str, key: str | None, source: str) -> bool:
    """Whether the project's own code asks for this value of the configuration."""
    name = (key or "").partition(".")[0]
    patterns = {
        "cache_timeouts": rf'(?:cache_result|cached_parts)\([^()]*service_type="{name}"',
        "batch_sizes": rf'get_batch_size\("{name}"\)|service_type = "{name}"(?:(?!^class ).)*self\.batch_size',
        "retries": rf'(?:return |else |at=|operation_type = |get_retry_config\()"{name}"',
    }
    pattern = patterns.get(field, rf"""\.{ASKED_BY.get(field, field)}\b|["']{field}["']""")
    return re.search(pattern, source, re.DOTALL | re.MULTILINE) is not None


def test_every_variable_changes_something() -> None:
    folders = (ROOT / "config", ROOT / "django_twilio_call")
    files = [file for folder in folders for file in folder.rglob("*.py") if "migrations" not in file.parts]
    source = "\n".join(file.read_text() for file in files if file.parent.name != "conf")

    unread = {
        (field, key and key.partition(".")[0]) for field, key, _ in declarations() if not read_by(field, key, source)
    }

    assert unread == KEPT.keys()


def test_one_without_all_its_fields_cannot() -> None:
    with pytest.raises(TypeError, match="all of its fields and no other"):
        conf.Config(ring_timeout=77)


def test_a_django_setting_of_a_variables_name_wins_while_it_is_set() -> None:
    before = conf.get_config().ring_timeout

    with override_settings(DJANGO_TWILIO_RING_TIMEOUT=77, DJANGO_TWILIO_CACHE_TIMEOUT_IVR="5m"):
        assert conf.get_config().ring_timeout == 77
        assert conf.get_cache_timeout("ivr") == 300
    assert conf.get_config().ring_timeout == before


def test_one_field_of_a_retry_rule_may_be_set() -> None:
    with override_settings(DJANGO_TWILIO_RETRY_WEBHOOK_MAX_RETRIES=9):
        assert conf.get_retry_config("webhook")["max_retries"] == 9
        assert conf.get_retry_config("webhook")["delays"] == (1,)


def test_a_django_setting_obeys_the_same_rule() -> None:
    with (
        override_settings(DJANGO_TWILIO_RING_TIMEOUT="soon"),
        pytest.raises(ConfigurationError, match=r"DJANGO_TWILIO_RING_TIMEOUT is 'soon'.*Django settings"),
    ):
        conf.get_config()


def test_the_module_says_the_same_as_the_object() -> None:
    config = conf.get_config()

    assert conf.get_cache_timeout("analytics") == config.get_cache_timeout("analytics")
    assert conf.get_batch_size("reporting") == config.get_batch_size("reporting")
    assert conf.get_retry_config("timeout") == config.get_retry_config("timeout")
    assert conf.is_feature_enabled("ivr") is config.is_feature_enabled("ivr")
    assert conf.reload_config() == config
