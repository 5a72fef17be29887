"""The simulator's own pages: a phone to call in with, and the timeline. Their programs are files, their look is one."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from .engine import Exchange
from .http import Reply, Request
from .phones import Phones
from .timeline import Timeline

FOLDER: Final = Path(__file__).with_name("static")
TYPES: Final = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
POLICY: Final = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " + (
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class Pages:
    """Answers below `/_simulator/`: `phone`, `timeline`, their files, and what they ask."""

    def __init__(self, exchange: Exchange) -> None:
        self.phones = Phones(exchange)
        self.timeline = Timeline(exchange)

    def handle(self, method: str, parts: list[str], request: Request) -> Reply | None:
        """One request; None for what is none of the pages' business."""
        match method, parts:
            case "GET", ["phone" | "timeline" as name]:
                return _file(f"{name}.html")
            case "GET", ["static", name]:
                return _file(name)
            case _, ["phones", number, *what] if number.startswith("+") and number[1:].isdecimal():
                return self._phone(method, number[:16], what, request)
            case _, ["timeline", *what]:
                return self._timeline(method, what, request)
        return None

    def _phone(self, method: str, number: str, what: list[str], request: Request) -> Reply | None:
        phone, phones = self.phones.at(number), self.phones
        match method, what:
            case "GET", []:
                return Reply(200, phones.state(phone, _whole(request, "since")))
            case "POST", ["call"]:
                return _done(phones.dial(phone), "this phone has a call")
            case "POST", ["keys"]:
                keys = "".join(key for key in request.fields.get("keys", "") if key in "0123456789*#")
                return _done(phones.press(phone, keys), "this phone has no call")
            case "POST", ["answer"]:
                return _done(phones.answer(phone), "this phone does not ring")
            case "POST", ["hangup"]:
                return _done(phones.hang_up(phone), "this phone has no call")
        return None

    def _timeline(self, method: str, what: list[str], request: Request) -> Reply | None:
        timeline = self.timeline
        match method, what:
            case "GET", ["calls"]:
                return Reply(200, {"calls": timeline.calls()})
            case "GET", ["calls", sid]:
                entries = timeline.story(sid, _whole(request, "since"))
                return Reply(200, {"entries": entries}) if entries is not None else Reply(404, {"message": "not kept"})
            case "POST", ["replay"]:
                again = timeline.replay(_whole(request, "id"), request.fields.get("how", ""))
                return _done(again, "this webhook is not kept, or how is neither duplicate nor again")
        return None


def _file(name: str) -> Reply:
    """A file of the folder, and nothing else: the names are those that lie there."""
    found = next((file for file in FOLDER.iterdir() if file.name == name and file.suffix in TYPES), None)
    if found is None:
        return Reply(404, {"message": f"there is no page {name}"})
    headers = {
        "Content-Type": f"{TYPES[found.suffix]}; charset=utf-8",
        "Content-Security-Policy": POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-cache",
    }
    return Reply(200, found.read_bytes(), headers)


def _done(done: bool, otherwise: str) -> Reply:
    body: dict[str, Any] = {} if done else {"message": otherwise}
    return Reply(202 if done else 409, body)


def _whole(request: Request, name: str) -> int:
    text = request.fields.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 12 else 0
