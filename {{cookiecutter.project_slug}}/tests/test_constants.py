"""The seed's names and values, which code elsewhere is written against."""

from __future__ import annotations

from django_twilio_call import constants as c


def test_the_seeds_values_hold() -> None:
    assert (c.CacheTimeouts.SHORT, c.CacheTimeouts.LONG, c.CacheTimeouts.AGENT_STATUS) == (300, 3600, 300)
    assert c.DefaultValues.DEFAULT_ANALYSIS_PERIOD_DAYS == c.DefaultValues.LUNCH_DURATION_MINUTES == 30
    assert c.DefaultValues.RECORDING_TIMEOUT == 30
    assert c.Limits.MAX_ANALYTICS_RESULTS == 1000
    assert c.SERVICE_CACHE_TIMEOUTS["analytics"] == 600
    assert c.SERVICE_BATCH_SIZES["reporting"] == 1000


def test_connections_and_time_outs_are_tried_again_as_the_seed_says() -> None:
    connection = c.OPERATION_RETRY_CONFIGS["connection"]

    assert (connection["max_retries"], connection["base_delay"], connection["max_delay"]) == (5, 60, 3600)
    assert c.OPERATION_RETRY_CONFIGS["timeout"]["multiplier"] == 1.5


def test_statuses_are_twilios_words_in_groups() -> None:
    assert c.CallStatus.IN_PROGRESS == "in-progress"
    assert not c.CallStatus.ACTIVE_STATUSES & c.CallStatus.COMPLETED_STATUSES
    assert c.CallStatus.COMPLETED not in c.CallStatus.UNSUCCESSFUL_STATUSES
    assert {"available", "busy"} == c.AgentStatus.ACTIVE_STATUSES


def test_every_group_the_package_had_is_there() -> None:
    groups = {
        "CacheTimeouts": 15, "CacheKeyPrefixes": 14, "RetryConfig": 19, "CircuitBreakerConfig": 6, "TimeIntervals": 19,
        "DefaultValues": 18, "Limits": 14, "CallStatus": 11, "AgentStatus": 8, "QueueStatus": 4, "ErrorThresholds": 10,
        "HTTPStatusCodes": 16,
    }  # fmt: skip

    for name, least in groups.items():
        assert len([each for each in vars(getattr(c, name)) if each.isupper()]) >= least, name
