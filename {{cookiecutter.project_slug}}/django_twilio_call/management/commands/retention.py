"""`manage.py retention`: delete what need not be kept any longer, or everything about one person."""

from __future__ import annotations

from argparse import ArgumentParser
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from ...exceptions import CallCenterError
from ...services import RetentionService

RUNS = 10_000


class Command(BaseCommand):
    """What a worker does every hour, all of it at once; or an erasure that somebody asked for."""

    help = "Delete what is older than the configuration says. With --erase NUMBER: everything about that person."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Options."""
        parser.add_argument("--erase", metavar="NUMBER", help="such as +4930123456; calls under a legal hold stay")

    def handle(self, *, erase: str | None, **_: Any) -> None:
        """Do it, and say what was done."""
        now = timezone.now()
        try:
            done = RetentionService().erase(number=erase, actor=None, now=now) if erase else self._all()
        except CallCenterError as error:
            raise CommandError(f"not all was deleted, run it again: {error}") from None
        self.stdout.write(", ".join(f"{kind}: {number}" for kind, number in sorted(done.items())) or "nothing was due")

    def _all(self) -> Counter[str]:
        done = Counter[str]()
        for _ in range(RUNS):
            piece = RetentionService().run(now=timezone.now())
            if not piece:
                break
            done += piece
        return done
