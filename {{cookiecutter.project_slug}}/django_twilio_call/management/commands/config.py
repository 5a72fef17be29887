"""`manage.py config`: what this deploy is configured as, and whether its files and its processes agree."""

from __future__ import annotations

import sys
from argparse import REMAINDER, ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from ...conf import Config, get_config, get_reading
from ...conf.catalogue import features
from ...conf.command import COMMANDS, main
from ...conf.tables import FORMATS, show


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
        for name, function in COMMANDS.items():
            commands.add_parser(name, help=function.__doc__).add_argument("arguments", nargs=REMAINDER)

    def handle(self, *, command: str, **options: Any) -> None:
        """Run it."""
        if command in COMMANDS:
            sys.exit(main([command, *options["arguments"]], settings.BASE_DIR))
        if command == "show":
            self.stdout.write(show(get_reading(), form=options["format"], origin=options["origin"]))
        else:
            self.stdout.write("\n".join(summary(get_config())))


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
