"""Faults over HTTP: a connection that ends, a late answer, a queue that is full, a redirect meanwhile."""

from __future__ import annotations

import asyncio

import pytest
import urllib3

from twilio_simulator.faults import Faults, read
from twilio_simulator.http import Reply, Request, serving

from .stage import App, Said, Stage


def ask(faults: str, timeout: float = 2) -> int:
    """The status of one request to a server with faults."""

    async def run() -> int:
        def handle(_: Request) -> Reply:
            return Reply(200, {})

        async with serving(Faults(read(faults)).handling(handle, hang_up=str), "127.0.0.1", 0) as port:
            with urllib3.PoolManager(retries=False, timeout=timeout) as pool:
                answer = await asyncio.to_thread(pool.request, "GET", f"http://127.0.0.1:{port}/x")
        return answer.status

    return asyncio.run(run())


def test_a_connection_is_cut() -> None:
    with pytest.raises(urllib3.exceptions.ProtocolError):
        ask("rest:cut=1")


def test_an_answer_is_late() -> None:
    with pytest.raises(urllib3.exceptions.ReadTimeoutError):
        ask("rest:slow=1@30", timeout=0.1)


def test_a_full_queue_takes_nobody(app: App, stage: Stage) -> None:
    stage.exchange.faults = Faults(read("enqueue:full=1"))
    app.says("/voice", '<Enqueue action="/left">support</Enqueue>')

    journal = stage.live_through()

    assert app.to("/left")[0].params["QueueResult"] == "queue-full"
    assert journal["left_queue"] == ["queue-full"]
    assert stage.exchange.faults.counts == {"enqueue:full": 1}


def test_a_redirect_of_a_call_whose_enqueue_failed_acts_on_the_call(app: App, stage: Stage) -> None:
    stage.exchange.faults = Faults(read("enqueue:full=1"))
    app.says("/voice", '<Enqueue action="/left">support</Enqueue>')
    app.says("/left", Said("<Hangup/>", delay=0.3))
    elsewhere = app.says("/elsewhere", "<Say>Welcome</Say>")
    call = stage.dial()
    app.wait_for("/left")

    account = stage.account
    with urllib3.PoolManager(retries=False) as pool:
        pool.request(
            "POST",
            f"{stage.url}/2010-04-01/Accounts/{account.sid}/Calls/{call.sid}.json",
            fields={"Url": elsewhere},
            encode_multipart=False,
            headers=urllib3.make_headers(basic_auth=f"{account.sid}:{account.token}"),
        )
    journal = stage.ended(call)

    assert call.hears == "Welcome"
    assert (journal["left_queue"], journal["fetched"]) == ([], 1)


@pytest.mark.parametrize("moment", [0, 1, 2, 3, 5, 8, 13, 21, 34, 55])
def test_whenever_a_leg_is_ended_it_ends(app: App, stage: Stage, moment: int) -> None:
    """Before its first document, in the menu, on the way into the queue, in it, over its music."""
    app.says("/voice", '<Gather action="/chose" numDigits="1" timeout="0" actionOnEmptyResult="true"/>')
    app.says("/chose", '<Enqueue action="/left" waitUrl="/wait">support</Enqueue>')
    app.says("/wait", '<Gather action="/chose" timeout="0"><Pause length="1"/></Gather>')
    call = stage.dial()
    stage.until(asyncio.sleep(moment / 1000))

    stage.hang_up(call)

    stage.ended(call)
    stage.drained()
    assert not call.live
