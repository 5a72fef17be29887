"""Words of desk, console and sign-in in another language: all there, compiled without tools, English without any."""

from __future__ import annotations

import ast
import gettext
import io
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils.translation.template import templatize

from django_twilio_call.exceptions import BusinessLogicError
from django_twilio_call.management.commands import words
from django_twilio_call.management.commands.words import compiled_catalogue, read
from django_twilio_call.models import Agent, Role
from django_twilio_call.services import ConferenceService

from .conftest import browser_of

APP = words.SOURCES.parent
GERMAN = read((words.SOURCES / "de/LC_MESSAGES/django.po").read_text(encoding="utf-8"))


BETWEEN = {
    **dict.fromkeys(("_", "gettext", "gettext_lazy", "gettext_noop", "ngettext"), words.BETWEEN),
    **dict.fromkeys(("pgettext", "pgettext_lazy"), words.CONTEXT),
}
"""Function that marks a message -> what stands between its texts where it is compiled."""
TEMPLATES_CALL = re.compile(r"""\b(?:_|[np]?gettext)\((?:\s*u?(?:"[^"\n]*"|'[^'\n]*'),?)+(?:\s*count)?\)""")


def said() -> set[str]:
    """What pages, views and refusals say in words that are to be translated, as the catalogue has them."""
    pages = [templatize(page.read_text()) for page in (APP / "templates").rglob("*.html")]
    sources = [call for page in pages for call in TEMPLATES_CALL.findall(page)]
    sources += [
        each.read_text() for folder in ("console", "services", "signin") for each in (APP / folder).glob("*.py")
    ]
    return {message for source in sources for message in messages(source)}


def messages(source: str) -> Iterator[str]:
    """Those that some Python marks, as they are compiled: one that counts with its two forms, others with a context."""
    for call in ast.walk(ast.parse(source.strip())):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in BETWEEN:
            forms = [each.value for each in call.args if isinstance(each, ast.Constant)]
            yield from [BETWEEN[call.func.id].join(map(str, forms))] if forms else []


def test_every_word_of_the_desk_is_translated_and_no_other() -> None:
    assert said() == GERMAN.keys() - {""}


def test_a_translation_has_the_places_of_its_message() -> None:
    places = re.compile(r"%%s|%\(\w+\)[rs]")

    assert {m: t for m, t in GERMAN.items() if m and sorted(places.findall(m)) != sorted(places.findall(t))} == {}


def test_the_catalogue_is_sorted() -> None:
    assert list(GERMAN) == sorted(GERMAN)


def test_a_catalogue_is_compiled_as_python_reads_it() -> None:
    compiled = gettext.GNUTranslations(
        io.BytesIO(compiled_catalogue({"": "Content-Type: text/plain; charset=UTF-8\n", **GERMAN}))
    )

    assert compiled.gettext("Accept") == "Annehmen"
    assert compiled.gettext("Nothing of ours") == "Nothing of ours"


COUNTED = """
msgid ""
msgstr "Content-Type: text/plain; charset=UTF-8\\n"
"Plural-Forms: nplurals=3; plural=(n==1 ? 0 : n<5 ? 1 : 2);\\n"

msgid "%(n)s call"
msgid_plural "%(n)s calls"
msgstr[0] "%(n)s hovor"
msgstr[1] "%(n)s "
"hovory"
msgstr[2] "%(n)s hovorů"

msgctxt "bottle"
msgid "half"
msgstr "půlka"

msgid "half"
msgid_plural "halves"
msgstr[0] "půl"
msgstr[1] ""
"""


def test_a_message_has_as_many_forms_as_its_language_and_one_for_each_context() -> None:
    compiled = gettext.GNUTranslations(io.BytesIO(compiled_catalogue(read(COUNTED))))

    counted = [compiled.ngettext("%(n)s call", "%(n)s calls", n) % {"n": n} for n in (1, 2, 7)]
    assert counted == ["1 hovor", "2 hovory", "7 hovorů"]
    assert compiled.pgettext("bottle", "half") == "půlka"
    assert compiled.ngettext("half", "halves", 2) == "halves"  # not all forms are there


@pytest.mark.django_db
def test_an_agent_who_reads_german_gets_it(at_desk: Client, german: None) -> None:
    shown = at_desk.get("/desk/", headers={"Accept-Language": "de"}).content.decode()

    assert '<html lang="de">' in shown
    assert "Bereit für den nächsten Anruf" in shown
    assert 'data-text-unanswered="nichts antwortet unter %s"' in shown
    assert "Ready for the next call" in at_desk.get("/desk/", headers={"Accept-Language": "fr"}).content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "sent", "told"),
    [
        ("/desk/hold/", {"on": "1"}, "ist in keinem Gespräch"),
        ("/desk/hangup/", {}, "hat kein Gespräch zum Auflegen"),
        ("/desk/transfer/", {"to": "queue:x"}, "die Warteschlange &#x27;x&#x27; gibt es nicht"),
        ("/desk/transfer/", {"to": "number:", "number": "1"}, "muss aus + und 7 bis 15 Ziffern bestehen"),
        ("/desk/accept/1/", {}, "die Zuteilung 1 von Agent"),
        ("/desk/state/", {"state": "asleep"}, "der Status &#x27;asleep&#x27; ist nicht wählbar"),
        ("/desk/outcome/", {"code": "x"}, "bearbeitet kein Gespräch nach"),
    ],
)
def test_a_refusal_is_told_in_the_language_of_the_page(
    at_desk: Client, german: None, path: str, sent: dict[str, str], told: str
) -> None:
    answer = at_desk.post(path, sent, headers={"Accept-Language": "de"}, follow=True)

    assert told in answer.content.decode()


@pytest.mark.django_db
def test_without_a_request_refusals_are_english(agent: Agent, german: None, now: datetime) -> None:
    with pytest.raises(BusinessLogicError, match=f"agent {agent.pk} is in no conversation"):
        ConferenceService().hold(agent_id=agent.pk, on=True, now=now)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/nowhere/", "Hier ist nichts"),
        ("/audit/", "Das ist nicht für Sie"),
        ("/desk/", "ist kein Agent. Ein Administrator kann es"),
        ("/voicemail/", "Es warten keine Nachrichten."),
        ("/accounts/second-factor/set-up/", "Zweiten Faktor einrichten"),
    ],
)
def test_pages_beside_the_desk_are_german_too(german: None, path: str, told: str) -> None:
    page = browser_of(Role.SUPERVISOR).get(path, headers={"Accept-Language": "de"}).content.decode()

    assert told in page
    assert "· Callcenter</title>" in page
    assert "Call center" not in page


def test_a_catalogue_that_cannot_be_read_names_the_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "de/LC_MESSAGES").mkdir(parents=True)
    (tmp_path / "de/LC_MESSAGES/django.po").write_text('msgid "a"\nmsgctxt "b"\n')
    monkeypatch.setattr(words, "SOURCES", tmp_path)

    with pytest.raises(CommandError, match="line 2: 'msgctxt' must be msgid"):
        call_command("words", into=tmp_path)
