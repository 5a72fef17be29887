"""Waiting in a queue, and every way out of it."""

from __future__ import annotations

import pytest

from twilio_simulator.calls import Call, Redirected, Target

from .stage import App, Said, Stage

ENQUEUE = '<Enqueue action="/left?entry=7" waitUrl="/wait?entry=7">support</Enqueue><Redirect>/next</Redirect>'


@pytest.fixture
def caller(app: App, stage: Stage) -> Call:
    """Somebody who waits, and hears a pause."""
    app.says("/voice", ENQUEUE)
    app.says("/wait", '<Pause length="10"/>')
    call = stage.dial()
    stage.reaches(call, "queue")
    app.wait_for("/wait")
    return call


def result(app: App) -> dict[str, str]:
    """What the action was told."""
    return app.wait_for("/left").params


def test_the_wait_url_is_told_of_the_line(app: App, stage: Stage, caller: Call) -> None:
    app.says("/wait", '<Pause length="1000"/>')
    second = stage.dial()
    stage.reaches(second, "queue")
    stage.until(stage.exchange.webhooks.settled())

    (told,) = [each.params for each in app.to("/wait") if each.params["CallSid"] == second.sid]
    assert told["QueuePosition"] == told["CurrentQueueSize"] == "2"
    assert (told["QueueTime"], told["AvgQueueTime"], told["MaxQueueSize"]) == ("0", "0", "1000")
    assert (told["QueueSid"], told["entry"]) == (stage.exchange.queues["support"].sid, "7")


def test_the_wait_url_is_asked_again_whenever_it_ends(app: App, stage: Stage, caller: Call) -> None:
    app.wait_for("/wait", 3)

    assert caller.stage == "queue"


def test_hanging_up_is_told_to_the_action_and_then_to_the_status_callback(app: App, stage: Stage, caller: Call) -> None:
    stage.hang_up(caller)
    stage.drained()

    told = result(app)
    assert (told["QueueResult"], told["CallStatus"], told["entry"]) == ("hangup", "completed", "7")
    assert [each.path for each in app.asked if each.path != "/wait"] == ["/voice", "/left", "/status"]
    assert stage.exchange.queues["support"].waiting == {}


def test_being_fetched_is_told_to_the_action_and_goes_on_elsewhere(app: App, stage: Stage, caller: Call) -> None:
    stage.do(lambda: caller.interrupt(Redirected(Target(f"{app.url}/connect", "POST"))))
    stage.ended(caller)

    assert result(app)["QueueResult"] == "redirected"
    assert app.to("/connect")
    assert app.to("/next") == []


def test_leaving_goes_on_with_the_action(app: App, stage: Stage, caller: Call) -> None:
    app.says("/wait", "<Leave/>")
    app.says("/left", "<Say>Sorry</Say>")
    stage.ended(caller)

    assert result(app)["QueueResult"] == "leave"
    assert caller.hears == "Sorry"


def test_leaving_without_an_action_goes_on_with_the_next_verb(app: App, stage: Stage) -> None:
    app.says("/voice", '<Enqueue waitUrl="/wait">support</Enqueue><Redirect>/next</Redirect>')
    app.says("/wait", "<Leave/>")

    assert stage.live_through()["left_queue"] == ["leave"]
    assert app.to("/next")


def test_a_waiting_caller_may_press_a_key_and_leave(app: App, stage: Stage) -> None:
    app.says("/voice", ENQUEUE)
    app.says("/wait", '<Gather action="/pressed" numDigits="1"/>')
    app.says("/pressed", "<Leave/>")
    call = stage.dial()
    stage.reaches(call, "queue menu")
    stage.press(call, "1")

    assert result(app)["QueueResult"] == "leave"


def test_who_presses_no_key_waits_on(app: App, stage: Stage, caller: Call) -> None:
    app.says("/wait", '<Gather timeout="0.05"/>', '<Pause length="100"/>')
    stage.reaches(caller, "queue menu")
    stage.reaches(caller, "queue")

    assert app.to("/left") == []


def test_a_hangup_while_waiting_ends_the_call(app: App, stage: Stage, caller: Call) -> None:
    app.says("/wait", "<Hangup/>")

    assert stage.ended(caller)["ended_by"] == "app"
    assert result(app)["QueueResult"] == "hangup"


def test_a_full_queue_takes_nobody(app: App, stage: Stage, caller: Call) -> None:
    stage.exchange.queues["support"].max_size = 1
    journal = stage.ended(stage.dial())

    assert result(app)["QueueResult"] == "queue-full"
    assert journal["warnings"] == ["14207: queue support is full"]
    assert caller.stage == "queue"


def test_a_wait_url_that_breaks_ends_the_wait(app: App, stage: Stage, caller: Call) -> None:
    app.says("/wait", Said(status=500))
    journal = stage.ended(caller)

    assert result(app)["QueueResult"] == "error"
    assert journal["warnings"] == [f"11200: waitUrl {app.url}/wait?entry=7"]
    assert journal["error"] == ""


def test_without_a_wait_url_there_is_silence(app: App, stage: Stage) -> None:
    app.says("/voice", '<Enqueue action="/left">support</Enqueue>')
    call = stage.dial()
    stage.reaches(call, "queue")
    stage.hang_up(call)
    stage.ended(call)

    assert [each.path for each in app.asked][:2] == ["/voice", "/left"]
