"""People who act by a script, and the desk they use."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from statistics import mean
from typing import Any

import pytest

from tests.servers import free_port
from twilio_simulator.actors import Agents, Desk, Habits, Script, call_in

from .stage import App, Said, Stage, as_json

HABITS = Habits()
QUEUE = '<Enqueue action="/left">support</Enqueue>'
MENU = f'<Gather action="/chose" numDigits="1"/>{QUEUE}'
ROOM = '<Dial><Conference endConferenceOnExit="true">room</Conference></Dial>'
QUICK = Script("+14155550001", "1", hangs_up_in_menu=False, thinks=0.01, patience=5, talk=0.05, agent_ends=False)


def scripts(seed: int, habits: Habits = HABITS, number: int = 200) -> list[Script]:
    return [Script.draw(seed, index, habits) for index in range(number)]


def test_the_same_seed_gives_the_same_scripts() -> None:
    assert scripts(1) == scripts(1)
    assert scripts(1) != scripts(2)


def test_a_script_does_not_depend_on_those_before_it() -> None:
    assert Script.draw(1, 100, HABITS) == scripts(1)[100]


def test_people_are_as_their_habits_say() -> None:
    drawn = scripts(3, Habits(talk=4, patience=60), 2000)

    assert mean(script.talk for script in drawn) == pytest.approx(4, rel=0.1)
    assert mean(script.patience for script in drawn) == pytest.approx(60, rel=0.1)
    assert mean(script.agent_ends for script in drawn) == pytest.approx(0.3, abs=0.05)
    assert {script.digit for script in drawn} == {"", "1", "2"}


def test_habits_can_be_certain() -> None:
    assert all(script.hangs_up_in_menu for script in scripts(1, replace(HABITS, hangs_up_in_menu=1)))
    assert not any(script.digit for script in scripts(1, replace(HABITS, presses_nothing=1)))


def lived(stage: Stage, script: Script) -> dict[str, Any]:
    """The journal of one caller with this script."""
    stage.until(call_in(stage.exchange, script))
    (call,) = [each for each in stage.exchange.calls.values() if not each.identity]
    return stage.ended(call)


def test_a_caller_presses_a_key(app: App, stage: Stage) -> None:
    app.says("/voice", MENU)
    lived(stage, replace(QUICK, digit="2"))

    assert app.to("/chose")[0].params["Digits"] == "2"


def test_a_caller_speaks_where_a_menu_listens(app: App, stage: Stage) -> None:
    app.says("/voice", f'<Gather action="/chose" input="speech"/>{QUEUE}')
    lived(stage, replace(QUICK, says="sales"))

    assert app.to("/chose")[0].params["SpeechResult"] == "sales"


def test_callers_say_one_of_the_words_there_are() -> None:
    assert {script.says for script in scripts(1, Habits(says=("sales", "support")))} == {"sales", "support"}
    assert {script.says for script in scripts(1)} == {""}


def test_a_caller_may_hang_up_in_the_menu(app: App, stage: Stage) -> None:
    app.says("/voice", MENU)

    assert lived(stage, replace(QUICK, hangs_up_in_menu=True))["ended_by"] == "caller"
    assert app.to("/chose") == []


def test_a_caller_loses_patience(app: App, stage: Stage) -> None:
    app.says("/voice", QUEUE)

    assert lived(stage, replace(QUICK, patience=0.05))["left_queue"] == ["hangup"]


def test_a_caller_loses_patience_alone_in_a_conference_too(app: App, stage: Stage) -> None:
    app.says("/voice", ROOM)

    assert lived(stage, replace(QUICK, patience=0.05))["ended_by"] == "caller"


def test_a_caller_leaves_a_message(app: App, stage: Stage) -> None:
    app.says("/voice", '<Record action="/after"/>')
    lived(stage, QUICK)

    assert app.wait_for("/after").params["Digits"] == "hangup"


@pytest.mark.parametrize(("agent_ends", "by"), [(False, "caller"), (True, "app")])
def test_one_of_the_two_hangs_up(app: App, stage: Stage, agent_ends: bool, by: str) -> None:
    app.says("/voice", ROOM)
    agent = stage.phone("agent_1", app.says("/agent", ROOM))
    stage.reaches(agent, "conference")

    assert lived(stage, replace(QUICK, agent_ends=agent_ends))["ended_by"] == by
    assert stage.ended(agent)["ended_by"] == ("caller" if agent_ends else "app")


LOGINS = {
    "staff": {"headers": {"Cookie": "staff"}},
    "agents": [{"identity": "agent_1", "headers": {"Cookie": "one"}}],
}


def work(stage: Stage, app: App, seconds: float = 0.6, habits: Habits = HABITS) -> Agents:
    """All agents on duty, and at work for a moment."""
    desk = Desk(f"{app.url}/api")
    agents = Agents(stage.exchange, desk, LOGINS, seed=1, habits=habits)

    async def working() -> None:
        await agents.go_on_duty()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(agents.work(), seconds)

    stage.until(working())
    desk.close()
    return agents


def test_agents_go_on_duty_and_take_what_is_theirs(app: App, stage: Stage) -> None:
    offers = [{"reservation": 7, "agent": "agent_1"}, {"reservation": 8, "agent": "agent_of_another_desk"}]
    for path, answer in (("state", {}), ("offers", offers), ("offers/7/accept", {})):
        app.says(f"/api/{path}/", as_json(answer))
    work(stage, app)

    (duty,), (accepted,) = app.to("/api/state/"), app.to("/api/offers/7/accept/")
    assert (duty.params, duty.headers["Cookie"], accepted.headers["Cookie"]) == ({"state": "available"}, "one", "one")
    assert app.wait_for("/agent").params["From"] == "client:agent_1"
    assert app.to("/agent")[0].params["reservation"] == "7"


@pytest.mark.parametrize(("habits", "declined"), [(Habits(declines=1), 1), (Habits(ignores=1), 0)])
def test_agents_miss_offers_and_come_back(app: App, stage: Stage, habits: Habits, declined: int) -> None:
    offer = as_json([{"reservation": 7, "agent": "agent_1"}])
    app.says("/api/offers/", offer, offer, as_json([]))
    for path in ("state", "offers/7/decline"):
        app.says(f"/api/{path}/", as_json({}))
    work(stage, app, seconds=1.0, habits=habits)

    assert [each.params["state"] for each in app.to("/api/state/")] == ["available", "available"]
    assert (len(app.to("/api/offers/7/decline/")), app.to("/api/offers/7/accept/")) == (declined, [])


def test_an_offer_that_is_gone_makes_no_call(app: App, stage: Stage) -> None:
    for path, answer in (("state", {}), ("offers", [{"reservation": 7, "agent": "agent_1"}])):
        app.says(f"/api/{path}/", as_json(answer))
    app.says("/api/offers/7/accept/", Said("gone", status=409, raw=True))
    work(stage, app)

    assert len(app.to("/api/offers/7/accept/")) == 1
    assert stage.exchange.calls == {}


def test_agents_go_on_when_the_desk_fails(app: App, stage: Stage) -> None:
    app.says("/api/state/", as_json({}))
    app.says("/api/offers/", Said(status=503), as_json([]))
    work(stage, app)

    assert len(app.to("/api/offers/")) > 1


def test_a_desk_says_what_was_refused(app: App) -> None:
    app.says("/api/state/", Said("log in", status=403, raw=True))
    desk = Desk(f"{app.url}/api/")

    with pytest.raises(OSError, match=r"POST state/: 403 log in"):
        asyncio.run(desk.post("state/", {}, state="available"))
    desk.close()


def test_a_desk_says_that_nobody_answers() -> None:
    with pytest.raises(OSError, match=r"GET offers/: NewConnectionError"):
        asyncio.run(Desk(f"http://127.0.0.1:{free_port()}/api").get("offers/", {}))
