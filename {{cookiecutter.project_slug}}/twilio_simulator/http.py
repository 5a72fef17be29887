"""As much of an HTTP server as Twilio's REST API needs: keep-alive, forms, one write an answer."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

logger = logging.getLogger(__name__)

LARGEST_BODY: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Request:
    """One request, its query and form as one."""

    method: str
    path: str
    pairs: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]

    @property
    def fields(self) -> dict[str, str]:
        """Query and form; of a repeated name the last value."""
        return dict(self.pairs)

    def every(self, name: str) -> list[str]:
        """All values of a repeated name."""
        return [value for key, value in self.pairs if key == name]

    @property
    def login(self) -> tuple[str, str]:
        """User and password of Basic auth; both empty without."""
        scheme, _, encoded = self.headers.get("authorization", "").partition(" ")
        try:
            user, _, password = base64.b64decode(encoded).decode().partition(":")
        except ValueError:
            return "", ""
        return (user, password) if scheme.lower() == "basic" else ("", "")


@dataclass(frozen=True, slots=True)
class Reply:
    """A status and what is said, as JSON; bytes are sent as they are, with a Content-Type among the headers."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    """Seconds until it is said; a fault."""
    cut: bool = False
    """The connection ends instead; a fault."""


Handle = Callable[[Request], Reply]


@asynccontextmanager
async def serving(handle: Handle, host: str, port: int) -> AsyncIterator[int]:
    """Answer requests meanwhile, on the port that this gives: port 0 stands for a free one."""
    connections: set[asyncio.Task[None]] = set()
    under_way: set[object] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(_converse(handle, under_way, reader, writer))
        connections.add(task)
        task.add_done_callback(connections.discard)

    server = await asyncio.start_server(connected, host, port)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


@contextmanager
def _one_of(under_way: set[object]) -> Iterator[int]:
    """Meanwhile there is one more; gives how many there are."""
    one = object()
    under_way.add(one)
    try:
        yield len(under_way)
    finally:
        under_way.discard(one)


async def _converse(
    handle: Handle, under_way: set[object], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """All requests of one connection."""
    try:
        while (request := await _read(reader)) is not None:
            with _one_of(under_way) as concurrent:
                reply = _answer(handle, request)
                await asyncio.sleep(reply.delay)
            if reply.cut:
                break
            writer.write(_written(reply, concurrent))
            await writer.drain()
            if request.headers.get("connection", "").lower() == "close":
                break
    except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        pass  # a client that went away, or does not speak HTTP
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


def _answer(handle: Handle, request: Request) -> Reply:
    try:
        return handle(request)
    except Exception:  # the edge: one bad request must not end the simulator
        logger.exception("%s %s failed", request.method, request.path)
        return Reply(500, {"message": "the simulator failed; its log says why"})


async def _read(reader: asyncio.StreamReader) -> Request | None:
    head = await reader.readuntil(b"\r\n\r\n") if not reader.at_eof() else b""
    if not head:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    length = int(headers.get("content-length", "0"))
    if length > LARGEST_BODY or "transfer-encoding" in headers:
        raise ValueError
    body = (await reader.readexactly(length)).decode() if length else ""
    parts = urlsplit(target)
    pairs = parse_qsl(parts.query, keep_blank_values=True) + parse_qsl(body, keep_blank_values=True)
    return Request(method, unquote(parts.path), tuple(pairs), headers)


def _written(reply: Reply, concurrent: int) -> bytes:
    body = b"" if reply.body is None else reply.body
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    said = {"Content-Length": str(len(body)), "Twilio-Concurrent-Requests": str(concurrent)}
    headers = {"Content-Type": "application/json", **said, **reply.headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}\r\n{head}\r\n".encode() + body
