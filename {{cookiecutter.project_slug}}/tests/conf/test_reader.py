"""An environment in, a configuration or everything that is wrong with it out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from django_twilio_call.conf.catalogue import Config, declarations
from django_twilio_call.conf.reader import read
from django_twilio_call.conf.variables import DEPLOYED, STAGES
from django_twilio_call.exceptions import ConfigurationError

SECRETS = {"DJANGO_SECRET_KEY": "k" * 50, "TWILIO_AUTH_TOKEN": "canary-token"}
OPERATOR = {
    "DJANGO_ALLOWED_HOSTS": "calls.example.com",
    "DATABASE_URL": "postgres://app:canary-password@db:5432/calls",
    "REDIS_URL": "redis://redis:6379/0",
    "CELERY_BROKER_URL": "redis://redis:6379/1",
    "PUBLIC_BASE_URL": "https://calls.example.com/",
    "TWILIO_ACCOUNT_SID": "AC" + "1" * 32,
}


def config(stage: str = "testing", **environ: str) -> Config:
    return read({**SECRETS, **(OPERATOR if stage in DEPLOYED else {}), **environ}, stage)


def problems(stage: str = "testing", **environ: str) -> list[str]:
    with pytest.raises(ConfigurationError) as error:
        config(stage, **environ)
    return list(error.value.problems)


@pytest.mark.parametrize("stage", DEPLOYED)
def test_a_deployed_stage_has_the_full_figures(stage: str) -> None:
    deployed = config(stage)

    timeouts = [deployed.get_cache_timeout(name) for name in ("default", "analytics", "agent", "ivr", "recording")]
    assert timeouts == [300, 600, 300, 3600, 1800]
    assert deployed.get_batch_size("reporting") == deployed.get_batch_size("default") == 1000


@pytest.mark.parametrize(("stage", "batch"), [("development", 100), ("testing", 10)])
def test_development_and_testing_are_quick_to_forget_and_take_little_at_a_time(stage: str, batch: int) -> None:
    quick = config(stage)

    assert quick.get_cache_timeout("default") == 60
    assert all(quick.get_cache_timeout(name) <= 60 for name in ("analytics", "agent", "ivr", "recording"))
    assert quick.get_batch_size("reporting") == quick.get_batch_size("default") == batch


@pytest.mark.parametrize("stage", STAGES)
def test_connections_are_tried_again_as_the_stage_says(stage: str) -> None:
    retry = config(stage).get_retry_config("connection")

    expected = (1, 1, 5) if stage == "testing" else (5, 60, 3600)
    assert (retry["max_retries"], retry["base_delay"], retry["max_delay"]) == expected


def test_time_outs_back_off_by_half_again() -> None:
    assert config("production").get_retry_config("timeout")["multiplier"] == 1.5
    assert config("testing").get_retry_config("timeout")["max_retries"] == 1


@pytest.mark.parametrize("stage", STAGES)
def test_every_feature_but_transcription_is_on(stage: str) -> None:
    deploy = config(stage)

    assert not deploy.is_feature_enabled("transcription")
    assert deploy.is_feature_enabled("ENABLE_VOICEMAIL")
    assert deploy.is_feature_enabled("alerts") is (stage != "testing")
    assert not deploy.is_feature_enabled("teleportation")


def test_an_explicit_value_beats_the_stages() -> None:
    assert config(DJANGO_TWILIO_CACHE_TIMEOUT_ANALYTICS="600").get_cache_timeout("analytics") == 600
    assert config(DJANGO_TWILIO_RETRY_CONNECTION_MAX_RETRIES="10").get_retry_config("connection")["max_retries"] == 10
    assert config(DJANGO_TWILIO_DEFAULT_BATCH_SIZE="500").get_batch_size("anything") == 500


def test_a_service_nobody_declared_gets_the_defaults() -> None:
    production = config("production")

    assert production.get_cache_timeout("custom") == 300
    assert production.get_batch_size("custom") == 1000
    assert production.get_retry_config("custom") == production.get_retry_config("default")


def test_nothing_of_a_configuration_can_be_changed() -> None:
    frozen: Any = config()

    with pytest.raises(AttributeError):
        frozen.ring_timeout = 1
    with pytest.raises(TypeError):
        frozen.get_retry_config("default")["max_retries"] = 9


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("90s", 90), ("5m", 300), ("1h30m", 5400), ("0", 0)])
def test_a_time_is_seconds_or_has_units(text: str, seconds: int) -> None:
    assert config(DJANGO_TWILIO_CACHE_TIMEOUT=text).cache_timeout == seconds


@pytest.mark.parametrize("text", ["1e3", "5 m", "10x", "1.5h", "-1", "", "m"])
def test_anything_else_is_no_time(text: str) -> None:
    (problem,) = problems(DJANGO_TWILIO_CACHE_TIMEOUT=text)

    assert "90s, 5m, 1h30m" in problem


@pytest.mark.parametrize(("text", "value"), [("true", True), ("ON", True), ("1", True), ("no", False), ("0", False)])
def test_a_switch_takes_words_for_on_and_off(text: str, value: bool) -> None:
    assert config(DJANGO_TWILIO_ENABLE_IVR=text).enable_ivr is value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("DJANGO_TWILIO_ENABLE_IVR", "ture"),
        ("DJANGO_TWILIO_ENABLE_IVR", "False "),
        ("DJANGO_TWILIO_ENABLE_IVR", ""),
        ("DJANGO_TWILIO_DEFAULT_BATCH_SIZE", "1e3"),
        ("DJANGO_TWILIO_DEFAULT_BATCH_SIZE", "-5"),
        ("DJANGO_TWILIO_DEFAULT_BATCH_SIZE", "٣"),
        ("PORT", "tcp://10.0.0.1:8000"),
        ("TWILIO_PHONE_NUMBER", "00123"),
        ("PUBLIC_BASE_URL", "not a url"),
        ("DJANGO_LOG_LEVEL", "LOUD"),
        ("DATABASE_URL", "postgres://"),
        ("TWILIO_ACCOUNT_SID", "AC123"),
    ],
)
def test_a_bad_value_is_named_with_its_rule_and_source(name: str, text: str) -> None:
    (problem,) = problems(**{name: text})

    assert problem.startswith(f"{name} is ")
    assert "must be" in problem
    assert "environment" in problem


def test_a_phone_number_stays_a_text() -> None:
    assert config(TWILIO_PHONE_NUMBER="+15550001111").twilio_phone_number == "+15550001111"


def test_all_that_is_wrong_is_said_at_once() -> None:
    found = problems(
        "production",
        DJANGO_SECRET_KEY="change-me-" + "x" * 30,
        DATABASE_URL="",
        PORT="0",
        WEB_THREADS="many",
        DJANGO_TWILIO_RING_TIMOUT="20",
        DJANGO_TWILIO_ENABLE_IVR="perhaps",
        DJANGO_TWILIO_WEBHOOK_VALIDATE="no",
        TWILIO_API_BASE_URL="http://127.0.0.1:9100",
    )

    assert len(found) == 8, "\n".join(found)
    assert any("did you mean DJANGO_TWILIO_RING_TIMEOUT?" in problem for problem in found)


def test_a_deployed_stage_names_every_key_only_an_operator_has() -> None:
    with pytest.raises(ConfigurationError) as error:
        read({}, "staging")

    assert {*OPERATOR, *SECRETS} <= {problem.partition(":")[0] for problem in error.value.problems}


def test_no_secret_is_ever_shown() -> None:
    bad = {declared.name: "canary secret $" for _, _, declared in declarations() if declared.secret}

    with pytest.raises(ConfigurationError) as error:
        read({**OPERATOR, **bad}, "production")

    assert "canary" not in str(error.value)
    assert "canary" not in repr(config("production"))


def test_a_secret_may_be_a_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("from-a-file\n")

    environ = {"DJANGO_SECRET_KEY": "k" * 50, "TWILIO_AUTH_TOKEN_FILE": str(file)}

    assert read(environ, "testing").twilio_auth_token == "from-a-file"


@pytest.mark.parametrize("path", ["missing", "."])
def test_a_secrets_file_that_cannot_be_read_is_named(tmp_path: Path, path: str) -> None:
    with pytest.raises(ConfigurationError, match="TWILIO_AUTH_TOKEN_FILE"):
        read({"DJANGO_SECRET_KEY": "k" * 50, "TWILIO_AUTH_TOKEN_FILE": str(tmp_path / path)}, "testing")


def test_names_that_kubernetes_injects_do_no_harm() -> None:
    assert config(WEB_PORT="tcp://10.0.0.1:80", REDIS_SERVICE_HOST="10.0.0.2").port == 8000


def test_a_database_may_come_in_parts() -> None:
    parts = {"HOST": "db", "PORT": "5433", "NAME": "calls", "USER": "app", "PASSWORD": "p@ss/w:rd"}

    url = config(**{f"DATABASE_{name}": value for name, value in parts.items()}).database_url

    assert url == "postgres://app:p%40ss%2Fw%3Ard@db:5433/calls"


@pytest.mark.parametrize(
    ("stage", "environ", "key"),
    [
        ("testing", {"DJANGO_TWILIO_RETRY_DATABASE_MAX_DELAY": "0"}, "DJANGO_TWILIO_RETRY_DATABASE_MAX_DELAY"),
        ("testing", {"TWILIO_API_KEY": "SK" + "a" * 32}, "TWILIO_API_KEY"),
        ("testing", {"DJANGO_TWILIO_WEBHOOK_VALIDATE": "off"}, "DJANGO_TWILIO_WEBHOOK_VALIDATE"),
        ("staging", {"PUBLIC_BASE_URL": "http://calls.example.com"}, "PUBLIC_BASE_URL"),
        ("production", {"TWILIO_BACKEND": "simulator"}, "TWILIO_BACKEND"),
        ("production", {"TWILIO_API_BASE_URL": "http://sim"}, "TWILIO_API_BASE_URL"),
    ],
)
def test_values_that_do_not_go_together_are_refused(stage: str, environ: dict[str, str], key: str) -> None:
    (problem,) = problems(stage, **environ)

    assert problem.startswith(key)


def test_staging_may_speak_to_a_simulator_and_development_may_go_unsigned() -> None:
    assert config("staging", TWILIO_API_BASE_URL="http://sim:9100").twilio_api_base_url == "http://sim:9100"
    assert config("development", DJANGO_TWILIO_WEBHOOK_VALIDATE="off").webhook_validate is False


def test_only_a_settings_module_names_the_stage() -> None:
    with pytest.raises(ConfigurationError, match="DJANGO_SETTINGS_MODULE"):
        read(SECRETS, "prod")


def test_every_default_obeys_its_own_rule() -> None:
    for _, _, declared in declarations():
        for stage in STAGES:
            value = declared.default_for(stage)
            if value is not None and "MISSING" not in repr(value):
                assert declared.type.read(declared.type.write(value)) == value, (declared.name, stage)
