"""As much of an HTTP server as Twilio's REST API needs: keep-alive, forms, one write an answer."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import Callable, Mapping
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
    fields: Mapping[str, str]
    headers: Mapping[str, str]

    @property
    def login(self) -> tuple[str, str]:
        """User and password of Basic auth; both empty without."""
        scheme, _, encoded = self.headers.get("authorization", "").partition(" ")
        try:
            user, _, password = base64.b64decode(encoded).decode().partition(":")
        except ValueError:
            return "", ""
        return (user, password) if scheme == "Basic" else ("", "")


@dataclass(frozen=True, slots=True)
class Reply:
    """A status and what is said, as JSON."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


async def serve(handle: Callable[[Request], Reply], host: str, port: int) -> asyncio.Server:
    """Answer requests until the server is closed."""

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (request := await _read(reader)) is not None:
                writer.write(_written(_answer(handle, request)))
                await writer.drain()
        except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # a client that went away, or does not speak HTTP
        finally:
            writer.close()

    return await asyncio.start_server(connection, host, port)


def _answer(handle: Callable[[Request], Reply], request: Request) -> Reply:
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
    if length > LARGEST_BODY:
        raise ValueError
    body = (await reader.readexactly(length)).decode() if length else ""
    parts = urlsplit(target)
    fields = dict(parse_qsl(parts.query, keep_blank_values=True) + parse_qsl(body, keep_blank_values=True))
    return Request(method, unquote(parts.path), fields, headers)


def _written(reply: Reply) -> bytes:
    body = b"" if reply.body is None else json.dumps(reply.body).encode()
    headers = {"Content-Type": "application/json", "Content-Length": str(len(body)), **reply.headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}\r\n{head}\r\n".encode() + body
