"""Traps of other readers, and input that nobody should have to expect: refused by name, or read as it stands."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from django.http.request import split_domain_port, validate_host
from django.test import override_settings

from django_twilio_call.conf import get_config
from django_twilio_call.conf.command import examine
from django_twilio_call.conf.envfiles import EnvFiles, read_files
from django_twilio_call.conf.reader import reading
from django_twilio_call.exceptions import ConfigurationError

from .deploys import CANARY, SECRETS, environment, problems, read

RING, IVR = "DJANGO_TWILIO_RING_TIMEOUT", "DJANGO_TWILIO_ENABLE_IVR"


# --- values, whatever brought them ---


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "must be a time"),
        ('"30"', "must be without quotes"),
        ("'30'", "must be without quotes"),
        ("30 ", "must be without blanks"),
        ("30 # seconds", "must be a time"),
        ("30\r", "must hold printable characters alone"),
        ("30\n", "must hold printable characters alone"),
        ("\ufeff30", "must hold printable characters alone"),
        ("30\x00", "must hold printable characters alone"),
        ("\udce9", "must hold printable characters alone"),
        ("3" * 1_000_000, "must not be longer than 65000 characters, and has 1000000"),
    ],
    ids=[
        "empty", "quoted", "in single quotes", "blank", "inline comment", "CRLF", "line break", "BOM", "NUL",
        "non-UTF-8", "1 MB",
    ],
)  # fmt: skip
def test_a_bad_value_is_one_problem_with_its_rule(text: str, rule: str) -> None:
    (problem,) = problems(environment(**{RING: text}))

    assert problem.startswith(f"{RING} is ")
    assert f": {rule}" in problem
    assert len(problem) < 300


def test_a_variable_that_is_no_utf_8_in_the_real_environment_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environb, RING.encode(), b"3\xe9")

    assert any(problem.startswith(RING) for problem in problems({**os.environ, **SECRETS}))


@pytest.mark.parametrize("text", ["ture", "enabled", "2", "yes!", "None", " true"])
def test_what_is_no_switch_is_not_taken_for_off(text: str) -> None:
    assert len(problems(environment(**{IVR: text}))) == 1


@pytest.mark.parametrize("text", ["1e3", "10s", "1_000", "+5", "0x10", "5.0", "٣"])
def test_what_is_no_number_is_not_made_one(text: str) -> None:
    assert len(problems(environment(DJANGO_TWILIO_DEFAULT_BATCH_SIZE=text))) == 1


@pytest.mark.parametrize("name", ["TWILIO_AUTH_TOKEN", "TWILIO_AUTH_TOKEN_SECONDARY", "OIDC_CLIENT_SECRET"])
@pytest.mark.parametrize("text", ['"{}"', "'{}'", "{} ", " {}"])
def test_a_secret_as_docker_hands_it_on_from_a_line_with_quotes_is_refused(name: str, text: str) -> None:
    (problem,) = problems(environment("production", **{name: text.format(CANARY)}), "production")

    assert problem.startswith(f"{name} is (hidden): must be")


def test_a_secrets_file_and_a_part_of_a_database_have_no_quotes_either(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f'"{CANARY}"\n')
    parts = {"DATABASE_HOST": "db", "DATABASE_NAME": "calls", "DATABASE_PASSWORD": f"'{CANARY}'"}

    found = problems(environment(OIDC_CLIENT_SECRET_FILE=str(tmp_path / "secret"), **parts))

    assert [each.split()[0] for each in found] == ["DATABASE_PASSWORD", "OIDC_CLIENT_SECRET"]
    assert all("without quotes" in each for each in found)


def test_a_secret_that_begins_with_a_dollar_is_that_secret() -> None:
    assert read(TWILIO_AUTH_TOKEN="$abc", OTHER="x").config.twilio_auth_token == "$abc"


def test_blanks_around_items_of_a_list_are_not_part_of_them() -> None:
    assert read(DJANGO_ALLOWED_HOSTS="a.example.com, b.example.com").config.allowed_hosts[1] == "b.example.com"


@pytest.mark.parametrize(
    "text", ["not a url", "example.com", "ftp://example.com", "http://", "http://h:99999", "http://h/ x"]
)
def test_what_is_no_address_does_not_pass(text: str) -> None:
    assert len(problems(environment(PUBLIC_BASE_URL=text))) == 1


@pytest.mark.parametrize(
    "more", ["?x=1", "/calls", "/?", "#top", '"', "'", ";", ",b.example.com", ".", "..com", ":0", ":", "\\", "|"]
)
def test_where_twilio_finds_this_deploy_is_a_host_and_no_more(more: str) -> None:
    (problem,) = problems(environment(PUBLIC_BASE_URL=f"https://calls.example.com{more}"))

    assert "must be http or https:// and a host: no path, no login, no ? and no #" in problem


def test_a_login_in_an_address_is_refused_and_not_shown() -> None:
    (problem,) = problems(environment(PUBLIC_BASE_URL=f"https://user:{CANARY}/@calls.example.com"))

    assert problem.startswith("PUBLIC_BASE_URL is 'https://(hidden)@calls.example.com': must be")


@pytest.mark.parametrize("host", ["calls.example.com:8443", "CALLS.example.com/", "[::1]:8000", "localhost"])
def test_any_host_may_be_where_twilio_finds_this_deploy(host: str) -> None:
    assert read(PUBLIC_BASE_URL=f"https://{host}").config.public_base_url == f"https://{host}".rstrip("/")


@pytest.mark.parametrize("stage", ["development", "staging", "production"])
@pytest.mark.parametrize("hosts", ["other.example.com", "example.com", ".calls.example.com.au", "alls.example.com"])
def test_a_public_host_that_every_page_would_refuse_is_refused_here(stage: str, hosts: str) -> None:
    environ = environment(stage, PUBLIC_BASE_URL="https://calls.example.com", DJANGO_ALLOWED_HOSTS=hosts)

    (problem,) = problems(environ, stage)
    assert problem.startswith("PUBLIC_BASE_URL is 'https://calls.example.com': must have a host that DJANGO_ALLOWED_")


@pytest.mark.parametrize("public", ["calls.example.com:8443", "CALLS.example.com", "[::1]:8000", "127.0.0.1"])
@pytest.mark.parametrize("hosts", ["*", ".example.com,[::1],127.0.0.1", "[::1],127.0.0.1,Calls.Example.com", ""])
def test_a_public_host_is_taken_where_django_takes_it(public: str, hosts: str) -> None:
    environ = environment("production", PUBLIC_BASE_URL=f"https://{public}", DJANGO_ALLOWED_HOSTS=hosts or "localhost")
    host, _ = split_domain_port(public)

    assert (problems(environ, "production") == []) is validate_host(host, (hosts or "localhost").split(","))


@pytest.mark.parametrize(("text", "size"), [("65536", 65_536), ("512KB", 524_288), ("10MB", 10_485_760)])
def test_a_size_is_bytes_or_has_a_unit(text: str, size: int) -> None:
    assert read(DJANGO_UPLOAD_LIMIT=text).config.upload_limit == size


def test_a_time_zone_is_one_that_exists() -> None:
    assert read(DJANGO_TIME_ZONE="Europe/Berlin").config.time_zone == "Europe/Berlin"
    assert len(problems(environment(DJANGO_TIME_ZONE="Europe/Berlim"))) == 1


# --- files of secrets, and folders ---


@pytest.mark.parametrize("content", [b"token\n", b"token\r\n", b"token"])
def test_the_line_break_at_the_end_of_a_secrets_file_is_not_part_of_it(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "token").write_bytes(content)
    environ = environment(TWILIO_AUTH_TOKEN_FILE=str(tmp_path / "token"))
    del environ["TWILIO_AUTH_TOKEN"]

    assert problems(environ) == []


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"", "must be"),
        (b"caf\xe9", "cannot be read: UnicodeDecodeError"),
        (b"\xef\xbb\xbftoken", "printable"),
        (b"to\x00ken", "printable"),
        (b"one\ntwo\n", "printable"),
        (b"x" * 1_000_000, "must not be longer"),
        (None, "cannot be read: FileNotFoundError"),
    ],
)
def test_a_bad_secrets_file_is_one_problem_and_not_quoted(tmp_path: Path, content: bytes | None, rule: str) -> None:
    if content is not None:
        (tmp_path / "token").write_bytes(content)
    environ = environment(TWILIO_AUTH_TOKEN_FILE=str(tmp_path / "token"))
    del environ["TWILIO_AUTH_TOKEN"]

    (problem,) = problems(environ)
    assert rule in problem
    assert "TWILIO_AUTH_TOKEN" in problem
    assert "token is" not in problem


@pytest.mark.parametrize("secret", [CANARY, f"postgres://u:{CANARY}@h/d", f'"/{CANARY}"'])
@pytest.mark.parametrize("name", ["TWILIO_AUTH_TOKEN", "DATABASE_URL"])
def test_a_secret_in_the_place_of_its_path_is_not_shown(name: str, secret: str) -> None:
    environ = environment("production", **{f"{name}_FILE": secret})
    del environ[name]

    (problem,) = problems(environ, "production")
    assert problem == f"{name}_FILE is (hidden): must be a path, from / on (from environment)"


def test_a_path_that_leads_nowhere_is_shown() -> None:
    (problem,) = problems(environment(OIDC_CLIENT_SECRET_FILE="/nowhere/token"))

    assert problem.startswith("OIDC_CLIENT_SECRET_FILE is '/nowhere/token': cannot be read: FileNotFoundError")


@pytest.mark.parametrize("name", ["TWILIO_ACCOUNT_SID", "TWILIO_API_KEY", "TWILIO_TWIML_APP_SID"])
def test_a_secret_in_the_place_of_a_sid_is_not_shown(name: str) -> None:
    found = problems(environment("production", **{name: CANARY, "TWILIO_API_SECRET": "x"}), "production")

    assert any(problem.startswith(f"{name} is (hidden): must be ") for problem in found)
    assert CANARY not in "".join(found)


@override_settings(TWILIO_ACCOUNT_SID=CANARY)
def test_nor_is_one_that_a_django_setting_has_there() -> None:
    with pytest.raises(ConfigurationError, match=r"TWILIO_ACCOUNT_SID is \(hidden\)"):
        get_config()


def test_a_secret_in_two_places_is_refused(tmp_path: Path) -> None:
    (problem,) = problems(environment(TWILIO_AUTH_TOKEN_FILE=str(tmp_path)))

    assert "stands in two places" in problem


def test_a_folder_that_is_a_file_or_nowhere_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    for name in ("file", "nowhere"):
        (problem,) = problems(environment(DJANGO_TWILIO_CONFIG_DIR=str(tmp_path / name)))
        assert problem.startswith("DJANGO_TWILIO_CONFIG_DIR is ")


def test_a_folder_holds_a_file_for_each_key_and_what_else_lies_there_does_no_harm(tmp_path: Path) -> None:
    for name, content in {RING: "21\n", ".hidden": "x", "readme.txt": "x"}.items():
        (tmp_path / name).write_text(content)
    (tmp_path / "SUBFOLDER").mkdir()

    found = read(DJANGO_TWILIO_CONFIG_DIR=str(tmp_path))
    assert (found.config.ring_timeout, found.origin(RING)) == (21, f"{tmp_path}/{RING}")


def test_a_misspelt_key_in_the_folder_is_named_with_the_real_one(tmp_path: Path) -> None:
    for name in ("DJANGO_TWILIO_RING_TIMOUT", "TWILIO_EGDE"):
        (tmp_path / name).write_text("1")

    found = "\n".join(problems(environment(DJANGO_TWILIO_CONFIG_DIR=str(tmp_path))))
    assert "did you mean DJANGO_TWILIO_RING_TIMEOUT?" in found
    assert "did you mean TWILIO_EDGE?" in found


# --- names that Kubernetes makes for Services ---


def test_what_kubernetes_injects_is_not_ours_whatever_a_service_is_called() -> None:
    injected = {
        "DJANGO_TWILIO_PORT": "tcp://10.0.0.1:80",
        "DJANGO_TWILIO_SERVICE_HOST": "10.0.0.1",
        "DJANGO_TWILIO_SERVICE_PORT_HTTP": "80",
        "DJANGO_TWILIO_PORT_80_TCP": "tcp://10.0.0.1:80",
        "DJANGO_TWILIO_PORT_80_TCP_ADDR": "10.0.0.1",
        "DATABASE_PORT": "tcp://10.0.0.2:5432",
        "REDIS_PORT": "tcp://10.0.0.3:6379",
    }
    parts = {"DATABASE_HOST": "db", "DATABASE_NAME": "calls"}

    assert read(**injected, **parts).config.database_url == "postgres://db:5432/calls"


# --- parts of a database ---


def test_every_bad_part_of_a_database_is_named() -> None:
    parts = {"DATABASE_HOST": "d b", "DATABASE_PORT": "0", "DATABASE_PASSWORD": f"{CANARY}\x00"}

    found = problems(environment(**parts))
    assert [problem.split(" is ")[0].split(":")[0] for problem in found] == [
        "DATABASE_HOST", "DATABASE_PORT", "DATABASE_PASSWORD", "DATABASE_NAME",
    ]  # fmt: skip
    assert CANARY not in "".join(found)


# --- env files ---


def lint(path: Path) -> list[str]:
    files: EnvFiles = read_files([path])
    return [problem for problem in examine(files, environ={})[0] if "DJANGO_SETTINGS_MODULE" not in problem]


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b'A="b"\n', ":1: A: the value begins with a quote"),
        (b"A=1\nA=2\n", ":2: A stands a second time, after "),
        (b"A=\x00\n", ":1: A: the value has characters that do not print"),
        (b"A=" + b"x" * 1_000_000 + b"\n", ":1: A: the line is too long"),
        (b"OK=1\nA=" + b"x" * 65_536 + b"\nB=2\n", ":2: A: the line is too long"),
        (b"OK=1\nA=\xe9\n", ":2: holds bytes that are not UTF-8"),
        (b"A=b\r\n", ":1: A: the line ends in CR LF"),
        (b"\xef\xbb\xbfA=b\n", ":1: begins with a byte order mark"),
        (b"export A=b\n", ":1: A must not be exported"),
        (b"A=b # c\n", ":1: A: the value has a comment"),
        (b"A=$HOME\n", ":1: A: the value has a $"),
        (b"A=a$$b\n", ":1: A: the value has a $"),
        (b"  A=b\n", ":1: A must be capital letters"),
        (b"A = b\n", ":1: A must be capital letters"),
        (b"A=b \n", ":1: A: the value has blanks around it"),
        (b"A\n", ":1: must be KEY=VALUE"),
        ("A=a\u2028b\n".encode(), ":1: A: the value has characters that do not print"),
        (None, "cannot be read: FileNotFoundError"),
    ],
    ids=lambda each: repr(each)[:24],
)
def test_a_bad_file_is_refused_by_line(tmp_path: Path, content: bytes | None, rule: str) -> None:
    path = tmp_path / "app.env"
    if content is not None:
        path.write_bytes(content)

    found = lint(path)
    assert any(problem.startswith(str(path)) and rule in problem for problem in found), found


def test_an_empty_value_is_empty_and_an_empty_file_no_problem(tmp_path: Path) -> None:
    (tmp_path / "app.env").write_text("TWILIO_REGION=\n\n# a comment\n")

    assert read_files([tmp_path / "app.env"]).values == {"TWILIO_REGION": ""}


def test_a_folder_in_place_of_a_file_is_named(tmp_path: Path) -> None:
    assert "cannot be read: IsADirectoryError" in lint(tmp_path)[0]


def test_a_file_nobody_can_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "app.env"
    path.symlink_to(path)  # root, too, gets nothing from this

    assert "cannot be read: OSError" in lint(path)[0]


def test_a_part_of_the_database_address_that_is_not_utf_8_is_a_problem_among_others() -> None:
    environ = environment() | {"DATABASE_HOST": "db", "DATABASE_NAME": "calls", "DATABASE_PASSWORD": "\udcff" + CANARY}
    environ.pop("DATABASE_URL", None)

    with pytest.raises(ConfigurationError, match="DATABASE_PASSWORD") as refused:
        reading(environ, "production")

    assert CANARY not in str(refused.value)
