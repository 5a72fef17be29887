"""The record of calls: history with search, one call's timeline, flows as pictures, and the audit log."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from xml.dom.minidom import parseString

from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from django.views.decorators.http import require_GET

from ..exceptions import NotFound, ValidationError
from ..models import Agent, AuditEntry, IVRFlow, May, Queue
from ..services import RecordService, TimelineService, wording
from ..services.records import Search, is_national
from . import flow_picture, fragments, paging, rows

AUDIT_PAGE = 100


class SearchForm(forms.Form):
    """What may be looked for; an empty form looks for the latest calls."""

    number = forms.CharField(
        required=False, label=_("Number"), max_length=30, widget=forms.TextInput(attrs={"inputmode": "tel"})
    )
    agent = forms.ModelChoiceField(Agent.objects.all(), required=False, label=_("Agent"), empty_label=_("Any"))
    queue = forms.ModelChoiceField(Queue.objects.all(), required=False, label=_("Queue"), empty_label=_("Any"))
    since = forms.DateTimeField(
        required=False, label=_("From"), widget=forms.DateTimeInput(attrs={"type": "datetime-local"})
    )
    until = forms.DateTimeField(
        required=False,
        label=pgettext_lazy("period", "To"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
    )


@require_GET
@fragments.may(May.SEE_RECORDS)
def history(request: HttpRequest) -> HttpResponse:
    """A page of calls, the latest first."""
    form = SearchForm(request.GET)
    context: dict[str, Any] = {"form": form, "rows": []}
    if form.is_valid():
        said = form.cleaned_data
        search = Search(
            number=said["number"],
            agent_id=said["agent"] and said["agent"].pk,
            queue_id=said["queue"] and said["queue"].pk,
            since=said["since"],
            until=said["until"],
            before=paging.asked(request, "before"),
        )
        try:
            page = RecordService().search(search=search, now=timezone.now())
        except ValidationError as error:
            form.add_error("number", str(error))
        else:
            context["rows"] = [rows.present_call(call) for call in page.calls]
            context["older"] = paging.query(request, "before", page.next)
            context |= {"page": page, "earlier": _until(request, page.since)}
            context["is_national"] = is_national(said["number"])
    return render(request, "console/history.html", context)


def _until(request: HttpRequest, moment: datetime) -> str:
    """The query for the same, but earlier. A second twice is better than one left out, and the field has no less."""
    others = {key: value for key, value in request.GET.items() if key in SearchForm.base_fields and value}
    others.pop("since", None)
    return urlencode(others | {"until": f"{timezone.localtime(moment) + timedelta(seconds=1):%Y-%m-%dT%H:%M:%S}"})


@require_GET
@fragments.may(May.SEE_RECORDS)
def call(request: HttpRequest, call_sid: str) -> HttpResponse:
    """All that happened to one call. What people did with it, as hearing its recording, is the audit log's to show."""
    try:
        timeline = TimelineService().of(call_sid=call_sid, acts=request.user.has_perm(May.AUDIT.permission))
    except NotFound as error:
        raise Http404(str(error)) from None
    moments = [(each, rows.outside_text(each.number), _pretty(each.twiml)) for each in timeline.moments]
    shown = {
        "timeline": timeline,
        "moments": moments,
        "recordings": [(each, wording.of(wording.RECORDINGS, each.state)) for each in timeline.recordings],
        "row": rows.present_call(timeline.call),
    }
    return render(request, "console/call.html", shown)


def _pretty(twiml: str) -> str:
    """TwiML on several lines. It is our own, from the database."""
    if not twiml:
        return ""
    lines = parseString(twiml).toprettyxml(indent="  ").splitlines()  # noqa: S318
    return "\n".join(line for line in lines[1:] if line.strip())


@require_GET
@fragments.may(May.SEE_RECORDS)
def flows(request: HttpRequest) -> HttpResponse:
    """Every flow as a picture: what callers get, and the draft beside it where that is another."""
    shown = []
    for flow in IVRFlow.objects.select_related("release"):
        published = flow.release.definition if flow.release else None
        differs = flow.draft != published
        shown.append(
            {
                "flow": flow,
                "published": flow_picture.draw(published) if published else None,
                "draft": flow_picture.draw(flow.draft, before=published) if differs else None,
            }
        )
    return render(request, "console/flows.html", {"flows": shown})


@require_GET
@fragments.may(May.AUDIT)
def audit(request: HttpRequest) -> HttpResponse:
    """The latest entries, of one actor or one target if wanted, page by page."""
    entries = AuditEntry.objects.all()
    for name, field in (("actor", "actor_name"), ("target", "target"), ("action", "action")):
        if wanted := request.GET.get(name, "").strip():
            entries = entries.filter(**{field: wanted})
    if mark := paging.asked(request, "before"):
        entries = entries.filter(at__lte=mark[0]).exclude(at=mark[0], pk__gte=mark[1])
    found = list(entries[: AUDIT_PAGE + 1])
    last = found[AUDIT_PAGE - 1] if len(found) > AUDIT_PAGE else None
    older = paging.query(request, "before", (last.at, last.pk) if last else None)
    asked = {name: request.GET.get(name, "") for name in ("actor", "action", "target")}
    return render(request, "console/audit.html", {"entries": found[:AUDIT_PAGE], "older": older, "asked": asked})
