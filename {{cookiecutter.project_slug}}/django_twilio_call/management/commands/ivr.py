"""`manage.py ivr`: check, publish and roll back flows, and look at them."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from ...exceptions import CallCenterError
from ...models import IVRFlow
from ...services import FlowService


class Command(BaseCommand):
    """The door to the flows for people and pipelines."""

    help = "Check, publish and roll back what callers go through."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One sub-command each."""
        commands = parser.add_subparsers(dest="command", required=True)
        for name, text in (
            ("check", "Say all that is wrong with a draft; exit code 1 when something is."),
            ("publish", "Make the draft what callers get from now on."),
            ("rollback", "Make an earlier version what callers get from now on."),
            ("show", "The flow as JSON: draft, release, versions."),
        ):
            command = commands.add_parser(name, help=text)
            command.add_argument("key", help="the flow's key")
            if name == "rollback":
                command.add_argument("--to", type=int, help="number of the version; else the one before the release")
            if name in ("check", "publish"):
                command.add_argument("--draft", type=Path, help="take the draft from this JSON file first")

    def handle(self, *, command: str, key: str, **options: Any) -> None:
        """Run it."""
        try:
            if options.get("draft"):
                self._take(key, options["draft"])
            getattr(self, f"_{command}")(key, options)
        except (CallCenterError, OSError, ValueError) as error:
            raise CommandError(str(error)) from None

    def _take(self, key: str, file: Path) -> None:
        flow, _ = IVRFlow.objects.get_or_create(key=key, defaults={"name": key})
        flow.draft = json.loads(file.read_text())
        flow.save(update_fields=["draft"])

    def _check(self, key: str, _: dict[str, Any]) -> None:
        found = FlowService().check(key=key)
        if found:
            raise CommandError("\n".join(map(str, found)))
        self.stdout.write("nothing is wrong")

    def _publish(self, key: str, _: dict[str, Any]) -> None:
        self.stdout.write(f"{FlowService().publish(key=key, now=timezone.now())} is what callers get")

    def _rollback(self, key: str, options: dict[str, Any]) -> None:
        self.stdout.write(f"{FlowService().rollback(key=key, to=options['to'])} is what callers get")

    def _show(self, key: str, _: dict[str, Any]) -> None:
        self.stdout.write(json.dumps(FlowService().describe(key=key), indent=1, default=str))
