"""Twilio's REST API, as far as a call center asks it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from . import shapes
from .account_resources import AccountResources
from .calls import Call, Conference, HungUp, Queue, Redirected
from .controls import OWN, Controls
from .engine import Exchange
from .http import Reply, Request

SID: Final = r"([A-Z]{2}[0-9a-f]{32})"
WHO: Final = r"(Front|CA[0-9a-f]{32})"
EVENTS: Final = frozenset({"completed"})


class RefusedRequest(Exception):  # not an error of ours
    """The request cannot be done: an HTTP status, Twilio's code and its words."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        more = f"https://www.twilio.com/docs/errors/{code}"
        self.reply = Reply(status, {"code": code, "message": message, "more_info": more, "status": status})


class Rest:
    """Answers requests; every change is made on the exchange."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.account = exchange.account.sid
        self.controls = Controls(exchange)
        self.resources = AccountResources(exchange.account)
        routes: tuple[tuple[str, str, Callable[..., Reply]], ...] = (
            ("GET", "Calls", self._calls),
            ("POST", "Calls", self._place),
            ("GET", f"Calls/{SID}", self._call),
            ("POST", f"Calls/{SID}", self._change_call),
            ("GET", "Queues", self._queues),
            ("POST", "Queues", self._open_queue),
            ("GET", f"Queues/{SID}", self._queue),
            ("POST", f"Queues/{SID}", self._change_queue),
            ("GET", f"Queues/{SID}/Members", self._members),
            ("GET", f"Queues/{SID}/Members/{WHO}", self._member),
            ("POST", f"Queues/{SID}/Members/{WHO}", self._fetch_member),
            ("GET", "Conferences", self._conferences),
            ("GET", f"Conferences/{SID}", self._conference),
            ("POST", f"Conferences/{SID}", self._end_conference),
            ("GET", f"Conferences/{SID}/Participants", self._participants),
            ("GET", f"Conferences/{SID}/Participants/{SID}", self._participant),
            ("DELETE", f"Conferences/{SID}/Participants/{SID}", self._remove_participant),
            *self.resources.routes,
        )
        self._routes = tuple((method, re.compile(pattern), act) for method, pattern, act in routes)

    def handle(self, request: Request) -> Reply:
        """Answer one request."""
        if request.path.startswith(OWN):
            return self.controls.handle(request)
        try:
            return self._act(request)
        except RefusedRequest as refused:
            return refused.reply

    def _act(self, request: Request) -> Reply:
        if not self.resources.knows(request.login):
            raise RefusedRequest(401, 20003, "Authenticate")
        start = shapes.uri(self.account, "").removesuffix(".json")
        path = request.path.removeprefix(start).removesuffix(".json")
        found = [(method, act, m) for method, pattern, act in self._routes if (m := pattern.fullmatch(path))]
        for method, act, match in found:
            if method == request.method:
                return act(request, *match.groups())
        if found:
            raise RefusedRequest(405, 20004, f"Method {request.method} is not allowed for {request.path}")
        raise _not_found(request.path)

    def _calls(self, request: Request) -> Reply:
        shown = [shapes.call(call, self.account) for call in self.exchange.calls.values()]
        return self._page("calls", _filtered(shown, request, {"to": "To", "from": "From", "status": "Status"}), request)

    def _place(self, request: Request) -> Reply:
        fields = request.fields
        call = self.exchange.place(
            fields.get("From", ""),
            fields.get("To", ""),
            url=_url(request),
            method=fields.get("Method", "POST"),
            callback=fields.get("StatusCallback", ""),
            events=frozenset(request.every("StatusCallbackEvent")) or EVENTS,
        )
        return Reply(201, shapes.call(call, self.account))

    def _call(self, _: Request, sid: str) -> Reply:
        return Reply(200, shapes.call(self._call_of(sid), self.account))

    def _change_call(self, request: Request, sid: str) -> Reply:
        call = self._call_of(sid)
        if not call.live or isinstance(call.pending, HungUp):
            raise RefusedRequest(400, 21220, "Call is not in-progress. Cannot redirect.")
        if request.fields.get("Status") in ("completed", "canceled"):
            call.interrupt(HungUp("app"))
        else:
            call.interrupt(Redirected(_url(request), request.fields.get("Method", "POST")))
        return Reply(200, shapes.call(call, self.account))

    def _queues(self, request: Request) -> Reply:
        queues = [shapes.queue(queue, self.account) for queue in self.exchange.queues.values()]
        return self._page("queues", queues, request)

    def _open_queue(self, request: Request) -> Reply:
        queue = self.exchange.queue(request.fields.get("FriendlyName", ""))
        return Reply(201, self._sized(queue, request))

    def _queue(self, _: Request, sid: str) -> Reply:
        return Reply(200, shapes.queue(self._queue_of(sid), self.account))

    def _change_queue(self, request: Request, sid: str) -> Reply:
        return Reply(200, self._sized(self._queue_of(sid), request))

    def _sized(self, queue: Queue, request: Request) -> shapes.Json:
        if (size := request.fields.get("MaxSize", "")).isdecimal():
            queue.max_size = int(size)
        return shapes.queue(queue, self.account)

    def _members(self, request: Request, sid: str) -> Reply:
        queue = self._queue_of(sid)
        return self._page("queue_members", [shapes.member(c, queue, self.account) for c in queue.waiting], request)

    def _member(self, _: Request, queue_sid: str, who: str) -> Reply:
        queue = self._queue_of(queue_sid)
        return Reply(200, shapes.member(_waiting(queue, who), queue, self.account))

    def _fetch_member(self, request: Request, queue_sid: str, who: str) -> Reply:
        queue = self._queue_of(queue_sid)
        call = _waiting(queue, who)
        call.interrupt(Redirected(_url(request), request.fields.get("Method", "POST")))
        return Reply(200, shapes.member(call, queue, self.account))

    def _conferences(self, request: Request) -> Reply:
        shown = [shapes.conference(each, self.account) for each in self.exchange.conferences]
        wanted = _filtered(shown, request, {"friendly_name": "FriendlyName", "status": "Status"})
        return self._page("conferences", wanted, request)

    def _conference(self, _: Request, sid: str) -> Reply:
        return Reply(200, shapes.conference(self._conference_of(sid), self.account))

    def _end_conference(self, request: Request, sid: str) -> Reply:
        conference = self._conference_of(sid)
        if request.fields.get("Status") != "completed":
            return self._conference(request, sid)
        self.exchange.conferences.end(conference, "conference-ended-via-api")
        return Reply(200, shapes.conference(conference, self.account, status="completed"))

    def _participants(self, request: Request, sid: str) -> Reply:
        conference = self._conference_of(sid)
        shown = [shapes.participant(call, conference, self.account) for call in conference.members]
        return self._page("participants", shown, request)

    def _participant(self, _: Request, sid: str, call_sid: str) -> Reply:
        conference = self._conference_of(sid)
        return Reply(200, shapes.participant(_member_of(conference, call_sid), conference, self.account))

    def _remove_participant(self, _: Request, sid: str, call_sid: str) -> Reply:
        self.exchange.conferences.leave(_member_of(self._conference_of(sid), call_sid))
        return Reply(204)

    def _page(self, name: str, rows: list[shapes.Json], request: Request) -> Reply:
        return Reply(200, shapes.page(name, rows, request.path))

    def _call_of(self, sid: str) -> Call:
        if (call := self.exchange.calls.get(sid)) is None:
            raise _not_found(f"Call {sid}")
        return call

    def _queue_of(self, sid: str) -> Queue:
        queue = next((each for each in self.exchange.queues.values() if each.sid == sid), None)
        if queue is None:
            raise _not_found(f"Queue {sid}")
        return queue

    def _conference_of(self, sid: str) -> Conference:
        if (conference := self.exchange.conferences.by_sid(sid)) is None:
            raise _not_found(f"Conference {sid}")
        return conference


def _waiting(queue: Queue, who: str) -> Call:
    """A caller in line, by CallSid or `Front`; one who is already on the way out is not in line any more."""
    for call in queue.waiting:
        if call.pending is None and who in ("Front", call.sid):
            return call
    raise _not_found(f"Member {who} of queue {queue.sid}")


def _member_of(conference: Conference, call_sid: str) -> Call:
    for call in conference.members:
        if call.sid == call_sid:
            return call
    raise _not_found(f"Participant {call_sid} of conference {conference.sid}")


def _url(request: Request) -> str:
    """The absolute URL a request names: a document of its own (`Twiml`) it cannot bring here."""
    url = request.fields.get("Url", "")
    if not url:
        raise RefusedRequest(400, 21205, "Url parameter is required; the simulator takes no Twiml.")
    if urlsplit(url).scheme not in ("http", "https"):
        raise RefusedRequest(400, 21205, f"Url is not a valid URL: {url}")
    return url


def _filtered(rows: list[shapes.Json], request: Request, names: dict[str, str]) -> list[shapes.Json]:
    wanted = {key: request.fields[name] for key, name in names.items() if name in request.fields}
    return [row for row in rows if all(row[key] == value for key, value in wanted.items())]


def _not_found(what: str) -> RefusedRequest:
    return RefusedRequest(404, 20404, f"The requested resource {what} was not found")
