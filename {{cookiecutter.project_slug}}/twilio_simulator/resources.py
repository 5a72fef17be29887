"""What the resources of the REST API share: routes, refusals, lists."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

from . import shapes
from .calls import Callback, Target
from .engine import Exchange
from .http import Reply, Request

SID: Final = r"([A-Z]{2}[0-9a-f]{32})"
METHODS: Final = ("GET", "POST")
LONGEST_TWIML: Final = 4000
PAGE: Final = 50
LARGEST_PAGE: Final = 1000

Route = tuple[str, str, Callable[..., Reply]]
"""Method, pattern of the path below the account, and what answers: it is given the request and the groups."""


class RefusedRequest(Exception):  # not an error of ours
    """The request cannot be done: an HTTP status, Twilio's code and its words."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        more = f"https://www.twilio.com/docs/errors/{code}"
        self.reply = Reply(status, {"code": code, "message": message, "more_info": more, "status": status})


class Resources:
    """One kind of resource and its routes."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.account = exchange.account.sid

    @property
    def routes(self) -> Sequence[Route]:
        """What is answered."""
        raise NotImplementedError

    def page(self, name: str, rows: list[shapes.Json], request: Request) -> Reply:
        """The page of a list that was asked for. Lists are short, so all of one is at hand."""
        size = min(max(whole(request, "PageSize", PAGE), 1), LARGEST_PAGE)
        number = whole(request, "Page", 0)
        others = [(key, value) for key, value in request.pairs if key not in ("Page", "PageSize", "PageToken")]
        return Reply(200, shapes.page(name, rows, request.path, number, size, others))


def not_found(what: str) -> RefusedRequest:
    """Twilio's 404."""
    return RefusedRequest(404, 20404, f"The requested resource {what} was not found")


def filtered(rows: list[shapes.Json], request: Request, names: dict[str, str]) -> list[shapes.Json]:
    """The rows whose fields are as asked for: `names` has the parameter of each field."""
    wanted = {key: request.fields[name] for key, name in names.items() if name in request.fields}
    return [row for row in rows if all(str(row[key]).lower() == value.lower() for key, value in wanted.items())]


def target_of(request: Request, url: str = "Url", method: str = "Method") -> Target:
    """The TwiML that a request names: an absolute URL, or with `Url` a document in `Twiml`."""
    twiml = request.fields.get("Twiml", "") if url == "Url" else ""
    if twiml and url not in request.fields:
        if len(twiml) > LONGEST_TWIML:
            raise RefusedRequest(400, 21620, f"Twiml must not be longer than {LONGEST_TWIML} characters.")
        return Target(twiml=twiml)
    return Target(checked(request.fields.get(url, ""), url), method_of(request, method))


def checked(url: str, name: str) -> str:
    """An absolute URL."""
    if not url:
        raise RefusedRequest(400, 21205, f"{name} parameter is required.")
    if urlsplit(url).scheme not in ("http", "https"):
        raise RefusedRequest(400, 21205, f"{name} is not a valid URL: {url}")
    return url


def method_of(request: Request, name: str) -> str:
    """GET or POST, as a parameter says; POST without it."""
    method = request.fields.get(name, "POST").upper()
    if method not in METHODS:
        raise RefusedRequest(400, 21403, f"{name} must be GET or POST, not {method}")
    return method


def callback_of(request: Request, name: str = "StatusCallback", default: str = "completed") -> Callback:
    """A callback: its URL, method and events, each in a parameter of that name. Events may be one or several."""
    url = request.fields.get(name, "")
    events = " ".join(request.every(f"{name}Event")) or default
    return Callback(checked(url, name) if url else "", method_of(request, f"{name}Method"), frozenset(events.split()))


def flag(request: Request, name: str, *, default: bool = False) -> bool:
    """A parameter that is true or false."""
    text = request.fields.get(name, str(default)).lower()
    if text not in ("true", "false"):
        raise RefusedRequest(400, 20001, f"{name} must be true or false, not {text}")
    return text == "true"


def in_span(at: float | None, request: Request, name: str) -> bool:
    """Whether a time is on the day `name`, and in the span from `name>` to `name<`, as far as they are asked for."""
    asked = {sign: request.fields.get(name + sign) for sign in ("", "<", ">")}
    if not any(asked.values()):
        return True
    if at is None:
        return False
    when = datetime.fromtimestamp(at, UTC)
    day, until, since = (_moment(value, name) for value in asked.values())
    on_day = day is None or when.date() == day.date()
    return on_day and (until is None or when <= until) and (since is None or when >= since)


def _moment(text: str | None, name: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text) if text else None
    except ValueError:
        raise RefusedRequest(400, 20001, f"{name} must be an ISO 8601 date or time, not {text}") from None
    return moment.replace(tzinfo=moment.tzinfo or UTC) if moment else None


def whole(request: Request, name: str, default: int) -> int:
    """A parameter that is a whole number."""
    text = request.fields.get(name, "")
    if text and not (text.isascii() and text.isdecimal()):
        raise RefusedRequest(400, 20001, f"{name} must be a whole number, not {text}")
    return int(text) if text else default
