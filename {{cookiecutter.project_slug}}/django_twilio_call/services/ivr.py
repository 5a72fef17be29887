"""The menu: which key leads to which queue."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from ..exceptions import NotFound
from ..models import Queue
from .base import BaseService, cache_result
from .decisions import Menu, Queued, SendOn, Sorry
from .queues import QueueService

MAX_ATTEMPTS: Final = 3
"""How often the menu is read before the caller goes to the first queue: nobody is cut off for not pressing a key."""


class IVRService(BaseService):
    """One menu of the active queues that have a digit, cached as the configuration says for "ivr"."""

    service_type = "ivr"

    @cache_result(service_type="ivr", key_prefix="menu", warm=lambda: [{}])
    def options(self) -> list[tuple[str, str, str]]:
        """(digit, queue key, queue name) of every queue in the menu, by digit."""
        active = Queue.objects.filter(is_active=True).order_by("digit")
        return [(queue.digit, queue.key, queue.name) for queue in active if queue.digit]

    def menu(self, *, attempt: int) -> Menu:
        """The menu as the caller hears it."""
        return Menu(options=tuple((digit, name) for digit, _, name in self.options()), attempt=attempt)

    def choose(self, *, call_sid: str, digits: str, attempt: int, now: datetime) -> Queued | SendOn | Sorry | Menu:
        """The caller pressed `digits` (empty: nothing). Queue them, or read the menu again."""
        options = self.options()
        if not options:
            raise NotFound("no active queue has a digit: nothing can be offered in the menu")
        chosen = next((key for digit, key, _ in options if digit == digits), None)
        if chosen is None and attempt < MAX_ATTEMPTS:
            return self.menu(attempt=attempt + 1)
        return QueueService().enter(call_sid=call_sid, queue_key=chosen or options[0][1], now=now)
