"""Queues over REST, and who waits in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from . import shapes
from .calls import Call, Queue, Redirected
from .http import Reply, Request
from .resources import SID, Resources, Route, not_found, target_of

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
            ("GET", f"Queues/{SID}/Members", self._members),
            ("GET", f"Queues/{SID}/Members/{WHO}", self._member),
            ("POST", f"Queues/{SID}/Members/{WHO}", self._dequeue),
        )

    def _list(self, request: Request) -> Reply:
        queues = [shapes.queue(queue, self.account) for queue in self.exchange.queues.values()]
        return self.page("queues", queues, request)

    def _create(self, request: Request) -> Reply:
        queue = self.exchange.queue(request.fields.get("FriendlyName", ""))
        return Reply(201, self._sized(queue, request))

    def _fetch(self, _: Request, sid: str) -> Reply:
        return Reply(200, shapes.queue(self._queue_of(sid), self.account))

    def _update(self, request: Request, sid: str) -> Reply:
        return Reply(200, self._sized(self._queue_of(sid), request))

    def _sized(self, queue: Queue, request: Request) -> shapes.Json:
        if (size := request.fields.get("MaxSize", "")).isdecimal():
            queue.max_size = int(size)
        return shapes.queue(queue, self.account)

    def _members(self, request: Request, sid: str) -> Reply:
        queue = self._queue_of(sid)
        return self.page("queue_members", [shapes.member(c, queue, self.account) for c in queue.waiting], request)

    def _member(self, _: Request, queue_sid: str, who: str) -> Reply:
        queue = self._queue_of(queue_sid)
        return Reply(200, shapes.member(_waiting(queue, who), queue, self.account))

    def _dequeue(self, request: Request, queue_sid: str, who: str) -> Reply:
        queue = self._queue_of(queue_sid)
        call = _waiting(queue, who)
        call.interrupt(Redirected(target_of(request)))
        return Reply(200, shapes.member(call, queue, self.account))

    def _queue_of(self, sid: str) -> Queue:
        queue = next((each for each in self.exchange.queues.values() if each.sid == sid), None)
        if queue is None:
            raise not_found(f"Queue {sid}")
        return queue


def _waiting(queue: Queue, who: str) -> Call:
    """A caller in line, by CallSid or `Front`; one who is already on the way out is not in line any more."""
    for call in queue.waiting:
        if call.pending is None and who in ("Front", call.sid):
            return call
    raise not_found(f"Member {who} of queue {queue.sid}")
