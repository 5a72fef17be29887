"""The operations page: processes, cache, outbox."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from ..models import May
from ..services import OperationsService
from . import fragments


@require_GET
@fragments.may(May.OPERATE)
def page(request: HttpRequest) -> HttpResponse:
    """The whole page."""
    return render(request, "console/operations.html", _overview())


@require_GET
@fragments.may(May.OPERATE)
def live(request: HttpRequest) -> HttpResponse:
    """The figures alone, if they differ from `?v=`."""
    context = _overview()
    if fragments.is_current(request, context["version"]):
        return fragments.unchanged()
    return render(request, "console/_operations.html", context)


def _overview() -> dict[str, Any]:
    overview = OperationsService().overview(now=timezone.now())
    cache = [(line, None if line.hit_rate is None else 100 * line.hit_rate) for line in overview.cache]
    return {"overview": overview, "cache": cache, "version": fragments.version_of(overview)}
