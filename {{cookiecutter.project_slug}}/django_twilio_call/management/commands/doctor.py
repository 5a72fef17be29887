"""`manage.py doctor`: what is wrong between this deploy and its account with Twilio, and how to mend it."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from ...services import DoctorService
from ...services.doctor import FINE, WRONG


class Command(BaseCommand):
    """Changes nothing."""

    help = "Look for what keeps calls from coming through. Exit code 1 when something is wrong."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """For programs, JSON."""
        parser.add_argument("--json", action="store_true", help="one object with all diagnoses")

    def handle(self, **options: Any) -> None:
        """Look, and report."""
        found = DoctorService().examine(now=timezone.now())
        if options["json"]:
            self.stdout.write(json.dumps({"diagnoses": [each.as_dict() for each in found]}, indent=1))
        else:
            for each in found:
                self.stdout.write(f"{each.state:<8} {each.id:<12} {each.text}")
                if each.state != FINE:
                    self.stdout.write(f"{'':<22}fix: {each.fix}")
        if wrong := sum(each.state == WRONG for each in found):
            raise CommandError(f"{wrong} wrong")
