"""What holds for any environment, drawn at random."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from django_twilio_call.conf.catalogue import assemble, disassemble, variables
from django_twilio_call.conf.command import examine
from django_twilio_call.conf.envfiles import read_file, read_files
from django_twilio_call.conf.fingerprint import digests, fingerprint
from django_twilio_call.conf.problems import unfit
from django_twilio_call.conf.reader import reading, survey
from django_twilio_call.conf.sources import collect
from django_twilio_call.conf.tables import FORMATS, as_env, rows, show
from django_twilio_call.conf.variables import PREFIX
from django_twilio_call.exceptions import ConfigurationError

from .deploys import CANARY, environment
from .strategies import environments

NAMES = st.sampled_from([*variables(), PREFIX + "RING_TIMOUT", PREFIX + "X", "HOME", "WEB_PORT", "DATABASE_HOST"])
ANYTHING = st.dictionaries(
    NAMES, st.one_of(st.text(max_size=30), st.sampled_from(["", "0", "true", "1e3", "$X", "\x00"]))
)
relaxed = settings(deadline=None, max_examples=60, database=None, suppress_health_check=[HealthCheck.too_slow])


def refused_by_its_own_rule(name: str, text: str) -> bool:
    try:
        variables()[name].type.read(text)
    except ValueError:
        return True
    return unfit(text) is not None


@relaxed
@given(ANYTHING)
def test_any_environment_gives_a_configuration_or_every_problem(drawn: dict[str, str]) -> None:
    environ = environment() | drawn
    expected = {name for name in drawn if name in variables() and refused_by_its_own_rule(name, drawn[name])}
    expected |= {name for name in drawn if name.startswith(PREFIX) and name not in variables()}
    found, values = survey(environ, "testing")

    assert expected <= {problem.key for problem in found.problems}
    assert all("(from " in str(problem) for problem in found.problems)
    if not found.problems:
        assert disassemble(assemble("testing", values)) == values
        assert reading(environ, "testing").config == assemble("testing", values)


@relaxed
@given(st.sampled_from(["testing", "production"]).flatmap(lambda s: st.tuples(st.just(s), environments(s))))
def test_export_then_load_is_the_identity(drawn: tuple[str, dict[str, str]]) -> None:
    stage, environ = drawn
    read = reading(environ, stage)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "app.env"
        path.write_text("\n".join(as_env(rows(read), stage, origin=True)) + "\n")
        values = read_file(path)
    secrets = {name: environ[name] for name in environ if variables()[name].secret}

    again = reading({**values, **secrets}, stage).config
    assert again == read.config
    assert fingerprint(digests(again)) == fingerprint(digests(read.config))


@relaxed
@given(environments("production"))
def test_no_secret_of_a_good_configuration_appears_anywhere(environ: dict[str, str]) -> None:
    read = reading(environ, "production")
    shown = [show(read, form=form, origin=True) for form in FORMATS]

    assert CANARY in "".join(environ.values())
    assert CANARY not in "".join([*shown, repr(read), repr(read.config), json.dumps(digests(read.config))])


BAD_SECRETS = st.one_of(st.text(max_size=20), st.sampled_from([" ", "\x00", "\n", "$(", "'", "é" * 3, "x" * 70_000]))


@relaxed
@given(st.fixed_dictionaries({name: BAD_SECRETS for name, each in variables().items() if each.secret}), st.booleans())
def test_no_secret_of_a_bad_one_appears_in_what_is_said_of_it(drawn: dict[str, str], in_front: bool) -> None:
    environ = {name: text + CANARY if in_front else CANARY + text for name, text in drawn.items()}
    try:
        said = repr(reading(environment("production") | environ, "production"))
    except ConfigurationError as error:
        said = f"{error} {error.problems} {error!r} {error.__cause__!r}"
    said += repr([str(problem) for problem in collect(environ).problems])

    assert CANARY not in said


@relaxed
@given(
    st.text(max_size=40), st.sampled_from(["TWILIO_AUTH_TOKEN=", "export REDIS_URL=", "password: ", " ", "\ufeff", ""])
)
def test_no_line_of_an_env_file_is_quoted(text: str, start: str) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "secrets.env"
        path.write_text(f"{start}{CANARY}{text}\n{start}{text}={CANARY}\n", encoding="utf-8", errors="replace")
        problems, notes = examine(read_files([path]), environ={})

    assert CANARY not in "".join([*problems, *notes])


def test_a_refused_configuration_is_logged_without_its_secrets(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ConfigurationError) as error:
        reading(environment("production", REDIS_URL=f"http://{CANARY}"), "production")
    logging.getLogger("tests").error("refused: %s", error.value, exc_info=error.value)

    assert "REDIS_URL is (hidden)" in caplog.text
    assert CANARY not in caplog.text
