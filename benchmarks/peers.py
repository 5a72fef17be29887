"""One loader in a fresh process: how long it imports and loads all settings there are, or what it says of mistakes.

`python peers.py environment | load LOADER | mistakes LOADER`, with the settings in the environment; prints JSON.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import make_dataclass
from typing import Any

BAD: tuple[type[Exception], ...] = (Exception,)


def settings() -> dict[str, Any]:
    """Name -> value of every variable of the catalogue."""
    from django_twilio_call.conf.catalogue import disassemble, variables
    from django_twilio_call.conf.reader import read

    needed = {name: "x" * 40 for name, each in variables().items() if each.required_in("testing")}
    values: dict[str, Any] = disassemble(read(needed, "testing"))
    return values


def environment() -> dict[str, str]:
    """The same as texts."""
    from django_twilio_call.conf.catalogue import variables

    values = settings()
    kinds = {
        name: type(value).__name__ if isinstance(value, bool | int | float) else "str" for name, value in values.items()
    }
    texts = {name: "" if value is None else variables()[name].type.write(value) for name, value in values.items()}
    return {"KINDS": json.dumps(kinds), **texts}


def hand(kinds: dict[str, type]) -> Callable[[], object]:
    """A line for each: nothing is checked but what `int` and `float` check."""
    made = make_dataclass("Made", [name.lower() for name in kinds], frozen=True, slots=True)
    words = {bool: "{} == 'true'", int: "int({})", float: "float({})", str: "{}"}
    lines = ",\n".join(f"{name.lower()}={words[kind].format(f'environ[{name!r}]')}" for name, kind in kinds.items())
    code = compile(f"made({lines})", "hand", "eval")
    return lambda: eval(code, {"made": made, "environ": os.environ})  # noqa: S307  # our own text


def ours(kinds: dict[str, type]) -> Callable[[], object]:
    """The reader of the template."""
    from django_twilio_call.conf.reader import reading

    return lambda: reading(os.environ, "testing")


def django_environ(kinds: dict[str, type]) -> Callable[[], object]:
    """django-environ alone."""
    import environ

    env = environ.Env()
    casts = {bool: env.bool, int: env.int, float: env.float, str: env.str}
    return lambda: {name: casts[kind](name) for name, kind in kinds.items()}


def environs(kinds: dict[str, type]) -> Callable[[], object]:
    """environs, collecting its errors."""
    from environs import Env

    def load() -> object:
        env = Env(eager=False)
        casts = {bool: env.bool, int: env.int, float: env.float, str: env.str}
        values = {name: casts[kind](name) for name, kind in kinds.items()}
        env.seal()
        return values

    return load


def dynaconf(kinds: dict[str, type]) -> Callable[[], object]:
    """dynaconf, with a validator for each."""
    from dynaconf import Dynaconf, Validator

    def load() -> object:
        numbers = {name: kind for name, kind in kinds.items() if kind is not str}
        rules = [Validator(name, is_type_of=(kind, int)) for name, kind in numbers.items()]
        rules += [Validator("TWILIO_AUTH_TOKEN", must_exist=True)]
        read = Dynaconf(envvar_prefix=False, validators=rules, environments=False)
        read.validators.validate_all()
        return {name: read.get(name) for name in kinds}

    return load


def pydantic_settings(kinds: dict[str, type]) -> Callable[[], object]:
    """pydantic-settings; its class is built once, as an import builds it."""
    from pydantic import create_model
    from pydantic_settings import BaseSettings

    fields: dict[str, Any] = {name.lower(): (kind, ...) for name, kind in kinds.items()}
    made: Callable[[], object] = create_model("Made", __base__=BaseSettings, **fields)
    return made


def main(argv: list[str]) -> dict[str, Any]:
    """Run one of the three."""
    if argv[0] == "environment":
        return dict(environment())
    import django
    from django.conf import settings as django_settings

    django_settings.configure()
    django.setup()
    types = {"bool": bool, "int": int, "float": float, "str": str}
    kinds = {name: types[kind] for name, kind in json.loads(KINDS).items()}
    began = time.process_time()
    if argv[1] == "ours":
        import django_twilio_call.conf  # noqa: F401  # what a settings file and a service import
    load = globals()[argv[1]](kinds)
    imported = time.process_time() - began
    if argv[0] == "mistakes":
        try:
            load()
        except BAD as error:  # whatever it raises, its words count
            return {"said": f"{error} {getattr(error, 'errors', '')}"}
        return {"said": ""}
    began = time.process_time()
    load()
    return {"import": imported * 1000, "load": (time.process_time() - began) * 1000}


KINDS = os.environ.pop("KINDS", "{}")

if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1:])))
