"""The small HTTP server under the simulator's REST API."""

from __future__ import annotations

import asyncio
import json
import re

import pytest

from twilio_simulator.http import Reply, Request, serving

GET = b"GET /a%20b?x=1&x=2&y= HTTP/1.1\r\nHost: x\r\n\r\n"


def echo(request: Request) -> Reply:
    """What was understood of a request."""
    if request.path == "/broken":
        raise RuntimeError("broken")
    return Reply(200, {"path": request.path, "fields": request.fields, "x": request.every("x"), "as": request.login})


def answered(sent: bytes) -> bytes:
    """All that comes back on a connection that ends when the server ends it, or when nothing more is sent."""

    async def asking() -> bytes:
        async with serving(echo, "127.0.0.1", 0) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(sent)
            writer.write_eof()
            answer = await reader.read()
            writer.close()
            await writer.wait_closed()
            return answer

    return asyncio.run(asking())


def said(answer: bytes) -> dict[str, object]:
    """The JSON of one answer."""
    body: dict[str, object] = json.loads(answer.partition(b"\r\n\r\n")[2])
    return body


def test_query_and_form_are_read() -> None:
    body = b"z=%C3%A9&x=3"
    post = b"POST /a%20b?x=1 HTTP/1.1\r\nContent-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body

    assert said(answered(GET)) | {"as": ""} == {
        "path": "/a b",
        "fields": {"x": "2", "y": ""},
        "x": ["1", "2"],
        "as": "",
    }
    assert said(answered(post))["fields"] == {"x": "3", "z": "é"}


def test_an_answer_says_how_many_requests_were_under_way() -> None:
    async def asking() -> tuple[bytes, bytes]:
        def slowly(_: Request) -> Reply:
            return Reply(200, delay=0.05)

        async with serving(slowly, "127.0.0.1", 0) as port:

            async def one() -> bytes:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(GET.replace(b"Host", b"Connection: close\r\nHost"))
                answer = await reader.read()
                writer.close()
                await writer.wait_closed()
                return answer

            return await asyncio.gather(one(), one())

    answers = asyncio.run(asking())

    assert sorted(re.findall(rb"Twilio-Concurrent-Requests: (\d+)", b"".join(answers))) == [b"1", b"2"]


def test_a_connection_serves_many_requests() -> None:
    assert answered(GET * 3).count(b"HTTP/1.1 200 OK") == 3


def test_a_connection_ends_when_the_client_says_so() -> None:
    last = GET.replace(b"Host: x", b"Connection: close")

    assert answered(last + GET).count(b"HTTP/1.1 200 OK") == 1


def test_a_failure_is_an_answer_too(caplog: pytest.LogCaptureFixture) -> None:
    assert answered(b"GET /broken HTTP/1.1\r\n\r\n" + GET).count(b"HTTP/1.1") == 2
    assert "GET /broken failed" in caplog.text


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
)
def test_what_is_not_understood_ends_the_connection(sent: bytes) -> None:
    assert answered(sent) == b""


@pytest.mark.parametrize(
    ("header", "login"),
    [
        ("Basic QUM6cGFzczp3b3Jk", ("AC", "pass:word")),
        ("Bearer QUM6cGFzczp3b3Jk", ("", "")),
        ("Basic %%%", ("", "")),
        ("", ("", "")),
    ],
)
def test_basic_auth_is_read(header: str, login: tuple[str, str]) -> None:
    assert Request("GET", "/", (), {"authorization": header}).login == login


def test_the_end_waits_for_nobody() -> None:
    async def idle() -> None:
        async with serving(echo, "127.0.0.1", 0) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.sleep(0.01)
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()

    asyncio.run(asyncio.wait_for(idle(), 2))
