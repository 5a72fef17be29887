"""How long the database may take where a caller is on the line."""

from __future__ import annotations

from django.db import connections

from django_twilio_call.conf import get_config


def bound_statements() -> None:
    """From now on no statement of this process takes longer than a caller can wait; then the fallback answers.

    For the web process alone: a migration or a report takes its time. SQLite has its busy time-out. PgBouncer takes no
    client's options for what it lends to many, and says so itself: docs/operations.md.
    """
    database, config = connections.settings["default"], get_config()
    if database["ENGINE"].endswith("postgresql") and config.database_pooler == "session":
        milliseconds = config.webhook_database_timeout * 1000
        said = database["OPTIONS"].get("options", "")  # by DATABASE_URL
        database["OPTIONS"] = {**database["OPTIONS"], "options": f"{said} -c statement_timeout={milliseconds}".strip()}
