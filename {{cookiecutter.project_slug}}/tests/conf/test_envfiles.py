"""Env files that every reader understands alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_twilio_call.conf.envfiles import load_stage, loaded, read_file
from django_twilio_call.exceptions import ConfigurationError

ROOT = Path(__file__).resolve().parent.parent.parent


def file(folder: Path, content: str | bytes) -> Path:
    path = folder / "app.env"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_values_are_taken_literally(tmp_path: Path) -> None:
    content = '# comment\n\nA=b c\nURL=redis://h:1/0?x=1&y=%20\nJSON={"a": 1}\nEMPTY=\nHASH=a#b\nNAME=Žofie\n'

    assert read_file(file(tmp_path, content)) == {
        "A": "b c",
        "URL": "redis://h:1/0?x=1&y=%20",
        "JSON": '{"a": 1}',
        "EMPTY": "",
        "HASH": "a#b",
        "NAME": "Žofie",
    }


@pytest.mark.parametrize(
    "line",
    [
        'A="b"', "A='b'", "A=$B", "A=pa$w", "A=b # c", "A= b", "A=b ", "A = b", " A=b", "export A=b", "A", "a=b",
        "A-B=c", "1A=b", "A=b\r", "A=\x00", "A=a\u2028b", "OK=1\nOK=2", "A=" + "x" * 65_000,
    ],
    ids=lambda line: repr(line)[:20],
)  # fmt: skip
def test_what_readers_take_differently_is_refused_by_line(tmp_path: Path, line: str) -> None:
    with pytest.raises(ConfigurationError, match=r"app.env:\d"):
        read_file(file(tmp_path, line + "\n"))


@pytest.mark.parametrize("content", [b"\xef\xbb\xbfA=b\n", b"A=\xe9\n"], ids=["byte order mark", "latin-1"])
def test_only_plain_utf_8_is_read(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ConfigurationError, match=r"app\.env"):
        read_file(file(tmp_path, content))


def test_every_bad_line_is_named_and_no_value_shown(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as error:
        read_file(file(tmp_path, "A='canary'\nB=fine\nC=canary$\n"))

    assert len(error.value.problems) == 2
    assert "canary" not in str(error.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="FileNotFoundError"):
        read_file(tmp_path / "app.env")


def test_what_the_environment_has_wins(tmp_path: Path) -> None:
    folder = tmp_path / "deploy" / "testing"
    folder.mkdir(parents=True)
    file(folder, "A=file\nB=file\n")
    environ = {"A": "shell"}

    load_stage("testing", tmp_path, environ)

    assert environ == {"A": "shell", "B": "file"}


def test_what_a_file_brought_is_known_by_its_line_until_somebody_changes_it(tmp_path: Path) -> None:
    folder = tmp_path / "deploy" / "testing"
    folder.mkdir(parents=True)
    file(folder, "# comment\nA=file\nB=file\n")
    environ: dict[str, str] = {}

    load_stage("testing", tmp_path, environ)
    environ["B"] = "shell"

    assert loaded(environ) == {"A": "deploy/testing/app.env:2"}


def test_a_secret_in_another_form_in_the_environment_wins_too(tmp_path: Path) -> None:
    folder = tmp_path / "deploy" / "testing"
    folder.mkdir(parents=True)
    file(folder, "TWILIO_AUTH_TOKEN=x\nDATABASE_HOST=db\n")
    environ = {"TWILIO_AUTH_TOKEN_FILE": "token", "DATABASE_URL": "sqlite:///x"}

    load_stage("testing", tmp_path, environ)

    assert environ == {"TWILIO_AUTH_TOKEN_FILE": "token", "DATABASE_URL": "sqlite:///x"}


@pytest.mark.parametrize("stage", ["development", "testing", "staging", "production"])
def test_our_own_files_are_in_the_subset_and_hold_only_known_names(stage: str) -> None:
    from django_twilio_call.conf.catalogue import variables

    values = read_file(ROOT / "deploy" / stage / "app.env")

    assert set(values) - {"DJANGO_SETTINGS_MODULE"} <= set(variables())
    assert not [name for name in values if name != "DJANGO_SETTINGS_MODULE" and variables()[name].secret]
    assert values["DJANGO_SETTINGS_MODULE"] == f"config.settings.{stage}"
