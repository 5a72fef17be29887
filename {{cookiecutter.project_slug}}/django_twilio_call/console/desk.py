"""The agent's desk: their state, the caller offered to them, the call they are on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from ..conf import get_config
from ..exceptions import CallCenterError
from ..models import Agent
from ..services import AgentService, OutcomeService
from . import fragments, presenters

P = ParamSpec("P")
Act = Callable[Concatenate[HttpRequest, Agent, P], object]


@require_GET
@fragments.signed_in
def page(request: HttpRequest) -> HttpResponse:
    """The whole page; for somebody who is not an agent, one that says so."""
    agent = _agent_of(request)
    if agent is None:
        return render(request, "console/no_agent.html", status=403)
    return render(request, "console/desk.html", {**_desk(agent), "agent": agent, "simulator": _simulator()})


@require_GET
@fragments.signed_in
def live(request: HttpRequest) -> HttpResponse:
    """The desk alone, if it differs from `?v=` or there is something to tell."""
    agent = _agent_of(request)
    if agent is None:
        raise PermissionDenied
    context = _desk(agent)
    told = len(messages.get_messages(request))
    if not told and fragments.is_current(request, context["version"]):
        return fragments.unchanged()
    return render(request, "console/_desk.html", context)


def _act(refused: str) -> Callable[[Act[P]], Callable[Concatenate[HttpRequest, P], HttpResponse]]:
    """An agent's act: a POST, one service call, then the desk again; a refusal is told there: `refused`, and why."""

    def decorate(act: Act[P]) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
        @require_POST
        @fragments.signed_in
        def view(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            agent = _agent_of(request)
            if agent is None:
                raise PermissionDenied
            try:
                act(request, agent, *args, **kwargs)
            except CallCenterError as error:
                messages.error(request, f"{refused} ({error})")
            return redirect("console:desk-live" if fragments.is_htmx(request) else "console:desk")

        return view

    return decorate


@_act("Your state was not changed.")
def choose_state(request: HttpRequest, agent: Agent) -> None:
    """Go to the state in form field `state`, with a reason after a colon where one was pressed."""
    state, _, reason = request.POST.get("state", "").partition(":")
    AgentService().set_state(agent_id=agent.pk, state=state, reason=reason[:100], at_desk=True, now=timezone.now())


@_act("This caller is no longer offered to you.")
def accept(request: HttpRequest, agent: Agent, reservation_id: int) -> None:
    """Take the offered call. The page then has the agent's phone join it."""
    AgentService().accept(reservation_id=reservation_id, agent_id=agent.pk, now=timezone.now())


@_act("This caller is no longer offered to you.")
def decline(request: HttpRequest, agent: Agent, reservation_id: int) -> None:
    """Turn the offered call down."""
    AgentService().decline(reservation_id=reservation_id, agent_id=agent.pk, now=timezone.now())


@_act("There is no call to hang up.")
def hang_up(request: HttpRequest, agent: Agent) -> None:
    """End the call; Twilio is told after the commit, so the desk shows the end a moment later."""
    AgentService().hang_up(agent_id=agent.pk, now=timezone.now())
    messages.info(request, "Hanging up…")


@_act("How the call ended was not written down.")
def outcome(request: HttpRequest, agent: Agent) -> None:
    """Say how the call that is being wrapped up ended."""
    note = request.POST.get("note", "")[:2000]
    OutcomeService().say(agent_id=agent.pk, code=request.POST.get("code", ""), note=note, now=timezone.now())


def _agent_of(request: HttpRequest) -> Agent | None:
    # A user without an agent raises RelatedObjectDoesNotExist, which is an AttributeError.
    agent: Agent | None = getattr(request.user, "agent", None)
    return agent


def _desk(agent: Agent) -> dict[str, Any]:
    now = timezone.now()
    service = AgentService()
    desk = service.desk(agent_id=agent.pk, at_desk=True, now=now)
    shown = presenters.present_desk(desk, now=now, ring_timeout=get_config().ring_timeout, reasons=service.reasons())
    return {"desk": shown, "version": fragments.version_of(shown)}


def _simulator() -> str:
    """Where the simulated phone is, or nothing: then the desk has no phone, and says so."""
    config = get_config()
    return config.twilio_api_base_url if config.twilio_backend == "simulator" else ""
