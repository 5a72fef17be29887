"""The operations page: processes, cache, outbox. For staff."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from ..services import OperationsService
from . import fragments


@require_GET
@fragments.signed_in
def page(request: HttpRequest) -> HttpResponse:
    """The whole page."""
    return render(request, "console/operations.html", _overview(request))


@require_GET
@fragments.signed_in
def live(request: HttpRequest) -> HttpResponse:
    """The figures alone, if they differ from `?v=`."""
    context = _overview(request)
    if fragments.is_current(request, context["version"]):
        return fragments.unchanged()
    return render(request, "console/_operations.html", context)


def _overview(request: HttpRequest) -> dict[str, Any]:
    if not getattr(request.user, "is_staff", False):
        raise PermissionDenied
    overview = OperationsService().overview(now=timezone.now())
    cache = [(line, None if line.hit_rate is None else 100 * line.hit_rate) for line in overview.cache]
    return {"overview": overview, "cache": cache, "version": fragments.version_of(overview)}
