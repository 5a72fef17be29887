"""The wallboard: who waits, who talks, and how well callers were served today.

Everybody sees the same board, in one of the languages there are. Of each, where somebody looks, it is drawn every two
seconds at most, compressed then, and kept for all processes; each has it at hand for as long. A poll that comes with a
ticket is answered before sessions, users and logs: hundreds of boards on walls, which all poll, would otherwise cost
more than the calls.
"""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Final

from django.conf import settings
from django.core.signing import BadSignature, TimestampSigner
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.safestring import mark_safe
from django.utils.translation import get_language_from_request, override
from django.views.decorators.http import require_GET
from django_htmx.http import HttpResponseClientRefresh

from ..cache import cache_result
from ..conf import get_config
from ..services import AnalyticsService, MetricsService
from . import charts, fragments, presenters, supervise

BOARD_SECONDS: Final = 2
TICKET: Final = "wallboard"
TICKET_SECONDS: Final = 60
"""Who signs out or is deactivated sees a board that is open already for so long."""

_signer: Final = TimestampSigner(salt="django_twilio_call.wallboard")


@dataclass(frozen=True, slots=True)
class Drawn:
    """A board: what tells it from others, and the fragment as it is sent."""

    version: str
    html: bytes
    gzipped: bytes


@require_GET
@fragments.signed_in
def page(request: HttpRequest) -> HttpResponse:
    """The whole page; where nothing is shown live, one that says so and does not poll."""
    if not get_config().enable_real_time_metrics:
        return render(request, "console/wallboard.html", supervise.panel(request))
    drawn = _at_hand(get_language_from_request(request))
    # The fragment is the same for a while, so it cannot tell the time; the page does, by which clocks tick.
    board = drawn.html.decode().replace("data-live", f'data-live data-now="{time.time():.6f}"', 1)
    board = mark_safe(board)  # noqa: S308  # our own template's
    shown = {"version": drawn.version, "board": board, **supervise.panel(request)}
    response = render(request, "console/wallboard.html", shown)
    return _with_ticket(request, response)


@require_GET
@fragments.signed_in
def live(request: HttpRequest) -> HttpResponse:
    """The board alone, if it differs from `?v=`; with a ticket, so that the next polls do not come here."""
    return _with_ticket(request, _answer(request))


class WallboardMiddleware:
    """Answers polls that come with a ticket."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """The board, or whatever else was asked for."""
        asks = request.method == "GET" and request.path.endswith("/live/")
        if asks and request.path == _live_path() and _has_ticket(request):
            return _answer(request)
        return self.get_response(request)


@cache
def _live_path() -> str:
    """Where boards poll. Looked up once: it is asked for with every poll, and takes a tenth of what one costs."""
    return reverse("console:wallboard-live")


def _answer(request: HttpRequest) -> HttpResponse:
    if not get_config().enable_real_time_metrics:
        return HttpResponseClientRefresh()  # to the page that says so
    drawn = _at_hand(get_language_from_request(request))  # Django's own middleware may not have looked yet
    if fragments.is_current(request, drawn.version):
        response = fragments.unchanged()
    else:
        is_small = "gzip" in request.headers.get("Accept-Encoding", "")
        body = drawn.gzipped if is_small else drawn.html
        # Django gives no length to what is answered before its own middleware, and without one it is sent in chunks.
        response = HttpResponse(body, headers={"Content-Length": str(len(body))})
        if is_small:
            response.headers["Content-Encoding"] = "gzip"
    response.headers["Cache-Control"] = "no-store"
    response.headers["Vary"] = "Accept-Encoding, Accept-Language, Cookie"
    return response


def _with_ticket(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """For the session that was looked up just now, and for no other."""
    if session := request.COOKIES.get(settings.SESSION_COOKIE_NAME):
        response.set_cookie(
            TICKET,
            _signer.sign(_mark(session)),
            max_age=TICKET_SECONDS,
            path=_live_path(),
            secure=bool(settings.SESSION_COOKIE_SECURE),
            httponly=True,
            samesite="Lax",
        )
    return response


def _has_ticket(request: HttpRequest) -> bool:
    session, ticket = request.COOKIES.get(settings.SESSION_COOKIE_NAME), request.COOKIES.get(TICKET)
    if not session or not ticket:
        return False
    try:
        return _signer.unsign(ticket, max_age=TICKET_SECONDS) == _mark(session)
    except BadSignature:
        return False


def _mark(session: str) -> str:
    """What a ticket says of a session without telling its key."""
    return salted_hmac(TICKET, session, algorithm="sha256").hexdigest()


@cache_result(timeout=BOARD_SECONDS, service_type="metrics", key_prefix="wallboard")
def _draw(language: str) -> Drawn:
    """The board as it is now, for all processes."""
    now = timezone.now()
    board = AnalyticsService().wallboard(now=now)
    intervals = MetricsService().intervals(day=timezone.localdate(now), now=now)
    with override(language):
        shown = presenters.present_board(board, now=now, planned=get_config().get_planned_duration)
        chart = charts.stacked(
            [
                (f"{timezone.localtime(begins_at):%H:%M}", (counts.answered, counts.abandoned, counts.overflowed))
                for begins_at, counts in intervals
            ]
        )
        version = fragments.version_of(shown, chart)
        html = render_to_string("console/_board.html", {"board": shown, "chart": chart, "version": version}).encode()
    return Drawn(version, html, gzip.compress(html, 6, mtime=0))


class _Hand:
    """What this process has at hand in one language, until when (monotonic seconds)."""

    def __init__(self) -> None:
        self.lock: Final = threading.Lock()
        self.drawn: Drawn | None = None
        self.until = 0.0


_hands: Final[dict[str, _Hand]] = {}
"""Language, one of those of the settings -> what is at hand."""


def forget() -> None:
    """Have nothing at hand, as a process that has just begun."""
    _hands.clear()


def _at_hand(language: str) -> Drawn:
    """The board, at most `BOARD_SECONDS` old; one thread fetches the next, and the others do not wait for it."""
    hand = _hands.get(language) or _hands.setdefault(language, _Hand())
    drawn = hand.drawn
    if drawn is not None and (time.monotonic() < hand.until or not hand.lock.acquire(blocking=False)):
        return drawn
    if drawn is None:
        hand.lock.acquire()
    try:
        hand.drawn = drawn = _draw(language)
        hand.until = time.monotonic() + BOARD_SECONDS
    finally:
        hand.lock.release()
    return drawn
