"""Three clocks: real, so many times as fast, and stepped by hand."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest

from twilio_simulator.account import Account
from twilio_simulator.calls import Callback, Target
from twilio_simulator.clock import Clock, SteppedClock, clock_of
from twilio_simulator.outbound import Callee

from .stage import CALLER, App, Stage

HOUR = 3600.0


@pytest.fixture
def clock() -> SteppedClock:
    """One that stands still."""
    return SteppedClock()


@pytest.fixture
def stage(account: Account, clock: SteppedClock) -> Iterator[Stage]:
    """A simulator in which time stands still, and talk takes as long as it would."""
    with Stage(account, speech=1, clock=clock).running() as stage:
        yield stage


def advance(stage: Stage, clock: SteppedClock, seconds: float) -> None:
    """Step."""
    stage.until(clock.advance(seconds))


def test_time_goes_so_many_times_as_fast() -> None:
    fast, began = Clock(HOUR), time.time()

    asyncio.run(fast.sleep(60))

    assert fast.time() >= began + 60
    assert time.time() < began + 60


def test_what_takes_too_long_is_broken_off() -> None:
    async def endless() -> None:
        await asyncio.Event().wait()

    async def enough() -> None:
        with pytest.raises(TimeoutError):
            await Clock(HOUR).within(endless(), 1)
        await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(enough())


def test_no_speed_is_a_clock_that_is_stepped() -> None:
    assert isinstance(clock_of(0), SteppedClock)
    assert clock_of(2).speed == 2


def test_nothing_happens_until_it_is_time(app: App, stage: Stage, clock: SteppedClock) -> None:
    app.says("/voice", '<Pause length="600"/><Redirect>/next</Redirect>')
    call, began = stage.dial(), clock.time()
    advance(stage, clock, 599)
    assert (app.to("/next"), call.live) == ([], True)

    advance(stage, clock, 1)

    assert [asked.path for asked in app.asked] == ["/voice", "/next", "/status"]
    assert (call.duration, call.ended) == (600, began + 600)
    assert app.to("/status")[0].params["CallDuration"] == "600"


def test_things_happen_in_their_order_and_at_their_time(app: App, stage: Stage, clock: SteppedClock) -> None:
    app.says("/voice", '<Enqueue waitUrl="/wait">support</Enqueue>')
    app.says("/wait", '<Pause length="10"/>')
    call = stage.dial()
    advance(stage, clock, 35)

    assert [asked.params["QueueTime"] for asked in app.to("/wait")] == ["0", "10", "20", "30"]
    assert stage.do(lambda: stage.exchange.queues["support"].average_wait(clock.time())) == 35
    stage.hang_up(call)
    advance(stage, clock, 0)
    assert app.to("/status")[0].params["CallDuration"] == "35"


def test_a_menu_waits_so_long_for_a_key(app: App, stage: Stage, clock: SteppedClock) -> None:
    app.says("/voice", '<Gather timeout="7" action="/chose"/><Hangup/>')
    call = stage.dial()
    advance(stage, clock, 6.9)
    assert call.live

    advance(stage, clock, 0.1)

    assert (call.duration, app.to("/chose")) == (7, [])


@pytest.mark.parametrize("limit", ['timeLimit="90"', ""])
def test_a_call_does_not_last_for_ever(app: App, stage: Stage, clock: SteppedClock, limit: str) -> None:
    app.says("/voice", f'<Dial action="/after" {limit}>+14155550111</Dial>')
    call = stage.dial()
    advance(stage, clock, 80)
    assert call.stage == "bridged"
    advance(stage, clock, 10 if limit else 4 * HOUR)

    assert not call.live
    assert app.to("/after")[0].params["DialCallDuration"] == ("90" if limit else str(int(4 * HOUR)))


def test_nobody_answers_for_a_minute_and_five_seconds(app: App, stage: Stage, clock: SteppedClock) -> None:
    stage.do(lambda: stage.exchange.callees.update({CALLER: Callee("ring")}))
    call = stage.do(
        lambda: stage.exchange.place("+15550100000", CALLER, Target(f"{app.url}/out"), Callback(f"{app.url}/told"))
    )
    advance(stage, clock, 64)
    assert call.status == "ringing"
    advance(stage, clock, 1)

    told = app.to("/told")[0].params
    assert (told["CallStatus"], told["SipResponseCode"], app.to("/out")) == ("no-answer", "487", [])
