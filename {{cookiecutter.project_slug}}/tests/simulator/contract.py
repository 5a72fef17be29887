"""Twilio's published OpenAPI description of its REST API, and what of an answer it does not allow."""

from __future__ import annotations

import functools
import json
import os
import re
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker  # type: ignore[import-untyped]
from referencing import Registry
from referencing.jsonschema import DRAFT202012

NAME = "TWILIO_OPENAPI"
PLACES = [Path(__file__).parents[depth] / "../shared/data/twilio_api_v2010.json" for depth in (2, 3)]
"""Beside a checkout of the template; the file is Twilio's, so it does not lie in here."""

FORMATS = FormatChecker(formats=[])


@FORMATS.checks("date-time-rfc-2822", raises=ValueError)  # type: ignore[untyped-decorator]
def _is_a_date(text: object) -> bool:
    return not isinstance(text, str) or bool(parsedate_to_datetime(text))


@functools.cache
def description() -> dict[str, Any] | None:
    """The description, if it is on this machine."""
    places = [Path(os.environ[NAME])] if os.environ.get(NAME) else PLACES
    file = next((each for each in places if each.is_file()), None)
    read: dict[str, Any] | None = json.loads(file.read_text(), object_hook=_as_json_schema) if file else None
    return read


def _as_json_schema(part: dict[str, Any]) -> dict[str, Any]:
    """OpenAPI 3.0's `nullable` in JSON Schema's words.

    Twilio's own examples have null where the description refers to an enumeration, so those may be null too.
    """
    if part.get("nullable") is True and isinstance(part.get("type"), str):
        part = {**part, "type": [part["type"], "null"]}
    reference = part.get("$ref", "")
    if isinstance(reference, str) and re.search(r"_enum_\w+$", reference):
        return {"anyOf": [{"$ref": f"urn:twilio{reference}"}, {"type": "null"}]}
    return {**part, "$ref": f"urn:twilio{reference}"} if reference else part


def operations() -> dict[tuple[str, str], re.Pattern[str]]:
    """Every operation of the API: method and path, and a pattern for addresses of it."""
    found = {}
    for path, methods in (description() or {"paths": {}})["paths"].items():
        pattern = re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path)))
        found.update({(method.upper(), path): pattern for method in methods if method in ("get", "post", "delete")})
    return found


def objections(method: str, path: str, status: int, body: Any) -> list[str]:
    """What Twilio's description says against an answer. One that no operation is described for is objected to."""
    matches = [key for key, pattern in operations().items() if key[0] == method and pattern.fullmatch(path)]
    if not matches:
        return [f"{method} {path}: no such operation"]
    key = min(matches, key=lambda each: each[1].count("{"))
    described = description() or {}
    answers = described["paths"][key[1]][method.lower()]["responses"]
    answer: dict[str, Any] = answers.get(str(status)) or next(
        (answers[code] for code in answers if code.startswith("2")), {}
    )
    schema = answer.get("content", {}).get("application/json", {}).get("schema")
    if schema is None:
        return [] if body is None else [f"{method} {path}: an answer where none is described"]
    registry = Registry().with_resource("urn:twilio", DRAFT202012.create_resource(described))
    errors = Draft202012Validator(schema, registry=registry, format_checker=FORMATS).iter_errors(body)
    named = (
        schema.get("properties") or described["components"]["schemas"][schema["$ref"].rpartition("/")[2]]["properties"]
    )
    strange = [f"{method} {path}: {name} is not described" for name in (body or {}) if name not in named]
    return [f"{method} {path}: {error.json_path}: {error.message}" for error in errors] + strange
