"""`manage.py bootstrap FILE`: a call center from one reviewed file."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import yaml
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from ...services import BootstrapService


class Command(BaseCommand):
    """Says first what it would do. Run again, it changes nothing and says so."""

    help = "Make administrator, calendars, queues, agents and flows of a YAML file: a dry run, unless told to apply it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Options."""
        parser.add_argument("file", type=Path, help="docs/bootstrap.example.yaml is one")
        parser.add_argument("--apply", action="store_true", help="do it")

    def handle(self, *, file: Path, apply: bool, **_: Any) -> None:
        """Read, do, report."""
        try:
            data = yaml.safe_load(file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise CommandError(f"{file}: {error}") from None
        report = BootstrapService().run(data=data, apply=apply, now=timezone.now())
        if report.problems:
            raise CommandError(f"{len(report.problems)} problem(s) in {file}:\n" + "\n".join(report.problems))
        for change in report.changes:
            self.stdout.write(change)
        if not report.changes:
            self.stdout.write("everything is as the file says")
        elif not apply:
            self.stdout.write("nothing was done: --apply does it")
        elif report.password:
            self.stdout.write(f"the administrator's password, shown this once: {report.password}")
