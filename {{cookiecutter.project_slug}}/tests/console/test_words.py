"""The desk's words in another language: all there, compiled without gettext's tools, and English without any of it."""

from __future__ import annotations

import gettext
import io
import re
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils.translation import trans_real
from pytest_django import Settings

from django_twilio_call.console.presenters import STATES, WHY
from django_twilio_call.management.commands import words
from django_twilio_call.management.commands.words import compiled_catalogue, read

APP = words.SOURCES.parent
GERMAN = read((words.SOURCES / "de/LC_MESSAGES/django.po").read_text(encoding="utf-8"))


def said() -> set[str]:
    """What pages and views say in words that are to be translated."""
    found = {*STATES.values(), *WHY.values(), "Unknown caller"}
    for page in (APP / "templates/console").glob("*.html"):
        text = page.read_text()
        found |= {word.replace("%", "%%") for word in re.findall(r'{% translate "([^"]+)"', text)}
        blocks = re.findall(r"{% blocktranslate[^%]*%}(.*?){% endblocktranslate %}", text, re.DOTALL)
        found |= {re.sub(r"{{ (\w+) }}", r"%(\1)s", block) for block in blocks}
    for module in (APP / "console").glob("*.py"):
        found |= set(re.findall(r'\b_\("([^"]+)"\)', module.read_text()))
    return found


def test_every_word_of_the_desk_is_translated_and_no_other() -> None:
    assert said() == GERMAN.keys() - {""}


def test_a_translation_has_the_places_of_its_message() -> None:
    places = re.compile(r"%%s|%\(\w+\)s")

    assert {m: t for m, t in GERMAN.items() if m and sorted(places.findall(m)) != sorted(places.findall(t))} == {}


def test_a_catalogue_is_compiled_as_python_reads_it() -> None:
    compiled = gettext.GNUTranslations(
        io.BytesIO(compiled_catalogue({"": "Content-Type: text/plain; charset=UTF-8\n", **GERMAN}))
    )

    assert compiled.gettext("Accept") == "Annehmen"
    assert compiled.gettext("Nothing of ours") == "Nothing of ours"


@pytest.mark.django_db
def test_an_agent_who_reads_german_gets_it(at_desk: Client, settings: Settings, tmp_path: Path) -> None:
    call_command("words", into=tmp_path)
    settings.LOCALE_PATHS = [tmp_path]
    _forget()

    shown = at_desk.get("/desk/", headers={"Accept-Language": "de"}).content.decode()

    assert '<html lang="de">' in shown
    assert "Bereit für den nächsten Anruf" in shown
    assert 'data-text-unanswered="nichts antwortet unter %s"' in shown
    assert "Ready for the next call" in at_desk.get("/desk/", headers={"Accept-Language": "fr"}).content.decode()
    _forget()


def test_a_catalogue_that_cannot_be_read_names_the_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "de/LC_MESSAGES").mkdir(parents=True)
    (tmp_path / "de/LC_MESSAGES/django.po").write_text('msgid "a"\nmsgctxt "b"\n')
    monkeypatch.setattr(words, "SOURCES", tmp_path)

    with pytest.raises(CommandError, match="line 2: 'msgctxt' must be msgid"):
        call_command("words", into=tmp_path)


def _forget() -> None:
    """Django keeps catalogues for the life of a process."""
    trans_real._translations = {}  # type: ignore[attr-defined]
    trans_real._default = None  # type: ignore[attr-defined]
