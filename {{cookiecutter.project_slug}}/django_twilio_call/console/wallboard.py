"""The wallboard: who waits, who talks, and how well callers were served today."""

from __future__ import annotations

from typing import Final

from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import timezone
from django.views.decorators.http import require_GET

from ..conf import get_config
from ..services import AnalyticsService
from . import fragments, presenters

CACHE_KEY: Final = "console:wallboard"
CACHE_SECONDS: Final = 1
"""Everybody sees the same board: however many look at it, it is drawn once a second."""


@require_GET
@fragments.signed_in
def page(request: HttpRequest) -> HttpResponse:
    """The whole page."""
    version, figures = _board()
    return render(request, "console/wallboard.html", {"version": version, "figures": figures})


@require_GET
@fragments.signed_in
def live(request: HttpRequest) -> HttpResponse:
    """The board alone, if it differs from `?v=`."""
    version, figures = _board()
    if fragments.is_current(request, version):
        return fragments.unchanged()
    return render(request, "console/_board.html", {"version": version, "figures": figures})


def _board() -> tuple[str, str]:
    board: tuple[str, str] | None = cache.get(CACHE_KEY)
    if board is None:
        now = timezone.now()
        shown = presenters.present_board(
            AnalyticsService().wallboard(now=now), now=now, planned=get_config().get_planned_duration
        )
        board = (fragments.version_of(shown), render_to_string("console/_figures.html", {"board": shown}))
        cache.set(CACHE_KEY, board, CACHE_SECONDS)
    return board
