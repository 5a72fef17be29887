#!/usr/bin/env python
"""Django's command line. Where no stage is named, it is development's, with deploy/development/*.env."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent


def main() -> None:
    """Run a command."""
    if sys.argv[1:3] == ["config", "secrets"]:
        # Makes what the settings are about to read, so it cannot wait for them.
        from django_twilio_call.conf.secrets import main as make_secrets

        sys.exit(make_secrets(sys.argv[3:], ROOT))
    if "DJANGO_SETTINGS_MODULE" not in os.environ:
        from django_twilio_call.conf.envfiles import load_stage

        load_stage("development", ROOT)
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.development")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
