"""Who is asked for a second factor, on every page but those where it is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django_htmx.http import HttpResponseClientRefresh

from ..conf import get_config
from ..models.access import ADMINISTRATORS_ALONE

SESSION_KEY: Final = "second_factor"
DUE: Final = "due"
"""A password was right, and this user has a second factor."""
PROVIDER: Final = "provider"
"""The identity provider answers for all factors."""
RIGHTS_SECONDS: Final = 60
"""Whoever is given an administrator's rights, and is no staff, owes a factor so many seconds later at most."""
V = TypeVar("V", bound=Callable[..., Any])


def without_second_factor(view: V) -> V:
    """For views that a password alone opens."""
    view.without_second_factor = True  # type: ignore[attr-defined]
    return view


class SecondFactorMiddleware:
    """Sends whoever owes a second factor to where it is given; asks the database at most once a minute for others."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Go on."""
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        """Nothing, or where to go first. Twilio has no session, so no webhook looks for one."""
        if settings.SESSION_COOKIE_NAME not in request.COOKIES or getattr(view, "without_second_factor", False):
            return None
        return _ask(request) if is_owed(request) else None


def is_owed(request: HttpRequest) -> bool:
    """Whether this session is only half signed in."""
    user: Any = request.user
    if not user.is_authenticated:
        return False
    said = request.session.get(SESSION_KEY)
    if said == DUE or (said != PROVIDER and get_config().second_factor == "required" and _administers(user)):
        return not user.is_verified()
    return False


def _administers(user: Any) -> bool:
    """By rights, not by a mark alone: a group gives them to people who are no staff. Desks that poll read the cache."""
    if user.is_staff or user.is_superuser:
        return True
    return bool(cache.get_or_set(f"administers:{user.pk}", lambda: _has_rights(user), RIGHTS_SECONDS))


def _has_rights(user: Any) -> bool:
    return any(user.has_perm(right.permission) for right in ADMINISTRATORS_ALONE)


def _ask(request: HttpRequest) -> HttpResponse:
    if "HX-Request" in request.headers:
        return HttpResponseClientRefresh()
    if request.path.startswith("/api/"):
        return JsonResponse({"error": "this user must give a second factor first, in a browser"}, status=403)
    wanted = request.get_full_path() if request.method == "GET" else "/"
    return redirect(f"{reverse('second-factor')}?{urlencode({'next': wanted})}")
