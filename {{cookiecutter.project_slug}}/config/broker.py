"""Celery's messages in a folder, where there is no broker: Kombu's own way, without messages that are half there."""

from __future__ import annotations

import time
import uuid
from pathlib import Path
from typing import Any, Final

from kombu.transport import filesystem
from kombu.utils.json import dumps

PATIENCE: Final = {"socket_timeout": 2, "socket_connect_timeout": 2, "max_retries": 0}
"""How long a message may take. A caller waits meanwhile, and the message only wakes: Kombu would try for 6 s more."""


class Channel(filesystem.Channel):
    """Kombu writes a message under its final name, and a worker that looks in between reads nothing and ends."""

    def _put(self, queue: str, payload: Any, **kwargs: Any) -> None:  # type: ignore[override]  # Kombu names it so here
        # Kombu reads what ends in the queue's name and .msg, in the order of the names.
        name = f"{round(time.monotonic() * 1000)}_{uuid.uuid4()}"
        folder = Path(self.data_folder_out)
        unfinished = folder / f"{name}.unfinished"
        unfinished.write_text(dumps(payload))
        unfinished.rename(folder / f"{name}.{queue}.msg")


class Transport(filesystem.Transport):
    """With that channel."""

    Channel = Channel
