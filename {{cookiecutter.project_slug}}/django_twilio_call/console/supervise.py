"""What a supervisor does with the calls of others: listen, whisper, talk to both. Muted until they say otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_POST

from ..conf import get_config
from ..exceptions import CallCenterError
from ..models import May
from ..services import SupervisionService
from ..services.supervision import identity_of
from ..visitors import address_of
from . import fragments, phones

if TYPE_CHECKING:
    from collections.abc import Callable

MODES = (("listen", _("Listen")), ("whisper", _("Whisper to the agent")), ("barge", _("Talk to both")))


def panel(request: HttpRequest) -> dict[str, Any]:
    """What the wallboard adds for those who may supervise; nothing for the others."""
    if not request.user.has_perm(May.SUPERVISE.permission):
        return {}
    shown = _supervision(request)
    if not (get_config().enable_conference or shown["supervised"]):
        return {}
    return {**shown, "phone": phones.of(identity_of(_pk(request)))}


@require_GET
@fragments.may(May.SUPERVISE)
def live(request: HttpRequest) -> HttpResponse:
    """The panel alone, if it differs from `?v=` or there is something to tell."""
    shown = _supervision(request)
    if shown["supervised"]:
        fragments.at_work(request, acts=False)
    if not len(messages.get_messages(request)) and fragments.is_current(request, shown["supervise_version"]):
        return fragments.unchanged()
    return render(request, "console/_supervise.html", shown)


@require_POST
@fragments.may(May.SUPERVISE)
def listen(request: HttpRequest, agent_id: int) -> HttpResponse:
    """Begin to listen to an agent's call. The page then has the supervisor's phone join it."""
    who = _who(request)
    return _do(request, lambda: SupervisionService().listen(**who, agent_id=agent_id, now=timezone.now()))


@require_POST
@fragments.may(May.SUPERVISE)
def mode(request: HttpRequest) -> HttpResponse:
    """Who hears the supervisor, from now on: form field `mode`."""
    who, wanted = _who(request), request.POST.get("mode", "")
    return _do(request, lambda: SupervisionService().change(**who, mode=wanted, now=timezone.now()))


@require_POST
@fragments.may(May.SUPERVISE)
def leave(request: HttpRequest) -> HttpResponse:
    """Leave the call."""
    who = _who(request)
    return _do(request, lambda: SupervisionService().leave(**who, now=timezone.now()))


@require_POST
@fragments.may(May.SUPERVISE)
def token(request: HttpRequest) -> HttpResponse:
    """What the supervisor's phone signs in to Twilio with."""
    return phones.token(identity_of(_pk(request)))


def _who(request: HttpRequest) -> dict[str, Any]:
    """As the audit log wants to know it."""
    return {"user": request.user, "address": address_of(request)}


def _do(request: HttpRequest, act: Callable[[], object]) -> HttpResponse:
    fragments.at_work(request)
    try:
        act()
    except CallCenterError as error:
        messages.error(request, _("That did not work: %(why)s") % {"why": error})
    return redirect("console:supervise-live" if fragments.is_htmx(request) else "console:wallboard")


def _supervision(request: HttpRequest) -> dict[str, Any]:
    service = SupervisionService()
    mine, talks = service.current(user=request.user), service.talks(user=request.user)
    shown = {"supervised": mine, "talks": talks, "modes": MODES}
    return {**shown, "supervise_version": fragments.version_of(mine, talks)}


def _pk(request: HttpRequest) -> int:
    return int(request.user.pk or 0)
