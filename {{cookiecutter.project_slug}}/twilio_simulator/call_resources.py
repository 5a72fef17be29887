"""Calls over REST: made, listed, moved elsewhere, ended, forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from . import shapes
from .calls import Call, HungUp, Redirected
from .http import Reply, Request
from .life import limit
from .outbound import LONGEST, Manner
from .resources import (
    SID,
    RefusedRequest,
    Resources,
    Route,
    callback_of,
    flag,
    in_span,
    method_of,
    not_found,
    target_of,
    whole,
)


class CallResources(Resources):
    """`Calls`."""

    @property
    def routes(self) -> Sequence[Route]:
        """What is answered."""
        return (
            ("GET", "Calls", self._list),
            ("POST", "Calls", self._create),
            ("GET", f"Calls/{SID}", self._fetch),
            ("POST", f"Calls/{SID}", self._update),
            ("DELETE", f"Calls/{SID}", self._delete),
        )

    def _list(self, request: Request) -> Reply:
        """Newest first. There may be many, so only those that are meant are shown."""
        fields = request.fields
        wanted = {name: fields[name] for name in ("To", "From", "ParentCallSid", "Status") if name in fields}

        def meant(call: Call) -> bool:
            has = {"To": call.to, "From": call.from_, "ParentCallSid": call.parent, "Status": shapes.status(call)}
            return all(has[name] == value for name, value in wanted.items()) and (
                in_span(call.started, request, "StartTime") and in_span(call.ended, request, "EndTime")
            )

        calls = [call for call in reversed(self.exchange.calls.values()) if meant(call)]
        return self.page("calls", [shapes.call(call, self.account) for call in calls], request)

    def _create(self, request: Request) -> Reply:
        sender, to = numbers_of(request)
        manner = manner_of(request)
        fallback = target_of(request, "FallbackUrl", "FallbackMethod") if request.fields.get("FallbackUrl") else None
        call = self.exchange.place(sender, to, target_of(request), callback_of(request), manner, fallback=fallback)
        return Reply(201, shapes.call(call, self.account))

    def _fetch(self, _: Request, sid: str) -> Reply:
        return Reply(200, shapes.call(self._call_of(sid), self.account))

    def _update(self, request: Request, sid: str) -> Reply:
        call, fields = self._call_of(sid), request.fields
        status = fields.get("Status", "")
        if not call.live or isinstance(call.pending, HungUp):
            raise RefusedRequest(400, 21220, "Call is not in-progress. Cannot redirect.")
        if call.direction != "inbound" and call.answered is None and {"Url", "Twiml"} & fields.keys():
            raise RefusedRequest(400, 21220, f"Call is {shapes.status(call)}. Cannot redirect.")
        if status not in ("", "completed", "canceled"):
            raise RefusedRequest(400, 21218, f"Invalid status {status}: it may become completed or canceled.")
        target = target_of(request) if not status and {"Url", "Twiml"} & fields.keys() else None
        if fields.get("FallbackUrl"):
            call.fallback = target_of(request, "FallbackUrl", "FallbackMethod")
        if fields.get("StatusCallback"):
            call.callback = replace(
                call.callback, url=fields["StatusCallback"], method=method_of(request, "StatusCallbackMethod")
            )
        if "TimeLimit" in fields:
            limit(call, whole(request, "TimeLimit", 0))
        if status == "completed" or (status == "canceled" and call.answered is None):
            call.interrupt(HungUp("app"))
        elif target:
            call.interrupt(Redirected(target))
        return Reply(200, shapes.call(call, self.account))

    def _delete(self, _: Request, sid: str) -> Reply:
        if self._call_of(sid).live:
            raise RefusedRequest(409, 20009, f"Call {sid} is in progress and cannot be deleted.")
        del self.exchange.calls[sid]
        return Reply(204)

    def _call_of(self, sid: str) -> Call:
        if (call := self.exchange.calls.get(sid)) is None:
            raise not_found(f"Call {sid}")
        return call


def numbers_of(request: Request) -> tuple[str, str]:
    """From and To. Both are needed."""
    for name, code in (("To", 21201), ("From", 21213)):
        if not request.fields.get(name):
            raise RefusedRequest(400, code, f"{name} parameter is required.")
    return request.fields["From"], request.fields["To"]


def manner_of(request: Request) -> Manner:
    """How a call is made: how long it rings and lasts, who listens for a machine, whether it is recorded."""
    detection = request.fields.get("MachineDetection", "")
    if detection not in ("", "Enable", "DetectMessageEnd"):
        raise RefusedRequest(400, 20001, f"MachineDetection must be Enable or DetectMessageEnd, not {detection}")
    told = "AsyncAmdStatusCallback" if "AsyncAmdStatusCallback" in request.fields else "AmdStatusCallback"
    return Manner(
        timeout=whole(request, "Timeout", 60),
        limit=whole(request, "TimeLimit", LONGEST),
        detection=detection,
        told=callback_of(request, told),
        waits=not flag(request, "AsyncAmd") and "AmdStatusCallback" not in request.fields,
        recorded=callback_of(request, "RecordingStatusCallback") if flag(request, "Record") else None,
    )
