"""What each worker does first, done once before the fork, as far as that goes with nobody there.

A page of memory that a worker writes to is its own from then on. Python writes into code that runs for the first few
times, and libraries into what they keep: done here, the workers share it, and are sooner there.
"""

from __future__ import annotations

import codecs
import contextlib
import functools
import gc
import random
import socket
from collections.abc import Iterator
from typing import Any, Final

import redis.utils
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections
from django.utils.module_loading import import_string
from kombu.exceptions import OperationalError

from django_twilio_call.conf import get_config

from .celery import app as celery

ROUNDS: Final = 3
"""After so many runs Python has written most of what it writes into code."""
ASKED_BY_NAME: Final = ("redis", "amqp")
"""Beginnings of the brokers' addresses that are looked up first. A folder or a memory would take the message."""


def rehearse() -> None:
    """Go the way of a worker's first row and first message up to where a socket would be opened, and no farther."""
    random.Random("")  # gunicorn seeds with text first of all in a worker, and that loads SHA-2
    for encoding in ("idna", "unicode_escape"):
        codecs.lookup(encoding)  # a host's, to look it up, and that of Django's log of what it refused
    # Asked for by each connection that is made, and parsed anew from the package's metadata: a megabyte, a millisecond.
    redis.utils.get_lib_version = functools.cache(redis.utils.get_lib_version)
    for path in (settings.MESSAGE_STORAGE, settings.SESSION_SERIALIZER):
        import_string(path)  # the first request's
    gc.disable()  # what is young stays so
    try:
        for _ in range(ROUNDS):
            _row()
            _message()
        gc.collect(0)  # a message that was not sent leaves an epoll, and workers are not to share it
    finally:
        gc.enable()
    _ = celery.pool, celery.producer_pool  # places for connections; there is none in them


def _row() -> None:
    from django_twilio_call import operations  # not before Django has its models

    if not connections.settings[DEFAULT_DB_ALIAS]["ENGINE"].endswith("postgresql"):
        return
    before = connections[DEFAULT_DB_ALIAS]
    connections[DEFAULT_DB_ALIAS] = refusing = connections.create_connection(DEFAULT_DB_ALIAS)
    # PostgreSQL's client reads its options before it does anything, and refuses.
    refusing.settings_dict = {**before.settings_dict, "OPTIONS": {"sslmode": "rehearsal"}}
    try:
        with contextlib.suppress(DatabaseError):
            operations.rehearse()
    finally:
        connections[DEFAULT_DB_ALIAS] = before


def _message() -> None:
    from django_twilio_call import tasks

    if not get_config().celery_broker_url.startswith(ASKED_BY_NAME):
        return
    with _no_addresses(), celery.connection_for_write() as connection, contextlib.suppress(OperationalError):
        # The stubs do not know that parameter.
        tasks.work.apply_async(connection=connection, retry=False, ignore_result=True)  # type: ignore[call-arg]


@contextlib.contextmanager
def _no_addresses() -> Iterator[None]:
    """A block in which no host has an address."""
    found, socket.getaddrinfo = socket.getaddrinfo, _unknown
    try:
        yield
    finally:
        socket.getaddrinfo = found


def _unknown(*_: Any, **__: Any) -> Any:
    raise socket.gaierror("nobody is asked before the fork")
