"""The same files by manage.py, docker, compose and Kubernetes are the same configuration."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from django_twilio_call.conf.envfiles import NAMES, read_file, read_files
from django_twilio_call.conf.reader import reading
from django_twilio_call.conf.variables import STAGES

from .readers import IN_PROCESS, READERS, Refused
from .strategies import environments

ROOT = Path(__file__).resolve().parent.parent.parent
slow = settings(
    deadline=None,
    max_examples=4,  # kubectl is started twice for each, so what fails is not made smaller either
    phases=(Phase.explicit, Phase.generate),
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)
KEYS = st.from_regex(r"[A-Z][A-Z0-9_]{0,20}", fullmatch=True).filter(str.isascii)
CHARACTERS = st.characters(blacklist_categories=("C", "Z"), blacklist_characters="$")
WORDS = st.text(CHARACTERS, min_size=1, max_size=12)


def portable(value: str) -> bool:
    return value == value.strip() and value.isprintable() and value[:1] not in ("'", '"') and " #" not in value


VALUES = st.lists(WORDS, max_size=4).map(" ".join).filter(portable)


def said(path: Path) -> dict[str, dict[str, str]]:
    """What each reader makes of a file."""
    return {reader.__name__: reader(path) for reader in READERS}


@slow
@given(st.lists(st.tuples(KEYS, VALUES), min_size=50, max_size=200, unique_by=lambda pair: pair[0]))
def test_values_of_the_portable_subset_are_read_alike_by_all(tmp_path: Path, pairs: list[tuple[str, str]]) -> None:
    path = tmp_path / "app.env"
    path.write_text("# drawn at random\n\n" + "".join(f"{key}={value}\n" for key, value in pairs))

    assert read_file(path) == dict(pairs)
    for reader, values in said(path).items():
        assert values == dict(pairs), reader


@slow
@given(st.sampled_from(STAGES).flatmap(lambda stage: st.tuples(st.just(stage), environments(stage))))
def test_all_ways_in_lead_to_the_same_configuration(tmp_path: Path, drawn: tuple[str, dict[str, str]]) -> None:
    stage, environ = drawn
    path = tmp_path / "deploy.env"
    path.write_text("".join(f"{name}={value}\n" for name, value in environ.items()))

    direct = reading(environ, stage).config
    for reader, values in said(path).items():
        assert reading(values, stage).config == direct, reader


@pytest.mark.parametrize(
    "path", sorted(ROOT.glob("deploy/*/*.env")), ids=lambda path: f"{path.parent.name}-{path.stem}"
)
def test_our_own_files_are_read_alike(path: Path) -> None:
    values = read_file(path)

    assert path.name in NAMES
    for reader, found in said(path).items():
        assert found == values, reader


@pytest.mark.parametrize(
    "line",
    ['A="b"', "A='b'", "A=b # c", "A=$HOME", "A=${HOME}", "A=pa$w0rd", "A=a$$b", "A= b", "A = b", "  A=b", "export A=b",
     "A=b\u2028c", "\ufeffA=b", "A=b ", "HOME"],
)  # fmt: skip
def test_what_the_linter_refuses_readers_do_take_differently(tmp_path: Path, line: str) -> None:
    path = tmp_path / "app.env"
    path.write_text(line + "\n")

    assert read_files([path]).problems
    assert len({str(_result(reader, path)) for reader in IN_PROCESS}) > 1


def test_kubectl_drops_a_long_line_and_all_after_it_without_a_word(tmp_path: Path) -> None:
    path = tmp_path / "app.env"
    path.write_text("A=1\nB=" + "x" * 65_536 + "\nC=3\n")

    assert READERS[3](path) == READERS[4](path) == {"A": "1"}
    assert "the line is too long" in read_files([path]).problems[0]


def _result(reader: object, path: Path) -> object:
    assert callable(reader)
    try:
        return reader(path)
    except Refused:
        return "refused"
