"""Calls over REST: made, listed, moved elsewhere, ended."""

from __future__ import annotations

from collections.abc import Sequence

from . import shapes
from .calls import Call, HungUp, Redirected
from .http import Reply, Request
from .resources import SID, RefusedRequest, Resources, Route, callback_of, filtered, not_found, target_of


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
        )

    def _list(self, request: Request) -> Reply:
        shown = [shapes.call(call, self.account) for call in self.exchange.calls.values()]
        return self.page("calls", filtered(shown, request, {"to": "To", "from": "From", "status": "Status"}), request)

    def _create(self, request: Request) -> Reply:
        fields = request.fields
        call = self.exchange.place(
            fields.get("From", ""), fields.get("To", ""), target_of(request), callback_of(request)
        )
        return Reply(201, shapes.call(call, self.account))

    def _fetch(self, _: Request, sid: str) -> Reply:
        return Reply(200, shapes.call(self._call_of(sid), self.account))

    def _update(self, request: Request, sid: str) -> Reply:
        call = self._call_of(sid)
        if not call.live or isinstance(call.pending, HungUp):
            raise RefusedRequest(400, 21220, "Call is not in-progress. Cannot redirect.")
        if request.fields.get("Status") in ("completed", "canceled"):
            call.interrupt(HungUp("app"))
        else:
            call.interrupt(Redirected(target_of(request)))
        return Reply(200, shapes.call(call, self.account))

    def _call_of(self, sid: str) -> Call:
        if (call := self.exchange.calls.get(sid)) is None:
            raise not_found(f"Call {sid}")
        return call
