"""Twilio's REST API, as far as a call center asks it: who may ask, and which resource answers."""

from __future__ import annotations

import re
import time
from typing import Final

from . import shapes
from .account_resources import AccountResources
from .call_resources import CallResources
from .conference_resources import ConferenceResources
from .controls import OWN, Controls
from .engine import Exchange
from .http import Reply, Request
from .queue_resources import QueueResources
from .recording_resources import RecordingResources
from .resources import RefusedRequest, not_found
from .transcription_resources import TranscriptionResources

MEDIA: Final = re.compile(r"/Recordings/RE[0-9a-f]{32}(\.wav|\.mp3)?$")


class Rest:
    """Answers requests; every change is made on the exchange."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.account = exchange.account.sid
        self.controls = Controls(exchange)
        self.resources = AccountResources(exchange.account)
        kinds = (CallResources, QueueResources, ConferenceResources, RecordingResources, TranscriptionResources)
        self.routes = [*(route for kind in kinds for route in kind(exchange).routes), *self.resources.routes]
        self._routes = tuple((method, re.compile(pattern), act) for method, pattern, act in self.routes)

    def handle(self, request: Request) -> Reply:
        """Answer one request."""
        if request.path.startswith(OWN) or request.path == "/":
            return self.controls.handle(request)
        began = time.monotonic()
        try:
            reply = self._act(request)
        except RefusedRequest as refused:
            reply = refused.reply
        self.controls.pages.timeline.asked(request, reply, time.monotonic() - began)
        return reply

    def _act(self, request: Request) -> Reply:
        is_open = self.exchange.account.standing.open_media and MEDIA.search(request.path)
        if not is_open and not self.resources.knows(request.login):
            raise RefusedRequest(401, 20003, "Authenticate")
        start = shapes.uri(self.account, "").removesuffix(".json")
        path = request.path.removeprefix(start).removesuffix(".json")
        found = [(method, act, m) for method, pattern, act in self._routes if (m := pattern.fullmatch(path))]
        for method, act, match in found:
            if method == request.method:
                return act(request, *match.groups())
        if found:
            raise RefusedRequest(405, 20004, f"Method {request.method} is not allowed for {request.path}")
        raise not_found(request.path)
