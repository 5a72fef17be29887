"""How a page stays live: who may ask for it, and answering only what has changed."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from time import time
from typing import Concatenate, Final, ParamSpec
from zlib import crc32

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import get_language
from django.views.decorators.cache import never_cache
from django_htmx.http import HttpResponseClientRefresh

from ..models import Agent, May

P = ParamSpec("P")
AT_WORK: Final = "at_work"
"""When the session was last made to last, in Unix seconds."""


def is_htmx(request: HttpRequest) -> bool:
    """Whether htmx asks for a fragment, rather than a browser for a page."""
    return "HX-Request" in request.headers


def signed_in(
    view: Callable[Concatenate[HttpRequest, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """Send strangers to the login. A fragment has the whole page reloaded instead, so no login form lands inside it."""

    @wraps(view)
    def checked(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if request.user.is_authenticated:
            return view(request, *args, **kwargs)
        if is_htmx(request):
            return HttpResponseClientRefresh()
        return redirect_to_login(request.get_full_path() if request.method == "GET" else reverse("console:desk"))

    return never_cache(checked)


def may(
    right: May,
) -> Callable[
    [Callable[Concatenate[HttpRequest, P], HttpResponse]], Callable[Concatenate[HttpRequest, P], HttpResponse]
]:
    """`signed_in`, and only for those who have the right: `@fragments.may(May.SUPERVISE)`."""

    def decorate(
        view: Callable[Concatenate[HttpRequest, P], HttpResponse],
    ) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
        @wraps(view)
        def checked(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            if not request.user.has_perm(right.permission):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return signed_in(checked)

    return decorate


def at_work(request: HttpRequest, *, acts: bool = True) -> None:
    """Let the session last from now on, for whoever acts; who does nothing in a long call is looked at now and then.

    Otherwise it would end so long after the sign-in, at work or not. No poll of an idle page keeps it: somebody may
    have left that open.
    """
    now = int(time())
    if acts or now - request.session.get(AT_WORK, 0) > settings.SESSION_COOKIE_AGE / 12:
        request.session[AT_WORK] = now


def agent_of(request: HttpRequest) -> Agent:
    """The agent who asks. Refused to a user who is none."""
    # Such a user raises RelatedObjectDoesNotExist, which is an AttributeError.
    agent: Agent | None = getattr(request.user, "agent", None)
    if agent is None:
        raise PermissionDenied
    return agent


def version_of(*shown: object) -> str:
    """A short text that changes when what is shown changes, or its language."""
    return f"{crc32(repr((get_language(), *shown)).encode()):08x}"


def is_current(request: HttpRequest, version: str) -> bool:
    """Whether the asking page shows `version` already: then 204 leaves focus, selection and open menus alone."""
    return request.GET.get("v") == version


def unchanged() -> HttpResponse:
    """The answer for a page that is up to date: alive, nothing to swap."""
    return HttpResponse(status=204)
