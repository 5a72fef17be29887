"""`manage.py config`: what this deploy is configured as, and whether its files and its processes agree."""

from __future__ import annotations

import sys
from argparse import REMAINDER, ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from ...conf import Config, get_config, get_reading
from ...conf.catalogue import features
from ...conf.command import COMMANDS, main
from ...conf.tables import FORMATS, show
from ...exceptions import ConfigurationError
from ...models import RunningProcess
from ..drift import declared, report


class Command(BaseCommand):
    """The door to `conf` for people. manage.py runs those of `COMMANDS` without settings."""

    help = "Look at the configuration of this deploy, compare and check its files, make its secrets."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One sub-command each."""
        commands = parser.add_subparsers(dest="command", required=True)
        commands.add_parser("summary", help="The configuration in a few lines.")
        showing = commands.add_parser("show", help="Every variable and its value, secrets hidden.")
        showing.add_argument("--origin", action="store_true", help="and where the value came from")
        showing.add_argument("--format", choices=FORMATS, default="table")
        drift = commands.add_parser("drift", help="Whether running processes agree, with each other or with files.")
        drift.add_argument("--stage", help="a folder of deploy/, or an env file: what should run")
        for name, function in COMMANDS.items():
            commands.add_parser(name, help=function.__doc__).add_argument("arguments", nargs=REMAINDER)

    def handle(self, *, command: str, **options: Any) -> None:
        """Run it."""
        if command in COMMANDS:
            sys.exit(main([command, *options["arguments"]], settings.BASE_DIR))
        if command == "show":
            self.stdout.write(show(get_reading(), form=options["format"], origin=options["origin"]))
        elif command == "drift":
            self._drift(options["stage"])
        else:
            self.stdout.write("\n".join(summary(get_config())))

    def _drift(self, stage: str | None) -> None:
        """Exits with 1 where something does not agree."""
        now = timezone.now()
        try:
            expected = declared(stage, settings.BASE_DIR) if stage else None
        except ConfigurationError as error:
            raise CommandError(str(error)) from None
        lines, agreed = report(list(RunningProcess.objects.alive(now)), expected, now=now)
        self.stdout.write("\n".join(lines))
        if not agreed:
            sys.exit(1)


def summary(config: Config) -> list[str]:
    """The configuration in a few lines, from live values."""
    on = sum(config.is_feature_enabled(name) for name in features())
    return [
        "Configuration Summary:",
        f"  • Environment: {config.stage}",
        f"  • Default cache timeout: {config.get_cache_timeout('default')}s",
        f"  • Analytics cache timeout: {config.get_cache_timeout('analytics')}s",
        f"  • Default batch size: {config.get_batch_size('default')}",
        f"  • Max retry attempts: {config.get_retry_config('default')['max_retries']}",
        f"  • Features enabled: {on}",
    ]
