"""`manage.py fallback_twiml`: what callers hear where the application cannot be reached at all."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.http import HttpRequest
from django.urls import resolve, reverse


class Command(BaseCommand):
    """Needs no database: it is the answer of our own fallback URL, as a file to keep elsewhere."""

    help = "Print TwiML for a place outside of this deploy, such as a TwiML Bin or a bucket: the number's fallback URL."
    requires_system_checks = ()

    def handle(self, **_: Any) -> None:
        """Print it."""
        answer = resolve(reverse("twilio:fallback")).func(HttpRequest())
        self.stdout.write(answer.content.decode())
