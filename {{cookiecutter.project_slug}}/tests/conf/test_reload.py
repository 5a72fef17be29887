"""Another configuration while the process runs: whole or not at all, and one for the whole of an operation."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.http import HttpRequest, HttpResponse

from django_twilio_call.conf import get_cache_timeout, get_config, get_reading, pin, reload, unpin
from django_twilio_call.conf.reload import APPLIED, REFUSED, UNCHANGED, Watch
from django_twilio_call.operations import OperationMiddleware

from .deploys import CANARY, Mounted

RING, IVR = "DJANGO_TWILIO_RING_TIMEOUT", "DJANGO_TWILIO_CACHE_TIMEOUT_IVR"


def test_a_swap_of_the_mounted_folder_reaches_the_next_operation(mounted: Mounted) -> None:
    mounted.hold(**{RING: "21", IVR: "5m\n"})
    reload.tick()

    assert get_config().ring_timeout == 21
    assert get_cache_timeout("ivr") == 300
    assert get_reading().origin(RING) == f"{mounted.folder}/{RING}"


def test_what_is_taken_out_of_the_folder_is_the_default_again(mounted: Mounted) -> None:
    mounted.hold(**{RING: "21"})
    reload.tick()
    mounted.hold()
    reload.tick()

    assert get_config().ring_timeout == 30
    assert get_reading().origin(RING) == "default"


def test_a_bad_set_is_refused_whole_with_an_alert(mounted: Mounted, caplog: pytest.LogCaptureFixture) -> None:
    mounted.hold(**{RING: "21"})
    reload.tick()
    before = get_config()

    mounted.hold(**{RING: "22", IVR: "soon"})
    reload.tick()

    assert get_config() is before
    assert reload.counts == {APPLIED: 1, REFUSED: 1}
    (alert,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert f"{IVR} is 'soon': must be a time" in alert.getMessage()
    assert f"{mounted.folder}/{IVR}" in alert.getMessage()


def test_values_that_do_not_go_together_are_refused_too(mounted: Mounted) -> None:
    mounted.hold(DJANGO_TWILIO_RETRY_DATABASE_MAX_DELAY="0")

    assert reload.reload().result == REFUSED


def test_a_refused_set_is_not_tried_again_at_every_request(mounted: Mounted) -> None:
    mounted.hold(**{RING: "soon"})
    for _ in range(5):
        reload.tick()

    assert reload.counts == {REFUSED: 1}


def test_what_opens_connections_waits_for_a_restart_and_is_named(
    mounted: Mounted, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = get_config().redis_url
    monkeypatch.delenv("REDIS_URL", raising=False)
    mounted.hold(**{RING: "21", "REDIS_URL": f"redis://:{CANARY}@elsewhere"})

    outcome = reload.reload()

    assert (outcome.changed, outcome.pending) == ((RING,), ("REDIS_URL",))
    assert (get_config().ring_timeout, get_config().redis_url) == (21, before)
    assert "only a restart brings it: REDIS_URL" in caplog.text
    assert CANARY not in caplog.text


def test_a_key_in_two_places_is_refused(mounted: Mounted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RING, "20")
    mounted.hold(**{RING: "20"})

    (problem,) = reload.reload().problems
    assert (
        problem == f"{RING}: stands in two places; let it stand in one (from environment, and {mounted.folder}/{RING})"
    )


def test_nothing_new_is_nothing_done(mounted: Mounted) -> None:
    before = get_config()

    assert reload.reload().result == UNCHANGED
    assert get_config() is before


def test_a_folder_that_vanished_leaves_all_as_it_was(mounted: Mounted) -> None:
    mounted.hold(**{RING: "21"})
    reload.tick()
    mounted.folder.rename(mounted.folder.with_name("gone"))
    reload.tick()

    assert reload.state.last is not None
    assert "cannot be read: FileNotFoundError" in reload.state.last.problems[0]
    assert get_config().ring_timeout == 21


def test_an_operation_keeps_what_it_began_with(mounted: Mounted) -> None:
    token = pin()
    mounted.hold(**{RING: "21"})
    reload.tick()

    assert get_config().ring_timeout == 30
    unpin(token)
    assert get_config().ring_timeout == 21


def test_a_folder_is_looked_at_once_in_a_while(tmp_path: Path) -> None:
    now = [0.0]
    watch = Watch(str(tmp_path), every=1, clock=lambda: now[0])
    (tmp_path / RING).write_text("21")

    assert not watch.changed()
    now[0] = 1
    assert watch.changed()
    assert not watch.changed()


def test_a_file_written_in_place_is_a_change_where_nothing_is_swapped(tmp_path: Path) -> None:
    (tmp_path / RING).write_text("21")
    watch = Watch(str(tmp_path), every=0)
    (tmp_path / RING).write_text("121")

    assert watch.changed()


def test_a_folder_that_is_swapped_while_it_is_read_is_read_again(mounted: Mounted) -> None:
    mounted.hold(**version(0))
    stop = threading.Event()

    def swap() -> None:
        for number in itertools.count(20):
            if stop.wait(0.0005):
                return
            mounted.hold(**version(number))

    thread = threading.Thread(target=swap)
    thread.start()
    for _ in range(200):
        reload.reload()
        assert len({get_cache_timeout(service) for service in FIVE}) == 1
    stop.set()
    thread.join()


FIVE = ("agent", "call", "queue", "ivr", "routing")
REQUESTS, CHANGES, BAD = 10_000, 20, {3, 7, 11, 13, 19}


def version(number: int) -> dict[str, str]:
    """Five values that say which version they are of; of a bad version, one cannot be read."""
    values = {f"DJANGO_TWILIO_CACHE_TIMEOUT_{service.upper()}": str(1000 + number) for service in FIVE}
    return values | ({"DJANGO_TWILIO_CACHE_TIMEOUT_IVR": "soon"} if number in BAD else {})


class Handler:
    """A view that asks for five related values a hundred times, on both sides of a wait. Some change them meanwhile."""

    def __init__(self, mount: Mounted) -> None:
        self.served, self.seen, self.mount = itertools.count(1), set[int](), mount
        self.one_at_a_time = threading.Lock()

    def __call__(self, request: HttpRequest) -> HttpResponse:
        values = {get_cache_timeout(service) for _ in range(50) for service in FIVE}
        self.wait(next(self.served))
        values |= {get_cache_timeout(service) for _ in range(50) for service in FIVE}
        (seen,) = values  # of one version, or this request fails
        self.seen.add(seen)
        return HttpResponse()

    def wait(self, request: int) -> None:
        number, rest = divmod(request, REQUESTS // (CHANGES + 1))
        if rest or number > CHANGES:
            return time.sleep(0.001)
        with self.one_at_a_time:
            reloads, deadline = sum(reload.counts.values()), time.monotonic() + 5
            self.mount.hold(**version(number))
            while sum(reload.counts.values()) == reloads and time.monotonic() < deadline:
                time.sleep(0.001)  # the others go on, and one of them reloads; or have they all had their turn?
                reload.tick()
        return None


def test_ten_thousand_requests_see_one_version_each_while_it_changes_twenty_times(mounted: Mounted) -> None:
    mounted.hold(**version(0))
    reload.tick()
    handler = Handler(mounted)
    middleware = OperationMiddleware(handler)
    with ThreadPoolExecutor(16) as pool:
        statuses = Counter(pool.map(lambda _: middleware(HttpRequest()).status_code, range(REQUESTS)))

    assert statuses == {200: REQUESTS}
    assert reload.counts == {APPLIED: 1 + CHANGES - len(BAD), REFUSED: len(BAD)}
    assert handler.seen <= {1000 + number for number in range(CHANGES + 1) if number not in BAD}
    assert get_cache_timeout("ivr") == 1000 + CHANGES
