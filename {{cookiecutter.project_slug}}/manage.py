#!/usr/bin/env python
"""Django's command line. `--stage S` before the command takes the environment that deploy/S/*.env makes.

Where no stage is named, not by the environment either, it is development's.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
TERMINATED = 128 + signal.SIGTERM


class Terminated(KeyboardInterrupt):
    """SIGTERM came. As with Ctrl-C, psycopg has the server give up the statement that it waits for."""


def main() -> int:
    """Run a command; the exit code."""
    # First of all: the kernel has a container's first process ignore a SIGTERM that it does not handle.
    signal.signal(signal.SIGTERM, _terminate)
    try:
        if sys.argv[1:2] == ["--stage"] and (code := _enter(sys.argv)):
            return code
        return _serve(*sys.argv[1:]) if sys.argv[1:2] in (["celery"], ["gunicorn"]) else _told(sys.argv)
    except Terminated:
        return TERMINATED


def _enter(argv: list[str]) -> int:
    """Take `--stage S` off the command line: the files of deploy/S are read as docker reads them, no shell does it."""
    from django_twilio_call.conf.envfiles import load_stage, stage_files
    from django_twilio_call.exceptions import ConfigurationError

    name = "".join(argv[2:3])
    del argv[1:3]
    if not name or "/" in name or not stage_files(name, ROOT):
        sys.stderr.write(f"--stage {name!r}: must be a folder of deploy/ with env files\n")
        return 2
    try:
        load_stage(name, ROOT)
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if "DJANGO_SETTINGS_MODULE" not in os.environ:  # development's files would be laid over these
        sys.stderr.write(f"DJANGO_SETTINGS_MODULE: missing in deploy/{name}\n")
        return 1
    return 0


def _terminate(*_: object) -> None:
    raise Terminated


def _serve(program: str, *arguments: str) -> int:
    """A process that goes on: it takes SIGTERM itself when it has loaded, and until then has nothing to finish."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    if program == "celery":
        from celery import __main__ as celery

        sys.argv = ["celery", "--quiet", "--app", "config.celery", *arguments]
        celery.main()
    else:
        from gunicorn.app import wsgiapp

        sys.argv = ["gunicorn", "--config", "config/gunicorn.conf.py", *arguments, "config.wsgi:application"]
        wsgiapp.run()
    return 0


def _told(argv: list[str]) -> int:
    """A wrong configuration is said in its own lines, without a traceback."""
    from django_twilio_call.exceptions import ConfigurationError

    try:
        return _run(argv)
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        return 1


def _run(argv: list[str]) -> int:
    from django_twilio_call.conf.command import COMMANDS
    from django_twilio_call.conf.command import main as configuration

    looks_at_files = argv[1:2] == ["config"] and argv[2:3] and argv[2] in COMMANDS
    named = {"--stage", "--env-file"} & {argument.partition("=")[0] for argument in argv}
    if looks_at_files and (argv[2] != "check" or named):
        # It looks at, or makes, what settings are about to read, so it cannot wait for them.
        return configuration(argv[2:], ROOT)
    if "DJANGO_SETTINGS_MODULE" not in os.environ:
        from django_twilio_call.conf.envfiles import load_stage

        load_stage("development", ROOT)
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.development")
    if looks_at_files:
        return configuration(argv[2:], ROOT)
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(argv)
    except ImproperlyConfigured as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
