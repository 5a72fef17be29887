"""`manage.py config`: what this deploy is configured as."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from ...conf import Config, get_config
from ...conf.catalogue import features
from ...conf.secrets import main as make_secrets


class Command(BaseCommand):
    """The door to `conf` for people."""

    help = "Look at the configuration of this deploy, and make its secrets."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One sub-command each."""
        commands = parser.add_subparsers(dest="command", required=True)
        commands.add_parser("summary", help="The configuration in a few lines.")
        secrets = commands.add_parser("secrets", help="Add the generated secrets that a stage lacks.")
        secrets.add_argument("--stage", required=True)

    def handle(self, *, command: str, **options: Any) -> None:
        """Run it."""
        if command == "secrets":
            raise SystemExit(make_secrets(["--stage", options["stage"]], settings.BASE_DIR))
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
