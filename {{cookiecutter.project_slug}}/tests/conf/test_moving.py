"""Code and env files of django-twilio-call 0.1.9: every public name goes on working, and says where it has gone."""

from __future__ import annotations

import importlib
import json
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings

from django_twilio_call import conf, constants
from django_twilio_call.conf import moving
from django_twilio_call.conf.catalogue import variables
from django_twilio_call.conf.command import main

from .deploys import CANARY

OLD: dict[str, Any] = json.loads(Path(__file__).with_name("names_0_1_9.json").read_text())
SEED_WINS = {
    ("CacheTimeouts", "CALL_ANALYTICS"): 600,
    ("SERVICE_CACHE_TIMEOUTS", "analytics"): 600,
    ("SERVICE_BATCH_SIZES", "reporting"): 1000,
}
"""Where the brief of this project says otherwise than 0.1.9 did."""
SETTINGS = (
    "TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_PHONE_NUMBER", "TWILIO_WEBHOOK_URL", "TWILIO_API_KEY",
    "TWILIO_API_SECRET", "TWILIO_WEBHOOK_VALIDATE", "TWILIO_WEBHOOK_AUTH_TOKEN", "TWILIO_MAX_RETRIES",
    "TWILIO_RETRY_BACKOFF_BASE", "TWILIO_RETRY_BACKOFF_MAX", "TWILIO_REQUEST_TIMEOUT", "TWILIO_CONNECTION_POOL_SIZE",
    "TWILIO_CONNECTION_POOL_MAXSIZE", "ENABLE_CALL_RECORDING", "ENABLE_TRANSCRIPTION", "ENABLE_VOICEMAIL",
    "ENABLE_CONFERENCE", "MAX_QUEUE_SIZE", "DEFAULT_QUEUE_TIMEOUT", "DEFAULT_HOLD_MUSIC_URL",
    "DEFAULT_AGENT_MAX_CONCURRENT_CALLS", "AGENT_STATUS_UPDATE_WEBHOOK", "DEFAULT_CALL_TIME_LIMIT",
    "DEFAULT_RING_TIMEOUT", "DEFAULT_CALLER_ID", "RECORDING_STATUS_CALLBACK_URL", "RECORDING_STORAGE_BACKEND",
    "RECORDING_ENCRYPTION_KEY", "RECORDING_RETENTION_DAYS", "DJANGO_TWILIO_LOG_LEVEL",
    "DJANGO_TWILIO_LOG_API_REQUESTS", "DJANGO_TWILIO_LOG_WEBHOOKS", "DJANGO_TWILIO_CACHE_BACKEND",
    "DJANGO_TWILIO_CACHE_TIMEOUT", "validate_settings",
)  # fmt: skip
"""What the module `settings` of 0.1.9 had."""


def plain(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if isinstance(value, Mapping):
        return {name: plain(part) for name, part in value.items()}
    return list(value) if isinstance(value, tuple) else value


@pytest.mark.parametrize("group", OLD["constants"])
def test_every_constant_is_there_with_its_value(group: str) -> None:
    ours = getattr(constants, group)
    for name, old in OLD["constants"][group].items():
        value = ours[name] if group.isupper() else getattr(ours, name)
        expected = SEED_WINS.get((group, name), old)
        assert (dict(value) if isinstance(old, dict) else plain(value)) == expected or _same_retry(value, expected), (
            name
        )


def _same_retry(value: Any, expected: Any) -> bool:
    return isinstance(expected, dict) and {name: plain(part) for name, part in value.items()} == expected


@pytest.mark.parametrize("name", OLD["functions"])
def test_every_function_works_without_a_warning(name: str) -> None:
    arguments = () if name.endswith("_config") and "retry" not in name else ("analytics",)

    assert getattr(conf, name)(*arguments) is not None


@pytest.mark.parametrize("name", OLD["attributes"])
def test_every_attribute_has_a_value_and_warns(name: str) -> None:
    with pytest.warns(DeprecationWarning, match=rf"get_config\(\)\.{name} is a name of .* 0\.1\.9: use ") as warned:
        getattr(conf.get_config(), name)

    assert warned[0].filename == __file__


def test_an_old_attribute_has_the_live_value() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        config: Any = conf.get_config()

        assert config.cache_timeout == config.CACHE_TIMEOUT
        assert config.RETRY_CONFIGS["connection"] == conf.get_retry_config("connection")
        assert (config.DEBUG, config.TESTING) == (False, True)
        assert config.get_environment_type() == "testing"
        assert config.to_dict()["TWILIO_AUTH_TOKEN"] == "(hidden)"
        assert config.to_dict()["DJANGO_TWILIO_RING_TIMEOUT"] == 30


@override_settings(
    DJANGO_TWILIO_RETENTION_RECORDINGS=365, DJANGO_TWILIO_BREAK_DURATION="45m", DJANGO_TWILIO_LUNCH_DURATION=90
)
def test_an_old_attribute_with_another_unit_has_the_live_value_in_its_own() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        config: Any = conf.get_config()

        assert config.RECORDING_RETENTION_DAYS == 365
        assert config.AGENT_BREAK_DURATIONS == {"lunch": 1.5, "training": 60, "break": 45}


def test_a_name_nobody_had_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="NO_SUCH_THING"):
        getattr(conf.get_config(), "NO_SUCH_" + "THING")


def test_the_error_is_where_it_was() -> None:
    from django_twilio_call.exceptions import ConfigurationError

    assert issubclass(conf.ConfigurationError, ConfigurationError)


def test_the_old_class_gives_the_configuration_there_is() -> None:
    with pytest.warns(DeprecationWarning, match="PackageConfig"):
        old = conf.PackageConfig

    assert old() is conf.get_config()
    assert isinstance(conf.get_config(), old)
    assert [name for name in OLD["methods"][:4] if not hasattr(old, name)] == []


def test_the_old_settings_module_warns_and_has_all_its_names() -> None:
    sys.modules.pop("django_twilio_call.settings", None)
    with pytest.warns(DeprecationWarning, match=r"django_twilio_call\.settings is deprecated"):
        old = importlib.import_module("django_twilio_call.settings")

    assert [name for name in SETTINGS if not hasattr(old, name)] == []


@pytest.mark.parametrize("name", OLD["variables"])
def test_every_old_variable_is_judged_with_a_reason(name: str, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"{name}=1\n")
    (verdict,) = moving.judge(tmp_path / ".env")

    assert verdict.key == name
    assert verdict.why or name in variables()
    assert verdict.why != "nothing here reads it", "say why"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("RECORDING_RETENTION_DAYS=365", "now DJANGO_TWILIO_RETENTION_RECORDINGS"),
        (
            "DJANGO_TWILIO_AGENT_LUNCH_DURATION=45",
            "now DJANGO_TWILIO_LUNCH_DURATION, with an m after its number, which is minutes",
        ),
    ],
)
def test_what_is_called_otherwise_now_is_not_ignored(line: str, told: str, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(line)

    (verdict,) = moving.judge(tmp_path / ".env")
    assert (verdict.word, verdict.why) == (moving.RENAMED, told)


def test_minutes_are_judged_as_minutes(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DJANGO_TWILIO_AGENT_BREAK_DURATION=1441\n")

    (verdict,) = moving.judge(tmp_path / ".env")
    assert "its value will be refused: must be a time from 0 s to 86400 s" in verdict.why


OLD_FILE = f"""\
# as its example has it
DEBUG=True
export SECRET_KEY='{CANARY}-{"k" * 40}'
ALLOWED_HOSTS=*
TWILIO_ACCOUNT_SID=AC{"1" * 32}
TWILIO_AUTH_TOKEN=your-twilio-auth-token
TWILIO_PHONE_NUMBER="+15551234567"   # ours
TWILIO_WEBHOOK_URL=https://calls.example.com/webhooks/twilio/
TWILIO_WEBHOOK_VALIDATE=False
TWILIO_REQUEST_TIMEOUT=30
MAX_QUEUE_SIZE=100
RECORDING_ENCRYPTION_KEY={CANARY}
DB_PASSWORD={CANARY}
AWS_STORAGE_BUCKET_NAME=x
"""


def test_an_old_file_is_told_key_by_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / ".env").write_text(OLD_FILE)

    assert main(["import", str(tmp_path / ".env")], tmp_path) == 1

    said = capsys.readouterr().out
    words = {line.split()[1].rstrip(":"): line.split()[0] for line in said.splitlines()}
    assert words == {
        "DEBUG": "dangerous",
        "SECRET_KEY": "renamed",
        "ALLOWED_HOSTS": "dangerous",
        "TWILIO_ACCOUNT_SID": "read",
        "TWILIO_AUTH_TOKEN": "dangerous",
        "TWILIO_PHONE_NUMBER": "read",
        "TWILIO_WEBHOOK_URL": "renamed",
        "TWILIO_WEBHOOK_VALIDATE": "dangerous",
        "TWILIO_REQUEST_TIMEOUT": "read",
        "MAX_QUEUE_SIZE": "ignored",
        "RECORDING_ENCRYPTION_KEY": "dangerous",
        "DB_PASSWORD": "renamed",
        "AWS_STORAGE_BUCKET_NAME": "ignored",
    }
    assert "TWILIO_REQUEST_TIMEOUT: its value will be refused: must be a time from 1 s to 15 s" in said
    assert CANARY not in said


def test_a_file_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", str(tmp_path / "none")], tmp_path) == 1
    assert "FileNotFoundError" in capsys.readouterr().err
