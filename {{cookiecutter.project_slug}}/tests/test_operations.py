"""Requests and tasks are operations, and processes say which configuration they run with."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from celery import shared_task
from celery.signals import task_postrun, task_prerun
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_twilio_call import operations, steps
from django_twilio_call.cache import counters
from django_twilio_call.conf import get_config, live, reload
from django_twilio_call.conf.fingerprint import digests
from django_twilio_call.models import RunningProcess

from .conf.conftest import mounted  # noqa: F401  # a fixture
from .conf.deploys import CANARY, Mounted

RING = "DJANGO_TWILIO_RING_TIMEOUT"


@shared_task
def see_a_change(mount: Mounted) -> tuple[int, int]:
    """A task during which the configuration changes."""
    before = get_config().ring_timeout
    mount.hold(**{RING: "22"})
    reload.tick()
    return before, get_config().ring_timeout


@pytest.fixture
def begun(db: None) -> Iterator[None]:
    """This process takes operations; its handler of SIGHUP is put back afterwards."""
    before = signal.getsignal(signal.SIGHUP)
    operations.begin("web")
    yield
    operations.end()
    signal.signal(signal.SIGHUP, before)
    reload.state.last = None
    reload.counts.clear()
    live.forget()


def test_a_task_sees_one_configuration_and_the_next_one_the_new(mounted: Mounted) -> None:  # noqa: F811
    mounted.hold(**{RING: "21"})

    assert see_a_change.apply(args=(mounted,)).get() == (21, 21)
    assert see_a_change.apply(args=(mounted,)).get() == (22, 22)


def test_celery_tells_the_operations_of_each_task() -> None:
    for told, receiver in ((task_prerun, operations.begin_task), (task_postrun, operations.end_task)):
        assert receiver in [reference() for _, reference in told.receivers]


def test_a_process_that_begins_is_in_the_list(begun: None) -> None:
    process = RunningProcess.objects.get()

    assert (process.role, process.host, process.pid) == ("web", socket.gethostname(), os.getpid())
    assert process.stage == "testing"
    assert process.digests.keys() == digests(get_config()).keys()


def test_it_tells_what_its_cache_did(begun: None) -> None:
    counters.of("ivr").hits += 2
    operations.end()

    operations.begin("web")

    assert RunningProcess.objects.get().figures["cache"]["ivr"]["hits"] >= 2


def test_a_worker_tells_which_of_its_steps_failed(begun: None) -> None:
    steps.counts["route"] += 1
    operations.end()

    operations.begin("worker")

    assert RunningProcess.objects.get().figures["failures"]["route"] >= 1


def test_it_says_so_once_a_minute_and_at_once_after_a_reload(begun: None) -> None:
    with CaptureQueriesContext(connection) as none:
        operations.publish()
    assert len(none) == 0

    reload.reload()
    operations.publish()
    assert RunningProcess.objects.count() == 1


def test_it_leaves_the_list_when_it_ends(begun: None) -> None:
    operations.end()
    operations.publish()

    assert not RunningProcess.objects.exists()


def test_what_was_not_heard_of_for_long_is_forgotten(begun: None) -> None:
    now = timezone.now()
    RunningProcess.objects.create(host="old", pid=1, digests={}, started_at=now, seen_at=now - timedelta(minutes=4))
    gone = {"host": "older", "pid": 1, "digests": {}, "started_at": now, "seen_at": now - timedelta(hours=2)}
    RunningProcess.objects.create(**gone)

    assert [process.host for process in RunningProcess.objects.alive(now)] == [socket.gethostname()]
    reload.reload()
    operations.publish()
    assert sorted(RunningProcess.objects.values_list("host", flat=True)) == sorted(["old", socket.gethostname()])


def test_nothing_secret_is_published(begun: None, monkeypatch: pytest.MonkeyPatch) -> None:
    row = str(RunningProcess.objects.values().get())

    assert get_config().secret_key not in row
    assert get_config().twilio_auth_token not in row
    assert CANARY not in row


def test_a_hang_up_reloads_without_ending_the_process(begun: None, mounted: Mounted) -> None:  # noqa: F811
    mounted.hold(**{RING: "23"})
    os.kill(os.getpid(), signal.SIGHUP)

    deadline = time.monotonic() + 5
    while get_config().ring_timeout != 23 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert get_config().ring_timeout == 23


def test_without_the_database_a_process_goes_on(begun: None, caplog: pytest.LogCaptureFixture) -> None:
    def refuse(*_: object) -> None:
        raise OperationalError(CANARY)

    caplog.set_level("INFO", logger="django_twilio_call")
    reload.reload()
    with connection.execute_wrapper(refuse):
        operations.publish()

    assert "was not published: OperationalError" in caplog.text
    assert CANARY not in caplog.text
