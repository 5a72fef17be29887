"""Requests and tasks as operations: each sees one configuration, and the processes they run in say which.

`begin` is called once by every web worker, Celery worker and beat (config/gunicorn.conf.py, config/celery.py); what is
not such a process neither reloads nor publishes anything.
"""

from __future__ import annotations

import logging
import os
import re
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextvars import Token
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone
from structlog.contextvars import bind_contextvars

from . import steps, transport
from .cache import counters
from .conf import Config, get_reading, pin, reload, unpin
from .conf.fingerprint import digests, fingerprint
from .conf.reader import Reading
from .models import RunningProcess
from .visitors import is_webhook

logger = logging.getLogger(__name__)

CALL_SID: Final = re.compile(r"CA[0-9a-f]{32}")
PUBLISH_SECONDS: Final = 60
"""How often a process says that it still runs, and with what."""


class OperationMiddleware:
    """A request sees one configuration from its beginning to its end, and the newest there is at its beginning."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer it."""
        reload.tick()
        token = pin()
        try:
            return self.get_response(request)
        finally:
            unpin(token)


def name_the_call(request: HttpRequest, **_: Any) -> None:
    """Receiver of structlog's `bind_extra_request_metadata`: whatever a webhook logs says of which call."""
    if is_webhook(request):
        sid = request.POST.get("CallSid") or request.GET.get("CallSid", "")
        if CALL_SID.fullmatch(sid):
            bind_contextvars(call_sid=sid)


_tokens: Final[dict[str, Token[Config | None]]] = {}


def begin_task(task_id: str, **_: Any) -> None:
    """Receiver of Celery's `task_prerun`."""
    reload.tick()
    _tokens[task_id] = pin()


def end_task(task_id: str, **_: Any) -> None:
    """Receiver of Celery's `task_postrun`, in the thread that ran the task."""
    if (token := _tokens.pop(task_id, None)) is not None:
        unpin(token)
    publish()


def pulse(**_: Any) -> None:
    """Receiver for what has no operations of its own, as beat: look for a change, and tell."""
    reload.tick()
    publish()


class _Process:
    """What this process is, once it has begun to take operations."""

    role = ""
    started_at: datetime
    due = 0.0
    told: object = None


_lock = threading.Lock()


def begin(role: str) -> None:
    """This process takes operations from now on: watch for changes, listen to SIGHUP, say that it runs."""
    _Process.role, _Process.started_at, _Process.due = role, timezone.now(), 0.0
    if reload.watch():
        reload.reload()  # a fork has what its parent read, and that may be long ago
    signal.signal(signal.SIGHUP, _hang_up)
    publish()


def rehearse() -> None:
    """Do what is the most work in that, and say nothing of it. Raises `DatabaseError` where there is no database."""
    RunningProcess.objects.publish(_described(timezone.now()))


def end() -> None:
    """This process ends: it is not to be waited for."""
    if _Process.role:
        _Process.role = ""
        _quietly(lambda: RunningProcess.objects.filter(host=socket.gethostname(), pid=os.getpid()).delete())


def publish(**_: Any) -> None:
    """Say with what this process runs: once a minute, and at once after a reload; after an operation, never within."""
    news = reload.state.last is not _Process.told
    if not _Process.role or (time.monotonic() < _Process.due and not news) or not _lock.acquire(blocking=False):
        return
    try:
        _Process.due, _Process.told = time.monotonic() + PUBLISH_SECONDS, reload.state.last
        _quietly(lambda: RunningProcess.objects.publish(_described(_Process.started_at)))
    finally:
        _lock.release()


def _described(started_at: datetime) -> RunningProcess:
    reading, last, now = get_reading(), reload.state.last, timezone.now()
    marks = _marks(reading)
    return RunningProcess(
        host=socket.gethostname(),
        pid=os.getpid(),
        role=_Process.role,
        stage=reading.config.stage,
        fingerprint=fingerprint(marks),
        digests=marks,
        pending=list(last.pending) if last else [],
        refused=last is not None and last.result == reload.REFUSED,
        figures={"cache": counters.snapshot(), "twilio": dict(transport.counts), "failures": dict(steps.counts)},
        started_at=started_at,
        seen_at=now,
    )


@lru_cache(maxsize=1)  # told once a minute, and seldom another
def _marks(reading: Reading) -> dict[str, str]:
    return digests(reading.config)


def _quietly(write: Callable[[], object]) -> None:
    """Without the database nobody is told; the process goes on, and tells later."""
    try:
        write()
    except DatabaseError as error:
        logger.info("this process's configuration was not published: %s", type(error).__name__)


def _hang_up(*_: object) -> None:
    # Not here: a signal may come in the middle of anything, with any lock held.
    threading.Thread(target=reload.reload, name="reload", daemon=True).start()
