"""JSON for programs that act for agents and supervisors. Session login and CSRF token, as in a browser."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from functools import wraps
from typing import Any, Concatenate, Final, ParamSpec

from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.views.decorators.http import require_GET, require_POST

from .constants import DefaultValues
from .exceptions import BusinessLogicError, CallCenterError, NotFound, ValidationError
from .models import Agent, May
from .services import AgentService, AnalyticsService, CallService, OutcomeService, RoutingService

NOTE_LENGTH: Final = 2000
P = ParamSpec("P")


def _refused(status: int, error: str) -> JsonResponse:
    return JsonResponse({"error": error}, status=status)


def _for_agents(
    view: Callable[Concatenate[HttpRequest, Agent, P], dict[str, Any] | None],
) -> Callable[Concatenate[HttpRequest, P], JsonResponse]:
    """Give the view the agent who asks; a refusal by the call center becomes 404 or 409 with its reason."""

    def checked(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> JsonResponse:
        agent = Agent.objects.filter(user_id=request.user.pk).first() if request.user.is_authenticated else None
        if agent is None:
            return _refused(403, "log in as an agent")
        try:
            AgentService().heard(agent=agent, now=timezone.now())
            return JsonResponse(view(request, agent, *args, **kwargs) or {})
        except NotFound as error:
            return _refused(404, str(error))
        except CallCenterError as error:
            return _refused(409, str(error))

    return checked


def _for(right: May) -> Callable[[Callable[[HttpRequest], Any]], Callable[[HttpRequest], JsonResponse]]:
    def decorate(view: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], JsonResponse]:
        @wraps(view)
        def checked(request: HttpRequest) -> JsonResponse:
            if not request.user.has_perm(right.permission):
                return _refused(403, f"log in as somebody who has the right {right.value}")
            try:
                return JsonResponse(view(request), safe=False)
            except (ValidationError, ValueError) as error:  # a date that is none is a ValueError
                return _refused(400, str(error))
            except BusinessLogicError as error:
                return _refused(409, str(error))

        return checked

    return decorate


@require_GET
@_for_agents
def desk(request: HttpRequest, agent: Agent) -> dict[str, Any]:
    """The agent's state, offer and call."""
    return asdict(AgentService().desk(agent_id=agent.pk, now=timezone.now()))


@require_POST
@_for_agents
def state(request: HttpRequest, agent: Agent) -> dict[str, Any]:
    """Choose a state: form fields `state` and, if wanted, `reason`."""
    span = AgentService().set_state(
        agent_id=agent.pk,
        state=request.POST.get("state", ""),
        reason=request.POST.get("reason", "")[:100],
        now=timezone.now(),
    )
    return {"state": span.state}


@require_POST
@_for_agents
def accept(request: HttpRequest, agent: Agent, reservation_id: int) -> dict[str, Any]:
    """Accept an offer; the agent's phone then joins with `reservation`."""
    reservation = AgentService().accept(reservation_id=reservation_id, agent_id=agent.pk, now=timezone.now())
    return {"reservation": reservation.pk, "identity": agent.identity}


@require_POST
@_for_agents
def decline(request: HttpRequest, agent: Agent, reservation_id: int) -> None:
    """Decline an offer."""
    AgentService().decline(reservation_id=reservation_id, agent_id=agent.pk, now=timezone.now())


@require_POST
@_for_agents
def hang_up(request: HttpRequest, agent: Agent) -> None:
    """End the agent's call."""
    AgentService().hang_up(agent_id=agent.pk, now=timezone.now())


@require_POST
@_for_agents
def outcome(request: HttpRequest, agent: Agent) -> dict[str, Any]:
    """Say how the call that is being wrapped up ended: form fields `code` and, if wanted, `note`."""
    said = OutcomeService().say(
        agent_id=agent.pk,
        code=request.POST.get("code", ""),
        note=request.POST.get("note", "")[:NOTE_LENGTH],
        now=timezone.now(),
    )
    return {"code": said.code, "note": said.note}


@require_GET
@_for(May.SUPERVISE)
def offers(request: HttpRequest) -> list[dict[str, Any]]:
    """Every pending offer."""
    return RoutingService().offers()


@require_GET
@_for(May.SEE_RECORDS)
def calls(request: HttpRequest) -> list[dict[str, Any]]:
    """Every leg since `?since=` (ISO 8601), with its visits to queues."""
    since = parse_datetime(request.GET.get("since", "").replace(" ", "+"))
    return CallService().records(since=since)


@require_GET
@_for(May.SUPERVISE)
def drained(request: HttpRequest) -> dict[str, int]:
    """What is still under way: all zero when nobody waits, talks, or is to be told something."""
    return CallService().under_way()


@require_GET
@_for(May.SUPERVISE)
def queues(request: HttpRequest) -> dict[str, Any]:
    """How active queues are doing, or `?queue=` (a key) alone, and as of when: for screens that may lag a little."""
    service = AnalyticsService()
    found = service.queue_figures(now=timezone.now())
    key = request.GET.get("queue")
    if key is not None and key not in found.queues:
        raise ValidationError(f"queue {key!r} is not an active queue's key")
    shown = found.queues.values() if key is None else [found.queues[key]]
    return {
        "as_of": found.as_of,
        "queues": [{**asdict(each), "service_level": service.level(each.today)} for each in shown],
        "service_level_formula": service.formula,
    }


@require_GET
@_for(May.SUPERVISE)
def agents(request: HttpRequest) -> dict[str, Any]:
    """Every agent's name and state, and as of when."""
    return asdict(AnalyticsService().roster(now=timezone.now()))


@require_GET
@_for(May.SEE_REPORTS)
def analytics(request: HttpRequest) -> dict[str, Any]:
    """Call analytics from `?first=` to `?last=` (ISO dates; the last 30 days), of `?queue=` (a key) or all queues."""
    service, today = AnalyticsService(), timezone.localdate()
    last = parse_date(request.GET.get("last", "")) or today
    period = timedelta(days=DefaultValues.DEFAULT_ANALYSIS_PERIOD_DAYS - 1)
    first = parse_date(request.GET.get("first", "")) or last - period
    queue_key = request.GET.get("queue", "")
    counts = service.get_call_analytics(first=first, last=last, queue_key=queue_key, now=timezone.now())
    return {
        "first": first,
        "last": last,
        **asdict(counts),
        "service_level": service.level(counts),
        "service_level_formula": service.formula,
        "abandonment_rate": counts.abandonment_rate,
        "average_speed_of_answer_s": counts.average_speed_of_answer,
    }


urlpatterns = [
    path("desk/", desk),
    path("state/", state),
    path("hangup/", hang_up),
    path("outcome/", outcome),
    path("offers/", offers),
    path("offers/<int:reservation_id>/accept/", accept),
    path("offers/<int:reservation_id>/decline/", decline),
    path("calls/", calls),
    path("drained/", drained),
    path("queues/", queues),
    path("agents/", agents),
    path("analytics/", analytics),
]
