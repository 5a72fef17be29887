"""JSON for programs that act for agents and supervisors. Session login and CSRF token, as in a browser."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_GET, require_POST

from .exceptions import CallCenterError, NotFound
from .models import Agent
from .services import AgentService, CallService, RoutingService

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
            return JsonResponse(view(request, agent, *args, **kwargs) or {})
        except NotFound as error:
            return _refused(404, str(error))
        except CallCenterError as error:
            return _refused(409, str(error))

    return checked


def _for_staff(view: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], JsonResponse]:
    @wraps(view)
    def checked(request: HttpRequest) -> JsonResponse:
        if not (request.user.is_authenticated and request.user.is_staff):
            return _refused(403, "log in as staff")
        return JsonResponse(view(request), safe=False)

    return checked


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


@require_GET
@_for_staff
def offers(request: HttpRequest) -> list[dict[str, Any]]:
    """Every pending offer."""
    return RoutingService().offers()


@require_GET
@_for_staff
def calls(request: HttpRequest) -> list[dict[str, Any]]:
    """Every leg since `?since=` (ISO 8601), with its visits to queues."""
    since = parse_datetime(request.GET.get("since", "").replace(" ", "+"))
    return CallService().records(since=since)


@require_GET
@_for_staff
def drained(request: HttpRequest) -> dict[str, int]:
    """What is still under way: all zero when nobody waits, talks, or is to be told something."""
    return CallService().under_way()


urlpatterns = [
    path("desk/", desk),
    path("state/", state),
    path("hangup/", hang_up),
    path("offers/", offers),
    path("offers/<int:reservation_id>/accept/", accept),
    path("offers/<int:reservation_id>/decline/", decline),
    path("calls/", calls),
    path("drained/", drained),
]
