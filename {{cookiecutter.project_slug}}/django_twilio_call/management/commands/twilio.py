"""`manage.py twilio setup`: have the account with Twilio point at this deploy."""

from __future__ import annotations

from argparse import ArgumentParser
from io import StringIO
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from ...conf import get_config
from ...conf.secrets import keep
from ...exceptions import ConfigurationError, ServiceError, TelephonyError
from ...services import SetupService
from ...services.setup import Plan


class Command(BaseCommand):
    """Says first what it would do. Run again, it changes nothing and says so."""

    help = "Set up the account with Twilio: a dry run, unless told to apply it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One sub-command so far."""
        commands = parser.add_subparsers(dest="command", required=True)
        setup = commands.add_parser("setup", help="the number's URLs, the TwiML App, an API key")
        setup.add_argument("--apply", action="store_true", help="do it")
        setup.add_argument("--fallback", type=Path, metavar="FILE", help="write the fallback's TwiML there")
        setup.add_argument("--new-key", action="store_true", help="make an API key, though there may be one")

    def handle(self, *, apply: bool, new_key: bool, fallback: Path | None, **_: Any) -> None:
        """Plan or do, then report."""
        try:
            if fallback is not None:
                self._write_fallback(fallback)
            service = SetupService()
            plan = service.apply(new_key=new_key) if apply else service.plan(new_key=new_key)
        except (ServiceError, TelephonyError, OSError) as error:
            raise CommandError(str(error)) from None
        for change in plan.changes:
            self.stdout.write(str(change))
        for note in plan.notes:
            self.stdout.write(f"note: {note}")
        if not plan.changes:
            self.stdout.write("nothing is to be done")
        elif not apply:
            self.stdout.write("nothing was done: --apply does it")
        elif plan.values:
            self._keep(plan)

    def _write_fallback(self, file: Path) -> None:
        """The file is to be put where this deploy is not; that it is written changes nothing in the account."""
        twiml = StringIO()
        call_command("fallback_twiml", stdout=twiml)
        file.write_text(twiml.getvalue())
        self.stdout.write(f"{file}: put it elsewhere, and name that place in DJANGO_TWILIO_FALLBACK_URL")

    def _keep(self, plan: Plan) -> None:
        """Into secrets.env where this deploy's files are; elsewhere, in a pod, they are shown this once."""
        folder = Path(settings.BASE_DIR, "deploy", get_config().stage)
        try:
            kept = keep(plan.values, folder) if folder.is_dir() else []
        except (OSError, ConfigurationError) as error:
            self.stderr.write(str(error))
            kept = []
        if kept:
            self.stdout.write(f"{folder.name}/secrets.env: {', '.join(kept)}")
        for name, value in plan.values.items():
            if name not in kept:
                self.stdout.write(f"to be set, shown this once: {name}={value}")
