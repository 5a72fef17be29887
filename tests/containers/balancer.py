"""What a Kubernetes Service is to its pods: one address, and connections go to whoever takes them."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from itertools import count

IP_FREEBIND = 15  # Linux's; Python's socket has no name for it


class Balancer:
    """Connections to `port` go to one of `targets` in turn, past those that refuse them; the list may change."""

    def __init__(self, address: str = "127.0.0.1") -> None:
        self.targets: list[int] = []
        self._listener = socket.socket()
        # An address may come up later, with the first container of a network.
        self._listener.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
        self._listener.bind((address, 0))
        self._listener.listen(256)
        self.port = int(self._listener.getsockname()[1])
        self._turn = count()

    @classmethod
    @contextlib.contextmanager
    def listening(cls, address: str = "127.0.0.1") -> Iterator[Balancer]:
        """Take connections until the block ends."""
        balancer = cls(address)
        threading.Thread(target=balancer._serve, daemon=True).start()
        try:
            yield balancer
        finally:
            balancer._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return  # closed: the block has ended
            threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        turn, targets = next(self._turn), tuple(self.targets)
        for offset in range(len(targets)):
            with contextlib.suppress(OSError):
                server = socket.create_connection(("127.0.0.1", targets[(turn + offset) % len(targets)]), timeout=2)
                server.settimeout(None)
                threading.Thread(target=_pipe, args=(server, client), daemon=True).start()
                _pipe(client, server)
                return
        client.close()


def _pipe(source: socket.socket, sink: socket.socket) -> None:
    """All that comes, until the end; then both are closed, as one who reads only would be waited for in vain."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    for end in (source, sink):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()
