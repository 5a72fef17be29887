"""The agent's desk: their state, the caller offered to them, the call they are on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_POST

from ..conf import get_config
from ..exceptions import CallCenterError, ValidationError
from ..models import Agent
from ..services import AgentService, ConferenceService, OutcomeService, TransferService
from . import fragments, phones, presenters, recordings

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

P = ParamSpec("P")
Act = Callable[Concatenate[HttpRequest, Agent, P], object]


@require_GET
@fragments.signed_in
def page(request: HttpRequest) -> HttpResponse:
    """The whole page; for somebody who is not an agent, one that says so."""
    try:
        agent = fragments.agent_of(request)
    except PermissionDenied:
        return render(request, "console/no_agent.html", status=403)
    context = {**_desk(agent), "agent": agent, "phone": phones.of(agent.identity)}
    return _drawn(request, "console/desk.html", agent, context)


@require_GET
@fragments.signed_in
def live(request: HttpRequest) -> HttpResponse:
    """The desk alone, if it differs from `?v=` or there is something to tell."""
    agent = fragments.agent_of(request)
    context = _desk(agent)
    if context["desk"].phase == "call":
        fragments.at_work(request, acts=False)
    told = len(messages.get_messages(request))
    if not told and fragments.is_current(request, context["version"]):
        return fragments.unchanged()
    return _drawn(request, "console/_desk.html", agent, context)


def _act(refused: _StrPromise) -> Callable[[Act[P]], Callable[Concatenate[HttpRequest, P], HttpResponse]]:
    """An agent's act: a POST, one service call, then the desk again; a refusal is told there: `refused`, and why."""

    def decorate(act: Act[P]) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
        @require_POST
        @fragments.signed_in
        def view(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            agent = fragments.agent_of(request)
            fragments.at_work(request)
            try:
                act(request, agent, *args, **kwargs)
            except CallCenterError as error:
                messages.error(request, f"{refused} ({error})")
            return redirect("console:desk-live" if fragments.is_htmx(request) else "console:desk")

        return view

    return decorate


@_act(_("Your state was not changed."))
def choose_state(request: HttpRequest, agent: Agent) -> None:
    """Go to the state in form field `state`, with a reason after a colon where one was pressed. A `note` is kept."""
    state, _sep, reason = request.POST.get("state", "").partition(":")
    _keep_note(request, agent)
    AgentService().set_state(agent_id=agent.pk, state=state, reason=reason[:100], at_desk=True, now=timezone.now())


@_act(_("This caller is no longer offered to you."))
def accept(request: HttpRequest, agent: Agent, reservation_id: int) -> None:
    """Take the offered call. The page then has the agent's phone join it."""
    AgentService().accept(reservation_id=reservation_id, agent_id=agent.pk, now=timezone.now())


@_act(_("This caller is no longer offered to you."))
def decline(request: HttpRequest, agent: Agent, reservation_id: int) -> None:
    """Turn the offered call down."""
    AgentService().decline(reservation_id=reservation_id, agent_id=agent.pk, now=timezone.now())


@_act(_("There is no call to hang up."))
def hang_up(request: HttpRequest, agent: Agent) -> None:
    """End the call; Twilio is told after the commit, so the desk shows the end a moment later."""
    AgentService().hang_up(agent_id=agent.pk, now=timezone.now())
    messages.info(request, _("Hanging up…"))


@_act(_("How the call ended was not written down."))
def outcome(request: HttpRequest, agent: Agent) -> None:
    """Say how the call that is being wrapped up ended."""
    note = request.POST.get("note", "")[:2000]
    OutcomeService().say(agent_id=agent.pk, code=request.POST.get("code", ""), note=note, now=timezone.now())


@require_POST
@fragments.signed_in
def note(request: HttpRequest) -> HttpResponse:
    """Keep the note as it is typed: wrap-up may end before the agent has said anything."""
    agent = fragments.agent_of(request)
    fragments.at_work(request)
    _keep_note(request, agent)
    return HttpResponse(status=204)


@_act(_("The caller was not put on hold."))
def hold(request: HttpRequest, agent: Agent) -> None:
    """Hold, or with form field `on` empty take the caller back."""
    ConferenceService().hold(agent_id=agent.pk, on=bool(request.POST.get("on")), now=timezone.now())


@_act(_("Your microphone was left as it is."))
def mute(request: HttpRequest, agent: Agent) -> None:
    """Mute, or with form field `on` empty be heard again."""
    ConferenceService().mute(agent_id=agent.pk, on=bool(request.POST.get("on")), now=timezone.now())


@_act(_("The caller stays with you."))
def transfer(request: HttpRequest, agent: Agent) -> None:
    """Send the caller `to` a queue (`queue:key`), an agent (`agent:7`) or `number`, or ask them first (`how`)."""
    kind, _sep, key = request.POST.get("to", "").partition(":")
    number, how, now = request.POST.get("number", "").replace(" ", ""), request.POST.get("how", ""), timezone.now()
    if number and kind != "number":
        raise ValidationError(_("a number was typed, and somebody else chosen: clear it, or choose the number"))
    if kind == "agent" and key.isdecimal() and how == "ask":
        ConferenceService().ask_agent(agent_id=agent.pk, other_id=int(key), now=now)
    elif kind == "agent" and key.isdecimal():
        TransferService().to_agent(agent_id=agent.pk, to_agent_id=int(key), now=now)
    elif kind == "queue" and how != "ask":
        TransferService().to_queue(agent_id=agent.pk, queue_key=key, now=now)
    elif kind == "number" and how == "ask":
        ConferenceService().ask_outside(agent_id=agent.pk, number=number, now=now)
    elif kind == "number":
        TransferService().to_outside(agent_id=agent.pk, number=number, now=now)
    else:
        raise ValidationError(_("choose an agent, a queue or a number; a queue cannot be asked first"))


@require_GET
@fragments.signed_in
def ways(request: HttpRequest) -> HttpResponse:
    """Where a caller can be sent, if that differs from `?v=`."""
    found = _ways(fragments.agent_of(request))
    if fragments.is_current(request, found["ways_version"]):
        return fragments.unchanged()
    return render(request, "console/_ways.html", found)


@_act(_("The transfer was not completed."))
def complete(request: HttpRequest, agent: Agent) -> None:
    """Leave the caller to whoever was asked in."""
    ConferenceService().complete(agent_id=agent.pk, now=timezone.now())


@_act(_("The caller was not taken back."))
def take_back(request: HttpRequest, agent: Agent) -> None:
    """Let whoever was asked in go, and talk to the caller again."""
    ConferenceService().take_back(agent_id=agent.pk, now=timezone.now())


@require_POST
@fragments.signed_in
def presence(request: HttpRequest) -> HttpResponse:
    """What the desk's tab says of itself, even as it is frozen or closed (`navigator.sendBeacon`)."""
    agent = fragments.agent_of(request)
    try:
        AgentService().presence(agent_id=agent.pk, event=request.POST.get("event", ""), now=timezone.now())
    except CallCenterError as error:
        return HttpResponse(str(error), status=400, content_type="text/plain")
    return HttpResponse(status=204)


@require_POST
@fragments.signed_in
def token(request: HttpRequest) -> HttpResponse:
    """What the agent's phone signs in to Twilio with."""
    agent = fragments.agent_of(request)
    return phones.token(agent.identity)


def _keep_note(request: HttpRequest, agent: Agent) -> None:
    """What comes too late is told with the desk's next look: it could be copied from there, but not written down."""
    note = request.POST.get("note", "")[:2000]
    if "note" in request.POST and not OutcomeService().keep(agent_id=agent.pk, note=note, now=timezone.now()) and note:
        messages.error(request, f"{_('How the call ended was not written down.')} ({note})")


def _desk(agent: Agent) -> dict[str, Any]:
    now = timezone.now()
    service = AgentService()
    desk = service.desk(agent_id=agent.pk, at_desk=True, now=now)
    config = get_config()
    shown = presenters.present_desk(desk, now=now, ring_timeout=config.ring_timeout, reasons=service.reasons())
    return {"desk": shown, "version": fragments.version_of(shown)}


def _drawn(request: HttpRequest, template: str, agent: Agent, context: dict[str, Any]) -> HttpResponse:
    """With what is asked for only when something is drawn, and not by each poll.

    The recording has its place from the start: a row that came later would push the buttons away under the pointer. A
    colleague who comes or goes is no news, or the desk would be drawn anew under whoever is about to press something.
    """
    desk: presenters.DeskShown = context["desk"]
    sound = recordings.of_agent(agent) if desk.phase == "call" else None
    talk = desk.talk
    may_transfer = talk is not None and talk.ready and talk.second is None and not talk.asked
    return render(request, template, {**context, "sound": sound, **(_ways(agent) if may_transfer else {})})


def _ways(agent: Agent) -> dict[str, Any]:
    """Where the caller could go."""
    service = TransferService()
    config = get_config()
    found = presenters.Ways(
        queues=service.queues(),
        colleagues=service.colleagues(agent_id=agent.pk),
        outside=bool(config.transfer_prefixes),
        asks=config.enable_conference,
    )
    return {"ways": found, "ways_version": fragments.version_of(found)}
