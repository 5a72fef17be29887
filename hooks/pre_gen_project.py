"""Refuses answers that would hurt later: a line for each, with its value, the rule and an example."""

from __future__ import annotations

import json
import keyword
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping

# Filled in by cookiecutter. One raw string: the file is valid Python before and after, whatever was answered.
ANSWERS = r"""{{ cookiecutter | tojson }}"""

LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
MAILBOX = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`|~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`|~-]+)*")
ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*")
# cookiecutter and cruft render answers given as options once more, so these would not survive an update.
JINJA = re.compile(r"\{[%#{]")
# What the project depends on, what it holds, databases that PostgreSQL has, folders that Windows cannot make.
TAKEN = {
    *("celery", "django", "gunicorn", "hiredis", "psycopg", "redis", "twilio", "tzdata", "urllib3", "whitenoise"),
    *("config", "deploy", "docs", "test", "tests"),
    *("postgres", "template0", "template1"),
    *("aux", "con", "nul", "prn"),
}


class Rule:
    """What an answer has to be, said to a person. No named tuple: importing `typing` takes as long as the checks."""

    __slots__ = ("answer", "example", "holds", "text")

    def __init__(self, answer: str, holds: Callable[[str], bool], text: str, example: str) -> None:
        self.answer, self.holds, self.text, self.example = answer, holds, text, example


def is_short_text(value: str) -> bool:
    """Whether it fits on one line of a heading."""
    return 0 < len(value) <= 120


def is_plain_text(value: str) -> bool:
    """Whether a file can hold it on one line: no control characters, no lone surrogates, no blanks around it."""
    return value.isprintable() and value == value.strip()


def is_no_template(value: str) -> bool:
    """Whether it stays the same when it is rendered."""
    return not JINJA.search(value)


def is_slug(value: str) -> bool:
    """Whether it is an RFC 1123 label that leaves room for the endings of Kubernetes names."""
    return bool(LABEL.fullmatch(value)) and value[0].isalpha() and len(value) <= 40


def is_free(value: str) -> bool:
    """Whether Python, the project's packages and the systems it runs on leave the name to us."""
    taken = TAKEN | set(keyword.kwlist) | set(keyword.softkwlist) | {name.lower() for name in sys.stdlib_module_names}
    return value not in taken


def is_host(value: str) -> bool:
    """Whether it is a host name in a domain, and neither an address nor a URL."""
    labels = value.split(".")
    return len(value) <= 253 and len(labels) > 1 and all(map(LABEL.fullmatch, labels)) and labels[-1][0].isalpha()


def is_email(value: str) -> bool:
    """Whether it looks like an address that mail reaches."""
    mailbox, _, host = value.rpartition("@")
    return len(mailbox) <= 64 and bool(MAILBOX.fullmatch(mailbox)) and is_host(host.lower())


def is_time_zone(value: str) -> bool:
    """Whether this machine knows the zone; where it knows none (Windows), whether it is written like one."""
    if value == "UTC":
        return True  # looking it up takes a tenth of the whole bake
    import zoneinfo

    zones = zoneinfo.available_timezones()
    return value in zones if zones else bool(ZONE.fullmatch(value))


RULES = (
    *(
        Rule(answer, holds, text, example)
        for answer, example in (
            ("project_name", "Acme Support"),
            ("description", "Answers the phones of Acme."),
            ("author_name", "Zoë O'Brien"),
        )
        for holds, text in (
            (is_short_text, "1 to 120 characters"),
            (is_plain_text, "printable characters on one line, no blanks around them"),
            (is_no_template, "no opening of a Jinja expression (a brace before another brace, % or #)"),
        )
    ),
    Rule("project_slug", is_slug, "1 to 40 of a-z, 0-9 and -, a letter first, no - at the end", "acme-support"),
    Rule("project_slug", is_free, "not a name of Python, of a package used here or of the system", "acme-support"),
    Rule("email", is_email, "name@host", "support@example.com"),
    Rule("domain_name", is_host, "a host name in lower case, without https://, port or path", "calls.example.com"),
    Rule("timezone", is_time_zone, "a name of the time zone database", "Europe/Berlin"),
)


def refusals(answers: Mapping[str, object]) -> Iterator[str]:
    """A line for each answer that breaks a rule: the first rule it breaks."""
    refused = set()
    for rule in RULES:
        value = str(answers[rule.answer])
        if rule.answer not in refused and not rule.holds(value):
            refused.add(rule.answer)
            yield f"{rule.answer} {value!r} is refused: {rule.text}. For example: {rule.example}"


def remove_nested(here: str, slug: str) -> None:
    """Remove the empty folders that a slug with slashes made; cookiecutter would only remove the innermost."""
    import contextlib
    from pathlib import Path, PurePath

    folder = Path(here)
    depth = len([part for part in PurePath(slug).parts if part != ".."])
    if depth > 1:
        os.chdir(folder.parents[depth - 1])  # Windows keeps a folder that somebody is in
        with contextlib.suppress(OSError):
            for made in (folder, *folder.parents[: depth - 1]):
                made.rmdir()


def main() -> int:
    """Exit code 1 and the refusals, or 0 and nothing."""
    answers = json.loads(ANSWERS)
    lines = list(refusals(answers))
    for line in lines:
        # Escaped, so that any terminal can show it.
        print(line.encode("ascii", "backslashreplace").decode(), file=sys.stderr)
    if lines:
        remove_nested(os.getcwd(), str(answers["project_slug"]))
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
