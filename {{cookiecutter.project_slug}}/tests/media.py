"""Twilio's recordings over HTTP on loopback: sound with and without parts, pause and deletion, behind a password."""

from __future__ import annotations

import base64
import io
import re
import threading
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def wav(seconds: float = 2) -> bytes:
    """A tone, as Twilio's recordings are."""
    out = io.BytesIO()
    with wave.open(out, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(b"\x00\x10\x00\xf0" * int(4000 * seconds))
    return out.getvalue()


@dataclass
class Recordings:
    """What is kept, and what was asked: (method, sid, Range or form). `parts`: whether Range is honoured."""

    url: str = ""
    kept: dict[str, bytes] = field(default_factory=dict)
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    parts: bool = True
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    user: str = ""


@contextmanager
def serve() -> Iterator[Recordings]:
    """Recordings that are there until the end."""
    there = Recordings()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def do_DELETE(self) -> None:
            self._answer()

        def _answer(self) -> None:
            form = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            there.user = base64.b64decode(self.headers["Authorization"].removeprefix("Basic ")).decode()
            sid = re.search(r"(RE|TR)[0-9a-f]{32}", self.path)[0]  # type: ignore[index]
            wanted = self.headers.get("Range", "")
            there.asked.append((self.command, sid, wanted or form))
            if there.status or sid not in there.kept:
                self._send(there.status or 404)
            elif self.command == "DELETE":
                del there.kept[sid]
                self._send(204)
            elif self.command == "POST":
                self._send(200, b"{}")
            else:
                self._sound(there.kept[sid], wanted)

        def _sound(self, whole: bytes, wanted: str) -> None:
            found = re.fullmatch(r"bytes=(\d+)-(\d*)", wanted)
            if found is None or not there.parts:
                self._send(200, whole)
                return
            first, last = int(found[1]), min(int(found[2] or len(whole)), len(whole) - 1)
            if first > last:
                self._send(416)
                return
            self._send(206, whole[first : last + 1], f"bytes {first}-{last}/{len(whole)}")

        def _send(self, status: int, body: bytes = b"", part: str = "") -> None:
            self.send_response(status)
            for name, value in {**there.headers, **({"Content-Range": part} if part else {})}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Be quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        there.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield there
        server.shutdown()
        thread.join()
