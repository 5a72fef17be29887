"""Twilio's REST API, as far as a call center asks it, and the controls of the simulator itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, Final
from urllib.parse import urlsplit

from .calls import Call, Conference, HungUp, Queue, Redirected, rfc2822
from .engine import Exchange
from .http import Reply, Request

API: Final = "/2010-04-01/Accounts/"
OWN: Final = "/_simulator/"


class Rest:
    """Answers requests; every change is made on the exchange."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        sid = r"([A-Z]{2}[0-9a-f]{32})"
        self._routes: tuple[tuple[str, re.Pattern[str], Callable[..., Reply]], ...] = tuple(
            (method, re.compile(pattern), act)
            for method, pattern, act in (
                ("GET", "Calls", self._calls),
                ("POST", "Calls", self._dial),
                ("GET", f"Calls/{sid}", self._call),
                ("POST", f"Calls/{sid}", self._change_call),
                ("GET", "Queues", self._queues),
                ("GET", f"Queues/{sid}/Members", self._members),
                ("POST", f"Queues/{sid}/Members/{sid}", self._fetch_member),
                ("GET", "Conferences", self._conferences),
                ("POST", f"Conferences/{sid}", self._end_conference),
                ("GET", f"Conferences/{sid}/Participants", self._participants),
                ("DELETE", f"Conferences/{sid}/Participants/{sid}", self._remove_participant),
            )
        )

    def handle(self, request: Request) -> Reply:
        """Answer one request."""
        if request.path.startswith(OWN):
            return self._own(request)
        account = self.exchange.account
        if request.login != (account.sid, account.token):
            return _error(401, 20003, "Authenticate")
        if not request.path.startswith(f"{API}{account.sid}/"):
            return _error(404, 20404, f"The requested resource {request.path} was not found")
        path = request.path.removeprefix(f"{API}{account.sid}/").removesuffix(".json")
        for method, pattern, act in self._routes:
            if method == request.method and (found := pattern.fullmatch(path)):
                return act(request, *found.groups())
        return _error(404, 20404, f"The requested resource {request.path} was not found")

    def _calls(self, request: Request) -> Reply:
        wanted = {"to": request.fields.get("To"), "from": request.fields.get("From"), "status": request.fields.get("Status")}
        shown = [self._call_json(call) for call in self.exchange.calls.values()]
        return self._page("calls", [s for s in shown if all(v is None or s[k] == v for k, v in wanted.items())])

    def _dial(self, request: Request) -> Reply:
        if not (url := request.fields.get("Url")):
            return _error(400, 21205, "Url parameter is required.")
        call = self.exchange.dial(request.fields.get("From", ""), request.fields.get("To", ""), url=url)
        call.direction = "outbound-api"
        return Reply(201, self._call_json(call))

    def _call(self, _: Request, sid: str) -> Reply:
        call = self.exchange.calls.get(sid)
        return Reply(200, self._call_json(call)) if call else _error(404, 20404, f"Call {sid} was not found")

    def _change_call(self, request: Request, sid: str) -> Reply:
        call = self.exchange.calls.get(sid)
        if call is None:
            return _error(404, 20404, f"Call {sid} was not found")
        if not call.live:
            return _error(400, 21220, "Call is not in-progress. Cannot redirect.")
        if request.fields.get("Status") in ("completed", "canceled"):
            call.interrupt(HungUp("app"))
        elif url := request.fields.get("Url"):
            call.interrupt(Redirected(url, request.fields.get("Method", "POST")))
        return Reply(200, self._call_json(call))

    def _queues(self, _: Request) -> Reply:
        return self._page("queues", [self._queue_json(queue) for queue in self.exchange.queues.values()])

    def _members(self, _: Request, sid: str) -> Reply:
        queue = next((each for each in self.exchange.queues.values() if each.sid == sid), None)
        if queue is None:
            return _error(404, 20404, f"Queue {sid} was not found")
        line = enumerate(queue.waiting, 1)
        return self._page("queue_members", [_member_json(call, queue, place) for place, call in line])

    def _fetch_member(self, request: Request, queue_sid: str, sid: str) -> Reply:
        call = self.exchange.calls.get(sid)
        queue = next((each for each in self.exchange.queues.values() if each.sid == queue_sid), None)
        if call is None or queue is None or call not in queue.waiting:
            return _error(404, 20404, f"Call {sid} is not in queue {queue_sid}")
        shown = _member_json(call, queue, queue.waiting.index(call) + 1)
        call.interrupt(Redirected(request.fields.get("Url", ""), request.fields.get("Method", "POST")))
        return Reply(200, shown)

    def _conferences(self, _: Request) -> Reply:
        return self._page("conferences", [self._conference_json(each) for each in self.exchange.conferences.values()])

    def _conference(self, sid: str) -> Conference | None:
        return next((each for each in self.exchange.conferences.values() if each.sid == sid), None)

    def _end_conference(self, request: Request, sid: str) -> Reply:
        conference = self._conference(sid)
        if conference is None:
            return _error(404, 20404, f"Conference {sid} was not found")
        shown = self._conference_json(conference)
        if request.fields.get("Status") == "completed":
            for call in tuple(conference.members):
                self.exchange.leave(call)
            conference.over.set()
        return Reply(200, shown)

    def _participants(self, _: Request, sid: str) -> Reply:
        conference = self._conference(sid)
        if conference is None:
            return _error(404, 20404, f"Conference {sid} was not found")
        return self._page("participants", [_participant_json(call, conference) for call in conference.members])

    def _remove_participant(self, _: Request, sid: str, call_sid: str) -> Reply:
        conference, call = self._conference(sid), self.exchange.calls.get(call_sid)
        if conference is None or call not in conference.members:
            return _error(404, 20404, f"Participant {call_sid} was not found")
        call.interrupt(HungUp("app"))
        return Reply(204)

    def _own(self, request: Request) -> Reply:
        """`/_simulator/…`: an agent's phone, a call by hand, and what goes on. For the app's own pages, too."""
        answer = self._controlled(request, request.path.removeprefix(OWN).strip("/").split("/"))
        origin = self._app_origin()
        allowed = {"Access-Control-Allow-Origin": origin, "Access-Control-Allow-Headers": "*", "Vary": "Origin"}
        return Reply(answer.status, answer.body, {**answer.headers, **allowed})

    def _controlled(self, request: Request, path: list[str]) -> Reply:
        if request.method == "OPTIONS":
            return Reply(204)
        if request.method == "POST" and request.headers.get("origin", self._app_origin()) != self._app_origin():
            return Reply(403, {"message": "only the app's own pages may do this"})
        match request.method, path:
            case "GET", ["state"]:
                return Reply(200, self._state())
            case "POST", ["calls"]:
                number = request.fields.get("from", "+14155550100")
                return Reply(201, {"call_sid": self.exchange.dial(number, self.exchange.account.number).sid})
            case "POST", ["calls", sid, "digits"] if sid in self.exchange.calls:
                for key in request.fields.get("digits", ""):
                    self.exchange.calls[sid].keys.put_nowait(key)
                return Reply(200, {"call_sid": sid})
            case "POST", ["calls", sid, "hangup"] if sid in self.exchange.calls:
                self.exchange.calls[sid].interrupt(HungUp("caller"))
                return Reply(200, {"call_sid": sid})
            case "POST", ["devices", identity, "connect"]:
                return Reply(201, {"call_sid": connect(self.exchange, identity, dict(request.fields)).sid})
            case "POST", ["devices", identity, "disconnect"]:
                for call in self.exchange.calls.values():
                    if call.identity == identity and call.live:
                        call.interrupt(HungUp("caller"))
                return Reply(200, {})
        return Reply(404, {"message": f"{request.method} {request.path} is nothing the simulator knows"})

    def _app_origin(self) -> str:
        parts = urlsplit(self.exchange.account.public_url or self.exchange.account.voice_url)
        return f"{parts.scheme}://{parts.netloc}"

    def _state(self) -> dict[str, Any]:
        figures = self.exchange.webhooks.figures
        return {
            "calls": [
                {"call_sid": call.sid, "from": call.from_, "identity": call.identity, "stage": call.stage, "hears": call.hears}
                for call in self.exchange.calls.values()
                if call.live
            ],
            "queues": {queue.name: len(queue.waiting) for queue in self.exchange.queues.values()},
            "conferences": {each.name: len(each.members) for each in self.exchange.conferences.values()},
            "webhooks": {"sent": figures.sent, "errors": figures.errors},
        }

    def _uri(self, path: str) -> str:
        return f"{API}{self.exchange.account.sid}/{path}.json"

    def _page(self, name: str, rows: list[dict[str, Any]]) -> Reply:
        uri = self._uri(name.title())
        paging = {"page": 0, "page_size": 1000, "start": 0, "end": max(len(rows) - 1, 0), "uri": uri}
        links = {"first_page_uri": uri, "next_page_uri": None, "previous_page_uri": None}
        return Reply(200, {name: rows, **paging, **links})

    def _call_json(self, call: Call) -> dict[str, Any]:
        duration = None if call.ended is None else str(round(call.ended - call.started))
        return {
            "sid": call.sid,
            "account_sid": self.exchange.account.sid,
            "api_version": "2010-04-01",
            "from": call.from_,
            "from_formatted": call.from_,
            "to": call.to,
            "to_formatted": call.to,
            "status": call.status,
            "direction": call.direction,
            "date_created": rfc2822(call.started),
            "date_updated": rfc2822(call.ended or call.started),
            "start_time": rfc2822(call.started),
            "end_time": rfc2822(call.ended) if call.ended else None,
            "duration": duration,
            "uri": self._uri(f"Calls/{call.sid}"),
            **_nothing("annotation answered_by caller_name forwarded_from group_sid parent_call_sid phone_number_sid"),
            **_nothing("price price_unit queue_time subresource_uris trunk_sid"),
        }

    def _queue_json(self, queue: Queue) -> dict[str, Any]:
        return {
            "sid": queue.sid,
            "account_sid": self.exchange.account.sid,
            "friendly_name": queue.name,
            "current_size": len(queue.waiting),
            "max_size": queue.max_size,
            "average_wait_time": 0,
            "date_created": rfc2822(),
            "date_updated": rfc2822(),
            "uri": self._uri(f"Queues/{queue.sid}"),
        }

    def _conference_json(self, conference: Conference) -> dict[str, Any]:
        return {
            "sid": conference.sid,
            "account_sid": self.exchange.account.sid,
            "api_version": "2010-04-01",
            "friendly_name": conference.name,
            "status": "in-progress" if conference.started else "init",
            "region": "us1",
            "date_created": rfc2822(),
            "date_updated": rfc2822(),
            "uri": self._uri(f"Conferences/{conference.sid}"),
            **_nothing("call_sid_ending_conference reason_conference_ended subresource_uris"),
        }


def connect(exchange: Exchange, identity: str, parameters: dict[str, str]) -> Call:
    """An agent's phone calls the TwiML App, with parameters of its own: `device.connect` in a browser."""
    url = exchange.account.client_voice_url
    return exchange.dial(f"client:{identity}", "", url=url, identity=identity, **parameters)


def _member_json(call: Call, queue: Queue, position: int) -> dict[str, Any]:
    return {
        "call_sid": call.sid,
        "queue_sid": queue.sid,
        "position": position,
        "wait_time": 0,
        "date_enqueued": rfc2822(),
        "uri": None,
    }


def _participant_json(call: Call, conference: Conference) -> dict[str, Any]:
    return {
        "call_sid": call.sid,
        "conference_sid": conference.sid,
        "end_conference_on_exit": conference.members[call],
        "status": "connected",
        **dict.fromkeys(("muted", "hold", "coaching"), False),
        "start_conference_on_enter": True,
    }


def _nothing(names: str) -> dict[str, None]:
    return dict.fromkeys(names.split())


def _error(status: int, code: int, message: str) -> Reply:
    more = f"https://www.twilio.com/docs/errors/{code}"
    return Reply(status, {"code": code, "message": message, "more_info": more, "status": status})


__all__: Iterable[str] = ["Rest", "connect"]
