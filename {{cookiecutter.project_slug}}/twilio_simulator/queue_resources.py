"""Queues over REST, and who waits in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from . import shapes
from .calls import Call, Queue, Redirected
from .http import Reply, Request
from .resources import SID, RefusedRequest, Resources, Route, not_found, target_of, whole

LONGEST_NAME: Final = 64
LARGEST: Final = 5000
WHO: Final = r"(Front|CA[0-9a-f]{32})"


class QueueResources(Resources):
    """`Queues` and their `Members`."""

    @property
    def routes(self) -> Sequence[Route]:
        """What is answered."""
        return (
            ("GET", "Queues", self._list),
            ("POST", "Queues", self._create),
            ("GET", f"Queues/{SID}", self._fetch),
            ("POST", f"Queues/{SID}", self._update),
            ("DELETE", f"Queues/{SID}", self._delete),
            ("GET", f"Queues/{SID}/Members", self._members),
            ("GET", f"Queues/{SID}/Members/{WHO}", self._member),
            ("POST", f"Queues/{SID}/Members/{WHO}", self._dequeue),
        )

    def _list(self, request: Request) -> Reply:
        return self.page("queues", [self._shown(queue) for queue in self.exchange.queues.values()], request)

    def _create(self, request: Request) -> Reply:
        name = self._name(request)
        size = self._size(request)
        queue = self.exchange.queue(name)
        queue.max_size = size
        return Reply(201, self._shown(queue))

    def _fetch(self, _: Request, sid: str) -> Reply:
        return Reply(200, self._shown(self._queue_of(sid)))

    def _update(self, request: Request, sid: str) -> Reply:
        queue = self._queue_of(sid)
        size = self._size(request, queue.max_size)
        if request.fields.get("FriendlyName", queue.name) != queue.name:
            name = self._name(request)
            self.exchange.queues[name] = self.exchange.queues.pop(queue.name)
            queue.name = name
        queue.max_size = size
        return Reply(200, self._shown(queue))

    def _delete(self, _: Request, sid: str) -> Reply:
        queue = self._queue_of(sid)
        if queue.waiting:
            raise RefusedRequest(400, 22001, f"Queue {sid} is not empty.")
        del self.exchange.queues[queue.name]
        return Reply(204)

    def _name(self, request: Request) -> str:
        name = request.fields.get("FriendlyName", "")
        if not 0 < len(name) <= LONGEST_NAME:
            raise RefusedRequest(400, 22004, f"FriendlyName must have 1 to {LONGEST_NAME} characters.")
        if name in self.exchange.queues:
            raise RefusedRequest(400, 22003, f"A queue named {name} already exists.")
        return name

    def _size(self, request: Request, default: int = 1000) -> int:
        if not 1 <= (size := whole(request, "MaxSize", default)) <= LARGEST:
            raise RefusedRequest(400, 20001, f"MaxSize must be 1 to {LARGEST}, not {size}")
        return size

    def _shown(self, queue: Queue) -> shapes.Json:
        return shapes.queue(queue, self.account, self.exchange.clock.time())

    def _who(self, call: Call, queue: Queue) -> shapes.Json:
        return shapes.member(call, queue, self.account, self.exchange.clock.time())

    def _members(self, request: Request, sid: str) -> Reply:
        queue = self._queue_of(sid)
        return self.page("queue_members", [self._who(call, queue) for call in queue.waiting], request)

    def _member(self, _: Request, queue_sid: str, who: str) -> Reply:
        queue = self._queue_of(queue_sid)
        return Reply(200, self._who(_waiting(queue, who), queue))

    def _dequeue(self, request: Request, queue_sid: str, who: str) -> Reply:
        queue = self._queue_of(queue_sid)
        call, target = _waiting(queue, who), target_of(request)
        call.interrupt(Redirected(target))
        return Reply(200, self._who(call, queue))

    def _queue_of(self, sid: str) -> Queue:
        queue = next((each for each in self.exchange.queues.values() if each.sid == sid), None)
        if queue is None:
            raise not_found(f"Queue {sid}")
        return queue


def _waiting(queue: Queue, who: str) -> Call:
    """A caller in line, by CallSid or `Front`; one who is already on the way out is not in line any more."""
    for call in queue.waiting:
        if call.pending is None and not queue.visits[call].taken and who in ("Front", call.sid):
            return call
    raise not_found(f"Member {who} of queue {queue.sid}")
