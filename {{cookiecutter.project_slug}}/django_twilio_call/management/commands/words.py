"""`manage.py words`: compile the translations, without gettext's tools: a laptop and a slim image have none."""

from __future__ import annotations

import ast
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

SOURCES: Final = Path(__file__).resolve().parents[2] / "locale"
MAGIC: Final = 0x950412DE
BETWEEN: Final = "\0"
"""Between the forms of a message that counts something, in the file that is compiled and in what is read here."""
CONTEXT: Final = "\4"
"""After the context of a message that has one."""
_KINDS: Final = "msgid, msgid_plural, msgstr, msgstr[0], msgctxt before them, a comment, or a text that goes on"
_KEYWORD: Final = re.compile(r"msgctxt|msgid|msgid_plural|msgstr|msgstr\[\d\]")


class Command(BaseCommand):
    """Compile every catalogue of the call center into the folder where Django looks for them."""

    help = (
        "Compile the console's translations (locale/*/LC_MESSAGES/django.po). `make run` and the image's build do it."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Where they go."""
        parser.add_argument("--into", type=Path, default=Path(settings.LOCALE_PATHS[0]), help="The folder to write to.")

    def handle(self, *, into: Path, **_: Any) -> None:
        """One `.mo` for each `.po`."""
        for source in sorted(SOURCES.glob("*/LC_MESSAGES/django.po")):
            target = into / source.relative_to(SOURCES).with_suffix(".mo")
            try:
                compiled = compiled_catalogue(read(source.read_text(encoding="utf-8")))
            except ValueError as error:
                raise CommandError(f"{source}: {error}") from None
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(compiled)


def read(text: str) -> dict[str, str]:
    """Message -> translation; the header is that of "". Untranslated ones are left out.

    Raises `ValueError` naming the line that is of no kind that a catalogue has.
    """
    return {message: translation for message, translation in _pairs(text) if translation}


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    parts: dict[str, str] = {}
    field = ""
    for number, line in enumerate([*text.splitlines(), 'msgid ""'], start=1):
        keyword, _, quoted = line.strip().partition(" ")
        if not keyword or keyword.startswith("#"):
            continue
        if keyword in ("msgctxt", "msgid") and (forms := _forms(parts, "msgstr")):
            context = "".join(f"{text}{CONTEXT}" for text in _forms(parts, "msgctxt"))
            yield context + BETWEEN.join(_forms(parts, "msgid")), BETWEEN.join(forms) if all(forms) else ""
            parts = {}
        if keyword.startswith('"'):
            quoted = line.strip()
        elif _KEYWORD.fullmatch(keyword) and not (keyword == "msgctxt" and parts):
            field = keyword
            parts[field] = ""
        else:
            raise ValueError(f"line {number}: {keyword!r} must be {_KINDS}")
        try:
            parts[field] += ast.literal_eval(quoted)
        except (SyntaxError, KeyError, TypeError):
            raise ValueError(f"line {number}: {quoted!r} is no quoted text of a message") from None


def _forms(parts: dict[str, str], kind: str) -> list[str]:
    return [text for keyword, text in parts.items() if keyword.startswith(kind)]


def compiled_catalogue(messages: dict[str, str]) -> bytes:
    """The binary form that Python's `gettext` reads."""
    pairs = [(key.encode(), messages[key].encode()) for key in sorted(messages)]
    header, texts, places = 28, b"", [[], []]  # type: tuple[int, bytes, list[list[tuple[int, int]]]]
    start = header + 16 * len(pairs)
    for side in (0, 1):
        for pair in pairs:
            places[side].append((len(pair[side]), start + len(texts)))
            texts += pair[side] + b"\0"
    table = b"".join(struct.pack("<II", *place) for side in places for place in side)
    head = struct.pack("<7I", MAGIC, 0, len(pairs), header, header + 8 * len(pairs), 0, 0)
    return head + table + texts
