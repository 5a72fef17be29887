"""`manage.py cache`: warm it, look at it, have it forget."""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from ...cache import get_cache_manager, invalidate_tags, warming
from ...exceptions import CacheError
from ...services import OperationsService

BAR = 30


class Command(BaseCommand):
    """The door to the cache for people."""

    help = "Warm the cache, look at it, or have it forget."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One sub-command each."""
        commands = parser.add_subparsers(dest="command", required=True)
        warm = commands.add_parser("warm", help="Compute ahead what services declare worth it.")
        warm.add_argument("service", nargs="?", help="this one alone")
        warm.add_argument("--seconds", type=float, default=60, help="stop after so long (default 60)")
        commands.add_parser("stats", help="What it did in all processes, as JSON.")
        commands.add_parser("health", help="Write, read and remove a value; exit code 1 when that fails.")
        forget = commands.add_parser("invalidate", help="Forget answers: of services, with tags, or all.")
        what = forget.add_mutually_exclusive_group(required=True)
        what.add_argument("services", nargs="*", default=[], help="names of services")
        what.add_argument("--all", dest="everything", action="store_true", help="everything")
        what.add_argument("--tag", action="append", default=[], help="answers with this tag; may be repeated")
        what.add_argument("--pattern", help="delete foreign keys of the Redis database by a pattern such as 'old:*'")

    def handle(self, *, command: str, **options: Any) -> None:
        """Run it."""
        try:
            getattr(self, f"_{command}")(**options)
        except CacheError as error:
            raise CommandError(str(error)) from None

    def _warm(self, *, service: str | None, seconds: float, **_: Any) -> None:
        steps, deadline = warming(service), time.monotonic() + seconds
        for done, step in enumerate(steps):
            if time.monotonic() > deadline:
                raise CommandError(f"{done} of {len(steps)} answers warmed, and not done after {seconds:g} s")
            if not step():
                raise CommandError("the cache keeps nothing: see `manage.py cache health`")
            self._progress(done + 1, len(steps))
        self.stdout.write(f"{len(steps)} answers warmed")

    def _stats(self, **_: Any) -> None:
        overview = OperationsService().overview(now=timezone.now())
        if overview.problem:
            raise CommandError(overview.problem)
        services = {line.service: asdict(line) for line in overview.cache}
        told = {"processes": len(overview.processes), "server": overview.server, "services": services}
        self.stdout.write(json.dumps(told, indent=1))

    def _health(self, **_: Any) -> None:
        health = get_cache_manager().health_check()
        self.stdout.write(json.dumps(health))
        if health["status"] != "healthy":
            raise SystemExit(1)

    def _invalidate(
        self, *, services: list[str], everything: bool, tag: list[str], pattern: str | None, **_: Any
    ) -> None:
        manager = get_cache_manager()
        if pattern:
            self.stdout.write(f"{manager.invalidate_pattern(pattern)} keys deleted")
            return
        told = manager.invalidate_all() if everything else invalidate_tags(*(f"s:{name}" for name in services), *tag)
        if not told:
            raise CommandError("the cache server is away: nothing was forgotten")
        self.stdout.write("forgotten")

    def _progress(self, done: int, of: int) -> None:
        """A bar, for somebody who watches."""
        if self.stderr.isatty():
            filled = BAR * done // of
            self.stderr.write(f"\r[{'#' * filled}{'.' * (BAR - filled)}] {done}/{of}", ending="" if done < of else "\n")
