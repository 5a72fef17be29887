"""One configuration for each process."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from django.test import override_settings

from django_twilio_call import conf
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
