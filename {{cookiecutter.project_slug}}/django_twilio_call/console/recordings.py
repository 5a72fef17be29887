"""Recordings and messages: heard through here alone, each hearing written down; the voicemail inbox; pause and hold."""

from __future__ import annotations

import re
from typing import Any, Final, cast

from django.contrib import messages
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_POST

from ..exceptions import CallCenterError, NotFound, RangeNotSatisfiable, TelephonyError
from ..media import Sound, get_media
from ..models import Agent, May, Recording
from ..services import RecordingService, VoicemailService, audit
from ..visitors import address_of
from . import fragments, paging, presenters

HEARING: Final = 600
"""Seconds in which somebody's requests for one recording are one hearing: a browser asks for it in many parts."""
AFTER: Final = "after"
"""The field with which a page of the inbox says after which message it begins."""
_SID: Final = re.compile(r"RE[0-9a-f]{32}")


@require_GET
@fragments.signed_in
def sound(request: HttpRequest, sid: str) -> HttpResponse:
    """A recording or a message as WAV, in parts if the browser asks for parts; `?download` as a file."""
    if not _SID.fullmatch(sid):
        raise Http404
    try:
        call_sid = RecordingService().may_hear(user=request.user, sid=sid)
    except NotFound as error:
        raise Http404(str(error)) from None
    except CallCenterError:
        raise PermissionDenied from None
    download = "download" in request.GET
    try:
        heard = get_media().sound(sid=sid, wanted=request.headers.get("Range", ""))
    except NotFound:
        raise Http404 from None
    except RangeNotSatisfiable:
        return HttpResponse(status=416)
    except TelephonyError:
        said = gettext("Twilio does not give out the recording now. Try again.")
        return HttpResponse(f"{said}\n", "text/plain; charset=utf-8", 502)
    _write_down(request, sid, call_sid, "recording.download" if download else "recording.play")
    answer = _streamed(heard, sid, partial="Range" in request.headers, download=download)
    return cast(HttpResponse, answer)  # as decorators for pages have it


def _write_down(request: HttpRequest, sid: str, call_sid: str, action: str) -> None:
    """Before the first byte leaves."""
    if cache.add(f"heard:{request.user.pk}:{action}:{sid}", 1, HEARING):
        audit.record(
            actor=request.user,
            action=action,
            target=f"recording {sid}",
            detail={"call": call_sid},
            address=address_of(request),
            now=timezone.now(),
        )


def _streamed(heard: Sound, sid: str, *, partial: bool, download: bool) -> StreamingHttpResponse:
    answer = StreamingHttpResponse(heard.chunks, content_type="audio/wav", status=206 if partial else 200)
    answer.headers["Content-Length"] = str(heard.last - heard.first + 1)
    answer.headers["Accept-Ranges"] = "bytes"
    answer.headers["Cache-Control"] = "private, no-store"
    if partial:
        answer.headers["Content-Range"] = f"bytes {heard.first}-{heard.last}/{heard.total}"
    if download:
        answer.headers["Content-Disposition"] = f'attachment; filename="{sid}.wav"'
    return answer


@require_GET
@fragments.may(May.TAKE_MESSAGES)
def inbox(request: HttpRequest) -> HttpResponse:
    """A page of messages nobody has handled, the oldest first, and the latest ones that somebody has."""
    after = paging.asked(request, AFTER)
    box = VoicemailService().inbox(user=request.user, after=after)
    context = {
        "waiting": box.waiting,
        "is_later": after is not None,
        "later": paging.query(request, AFTER, box.next),
        "new": [(message, presenters.caller_text(message.call.from_number)) for message in box.new],
        "handled": [(message, presenters.caller_text(message.call.from_number)) for message in box.handled],
    }
    return render(request, "console/inbox.html", context)


@require_POST
@fragments.may(May.TAKE_MESSAGES)
def handle(request: HttpRequest, voicemail_id: int) -> HttpResponse:
    """Mark a message as handled by oneself; who was first stays. Then the page of the inbox it was on."""
    now = timezone.now()
    message = VoicemailService().handle(voicemail_id=voicemail_id, user=request.user, now=now)
    if message is None:
        messages.error(request, _("Somebody else has handled this message, or it is not for you."))
    page = paging.query(request, AFTER, paging.asked(request, AFTER))
    return redirect(f"{reverse('console:inbox')}{page and f'?{page}'}")


@require_GET
@fragments.signed_in
def live(request: HttpRequest) -> HttpResponse:
    """Whether the agent's conversation is being recorded, with the button to pause it, if that differs from `?v=`."""
    shown = of_agent(fragments.agent_of(request))
    if fragments.is_current(request, shown["version"]):
        return fragments.unchanged()
    return render(request, "console/_recording.html", shown)


@require_POST
@fragments.signed_in
def pause(request: HttpRequest) -> HttpResponse:
    """Pause the recording of one's own conversation, or with form field `resume` go on with it."""
    agent = fragments.agent_of(request)
    fragments.at_work(request)
    try:
        recording = RecordingService().set_paused(
            agent_id=agent.pk,
            paused="resume" not in request.POST,
            actor=request.user,
            address=address_of(request),
            now=timezone.now(),
        )
    except CallCenterError:
        recording = None
    return render(request, "console/_recording.html", _shown(recording))


@require_POST
@fragments.may(May.HOLD_RECORDINGS)
def hold(request: HttpRequest, call_sid: str) -> HttpResponse:
    """Place a legal hold on a call with form field `reason`, or with `release` end it."""
    service, address, now = RecordingService(), address_of(request), timezone.now()
    try:
        if "release" in request.POST:
            service.release(call_sid=call_sid, actor=request.user, address=address, now=now)
        else:
            reason = request.POST.get("reason", "")
            service.hold(call_sid=call_sid, reason=reason, actor=request.user, address=address, now=now)
    except NotFound as error:
        raise Http404(str(error)) from None
    except CallCenterError as error:
        messages.error(request, _("No hold was placed: %(why)s") % {"why": error})
    return redirect("console:call", call_sid)


def of_agent(agent: Agent) -> dict[str, Any]:
    """What is shown of the recording that goes on of what this agent says."""
    return _shown(RecordingService().of_agent(agent_id=agent.pk))


def _shown(recording: Recording | None) -> dict[str, Any]:
    pausing = recording is not None and RecordingService().is_pausing(recording)
    state = (recording.pk, recording.state, pausing) if recording else None
    return {"recording": recording, "pausing": pausing, "version": fragments.version_of(state)}
