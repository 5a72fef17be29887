"""Who may look inside: whoever shows the token of METRICS_TOKEN."""

from __future__ import annotations

import hmac

from django.http import HttpRequest

from .conf import get_config


def may_look(request: HttpRequest) -> bool:
    """Whether a request shows the token; with no token set, development alone shows everything."""
    config = get_config()
    if not config.metrics_token:
        return config.stage == "development"
    shown = request.headers.get("Authorization", "").removeprefix("Bearer ")
    return hmac.compare_digest(shown.encode(), config.metrics_token.encode())
