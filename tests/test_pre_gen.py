"""The hook that refuses bad answers."""

from __future__ import annotations

import contextlib
import json
import zoneinfo
from pathlib import Path
from typing import Any

import pytest
from cookiecutter.exceptions import FailedHookException
from cookiecutter.utils import create_env_with_context
from hypothesis import given, settings
from hypothesis import strategies as st

from hooks import pre_gen_project as hook

from .conftest import ROOT, bake

GOOD = {
    "project_name": "Acme Support",
    "project_slug": "acme-support",
    "description": "Answers the phones.",
    "author_name": "Zoë O'Brien",
    "email": "support@example.com",
    "domain_name": "calls.example.com",
    "timezone": "Europe/Berlin",
}
ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=[]), max_size=60)


def refused(**answers: str) -> list[str]:
    """The answers that the hook refuses, of good ones and these."""
    return [line.split(" ", 1)[0] for line in hook.refusals(GOOD | answers)]


def rendered(answers: dict[str, str]) -> dict[str, Any]:
    """The hook's names, after cookiecutter put these answers into its source."""
    context = {"cookiecutter": answers}
    source = (ROOT / "hooks/pre_gen_project.py").read_text()
    names: dict[str, Any] = {"__name__": "rendered"}
    exec(compile(create_env_with_context(context).from_string(source).render(context), "hook", "exec"), names)  # noqa: S102
    return names


def test_good_answers_pass() -> None:
    assert refused() == []


@pytest.mark.parametrize(
    "name", ["O'Brien & Sons", 'The "Best" Calls', "{Braces}", "日本コール", "Déjà Vu", "Hi 📞", "a\\b", "'''", '"""']
)
def test_a_name_that_hurts_is_a_good_name(name: str) -> None:
    assert refused(project_name=name, author_name=name, description=name) == []


@pytest.mark.parametrize(
    "name",
    [
        "",
        " padded",
        "two\nlines",
        "tab\there",
        "\x7f",
        "\ud83d",
        "a\u2028b",
        "{{ x }}",
        "{% raw %}",
        "{# #}",
        "x" * 121,
    ],
)
def test_a_name_that_no_file_can_hold_is_refused(name: str) -> None:
    assert refused(project_name=name) == ["project_name"]


@pytest.mark.parametrize("slug", ["a", "acme", "a1", "acme-2-go", "class-calls", "x" * 40])
def test_a_label_is_a_slug(slug: str) -> None:
    assert refused(project_slug=slug) == []


@pytest.mark.parametrize(
    "slug", ["", "-a", "a-", "A", "a_b", "a.b", "a b", "a/b", "../a", "2go", "ünï", "x" * 41, "a\n"]
)
def test_a_slug_that_is_no_label_is_refused(slug: str) -> None:
    assert refused(project_slug=slug) == ["project_slug"]


@pytest.mark.parametrize(
    "slug", ["class", "match", "json", "logging", "test", "django", "celery", "twilio", "postgres", "con"]
)
def test_a_slug_that_somebody_else_has_is_refused(slug: str) -> None:
    assert refused(project_slug=slug) == ["project_slug"]


@pytest.mark.parametrize("host", ["example.com", "a.b.c.example", "xn--bcher-kva.example", "0.example"])
def test_a_host_name_is_a_domain(host: str) -> None:
    assert refused(domain_name=host) == []


@pytest.mark.parametrize(
    "host",
    [
        "",
        "https://x.y/",
        "localhost",
        "x.y:8000",
        "x.y/z",
        "Example.com",
        "a..b",
        ".a.b",
        "a.b.",
        "192.0.2.1",
        "b_c.de",
        "é.fr",
        "a." * 126 + "com",
    ],
)
def test_a_domain_that_is_no_host_name_is_refused(host: str) -> None:
    assert refused(domain_name=host) == ["domain_name"]


@pytest.mark.parametrize("email", ["a@b.cc", "first.last+calls@sub.example.com", "o'brien@Example.COM"])
def test_an_address_that_mail_reaches_is_an_email(email: str) -> None:
    assert refused(email=email) == []


@pytest.mark.parametrize(
    "email", ["", "not-an-email", "@b.cc", "a@", "a@b", "a b@c.de", 'a"b@c.de', "a\\@c.de", ".a@b.cc", "a@b.cc\n"]
)
def test_an_email_that_mail_cannot_reach_is_refused(email: str) -> None:
    assert refused(email=email) == ["email"]


@pytest.mark.parametrize("zone", ["Mars/Phobos", "", "../etc/passwd", "europe/berlin"])
def test_an_unknown_time_zone_is_refused(zone: str) -> None:
    assert refused(timezone=zone) == ["timezone"]


@pytest.mark.parametrize(
    ("zone", "expected"), [("Mars/Phobos", []), ("Etc/GMT+5", []), ("no zone", ["timezone"]), ("../x", ["timezone"])]
)
def test_without_zone_data_a_zone_needs_only_the_form(
    monkeypatch: pytest.MonkeyPatch, zone: str, expected: list[str]
) -> None:
    monkeypatch.setattr(zoneinfo, "available_timezones", set[str])

    assert refused(timezone=zone) == expected


def test_a_refusal_names_value_rule_and_example() -> None:
    (line,) = hook.refusals(GOOD | {"timezone": "Mars/Phobos"})

    assert line == "timezone 'Mars/Phobos' is refused: a name of the time zone database. For example: Europe/Berlin"


def test_every_example_keeps_its_rule() -> None:
    assert [rule.example for rule in hook.RULES if not rule.holds(rule.example)] == []


def test_all_bad_answers_are_named_at_once() -> None:
    bad = dict.fromkeys(GOOD, "\n")

    assert sorted(refused(**bad)) == sorted(GOOD)


@given(st.fixed_dictionaries(dict.fromkeys(GOOD, ANY_TEXT)))
@settings(max_examples=200, deadline=None)
def test_any_answer_reaches_the_hook_as_it_was_given(answers: dict[str, str]) -> None:
    names = rendered(answers)

    assert json.loads(names["ANSWERS"]) == answers


def test_the_hook_says_what_is_wrong_in_any_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hook, "ANSWERS", json.dumps(GOOD | {"project_slug": "Hi 📞"}))

    assert hook.main() == 1
    assert capsys.readouterr().err == (
        "project_slug 'Hi \\U0001f4de' is refused: "
        "1 to 40 of a-z, 0-9 and -, a letter first, no - at the end. For example: acme-support\n"
    )


@pytest.mark.parametrize(
    "answers", [{"project_slug": "class"}, {"project_slug": "a/b/c"}, {"email": "x", "timezone": "y"}]
)
def test_a_refused_bake_leaves_nothing_behind(template: Path, tmp_path: Path, answers: dict[str, str]) -> None:
    # Where a slug has slashes the hook has removed what cookiecutter wants to remove.
    with contextlib.suppress(FileNotFoundError), pytest.raises(FailedHookException):
        bake(template, tmp_path / "out", answers)

    assert list((tmp_path / "out").iterdir()) == []


def test_a_refused_bake_keeps_the_project_that_is_there(template: Path, tmp_path: Path) -> None:
    (tmp_path / "out" / "class").mkdir(parents=True)
    (tmp_path / "out" / "class" / "notes.txt").write_text("mine")

    with pytest.raises(FailedHookException):
        bake(template, tmp_path / "out", {"project_slug": "class"}, overwrite=True)

    assert (tmp_path / "out" / "class" / "notes.txt").read_text() == "mine"
