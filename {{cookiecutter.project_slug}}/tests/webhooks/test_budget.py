"""No kind of webhook costs more than six data statements, whatever path it takes."""

from __future__ import annotations

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_twilio_call.constants import Onward
from django_twilio_call.models import Agent, IVRVersion, Queue, QueueEntry, Reservation
from tests.fakes import Twilio, call_sid

from .conftest import Publish
from .test_callback import ask, join
from .test_flow import press
from .test_overflow import refuse
from .test_voicemail import recording, written
from .test_walk import AGENT_LEG, accepted, conference_end, connected, enqueue, joined, offer

pytestmark = pytest.mark.django_db

MOST = 6


class Budget:
    """Data statements of one block, with empty cache; transaction control is not counted."""

    def __enter__(self) -> None:
        cache.clear()
        self._queries = CaptureQueriesContext(connection).__enter__()

    def __exit__(self, *_: object) -> None:
        self._queries.__exit__(None, None, None)
        verbs = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")
        data = [query["sql"] for query in self._queries if query["sql"].startswith(verbs)]
        assert 0 < len(data) <= MOST, "\n".join(data)


def test_voice(twilio: Twilio, agent: Agent) -> None:
    with Budget():
        twilio.post("/twilio/voice/")


def test_gather(twilio: Twilio, agent: Agent) -> None:
    twilio.post("/twilio/voice/")

    with Budget():
        twilio.post("/twilio/gather/?attempt=1", Digits="1")


def test_wait(twilio: Twilio, agent: Agent) -> None:
    entry = enqueue(twilio)

    Queue.objects.update(announce_every=30)

    with Budget():
        twilio.post(f"/twilio/wait/?entry={entry.pk}", QueueTime=5, QueuePosition=1)


@pytest.mark.parametrize("stage", [enqueue, offer, accepted, joined], ids=lambda stage: stage.__name__)
@pytest.mark.parametrize("result", ["hangup", "leave", "redirected"])
def test_queue(twilio: Twilio, agent: Agent, stage: object, result: str) -> None:
    stage(twilio)  # type: ignore[operator]
    entry = QueueEntry.objects.get()

    with Budget():
        twilio.post(f"/twilio/queue/?entry={entry.pk}", QueueResult=result)


@pytest.mark.parametrize("reason", ["closed", "full", "nobody"])
def test_gather_of_a_queue_that_takes_nobody(twilio: Twilio, queue: Queue, reason: str) -> None:
    refuse(queue, reason, when=Onward.QUEUE)
    twilio.post("/twilio/voice/")

    with Budget():
        twilio.post("/twilio/gather/?attempt=1", Digits="1")


@pytest.mark.parametrize("reason", ["", "closed", "full", "nobody"])
def test_onward(twilio: Twilio, queue: Queue, reason: str) -> None:
    refuse(queue, "nobody", when=Onward.QUEUE)
    entry = enqueue(twilio)
    refuse(Queue.objects.get(key="other"), reason)

    with Budget():
        twilio.post(f"/twilio/onward/?entry={entry.pk}")


def test_voice_of_a_flow(twilio: Twilio, publish: Publish) -> None:
    publish()

    with Budget():
        twilio.post("/twilio/voice/")


@pytest.mark.parametrize("digits", ["1", "2", "7"])
def test_ivr(twilio: Twilio, asked: IVRVersion, queue: Queue, digits: str) -> None:
    refuse(queue, "closed")

    with Budget():
        press(twilio, digits)


@pytest.mark.parametrize("node", ["night", "support"])
@pytest.mark.parametrize("instead", ["voicemail", "callback"])
def test_ivr_that_goes_on(twilio: Twilio, publish: Publish, queue: Queue, node: str, instead: str) -> None:
    publish(night={"type": instead})
    twilio.post("/twilio/voice/")
    refuse(queue, "closed")

    with Budget():
        press(twilio, "", node=node, attempt=0)


def test_onward_to_voicemail(twilio: Twilio, queue: Queue) -> None:
    refuse(queue, "nobody", when=Onward.VOICEMAIL)
    entry = enqueue(twilio)

    with Budget():
        twilio.post(f"/twilio/onward/?entry={entry.pk}")


@pytest.mark.parametrize("digits", ["1", "2", "7"])
def test_ask(twilio: Twilio, offering: Queue, digits: str) -> None:
    entry = enqueue(twilio)

    with Budget():
        ask(twilio, entry, digits)


def test_onward_to_a_callback(twilio: Twilio, queue: Queue) -> None:
    refuse(queue, "nobody", when=Onward.CALLBACK)
    entry = enqueue(twilio)

    with Budget():
        twilio.post(f"/twilio/onward/?entry={entry.pk}")


def test_agent_of_a_callback(twilio: Twilio, lined_up: Reservation) -> None:
    with Budget():
        join(twilio, lined_up)


@pytest.mark.parametrize("name", ["connect", "status"])
def test_answer_of_a_callback(twilio: Twilio, lined_up: Reservation, name: str) -> None:
    join(twilio, lined_up)

    with Budget():
        path = f"/twilio/{name}/?reservation={lined_up.pk}"
        twilio.post(path, sid=call_sid(5), CallStatus="in-progress", SequenceNumber=2)


def test_recorded(twilio: Twilio, queue: Queue) -> None:
    with Budget():
        twilio.post(f"/twilio/recorded/?queue={queue.pk}")


@pytest.mark.parametrize("known", [True, False], ids=["known call", "unknown call"])
def test_recording(twilio: Twilio, queue: Queue, known: bool) -> None:
    twilio.post("/twilio/voice/")

    with Budget():
        recording(twilio, queue, sid=call_sid(1 if known else 3))


@pytest.mark.parametrize("known", [True, False], ids=["known message", "unknown message and call"])
def test_transcription(twilio: Twilio, queue: Queue, known: bool) -> None:
    if known:
        recording(twilio, queue)

    with Budget():
        written(twilio, queue)


def test_agent(twilio: Twilio, agent: Agent) -> None:
    reservation = accepted(twilio)

    with Budget():
        twilio.post("/twilio/agent/", sid=AGENT_LEG, From=f"client:{agent.identity}", reservation=reservation.pk)


def test_connect(twilio: Twilio, agent: Agent) -> None:
    reservation = joined(twilio)

    with Budget():
        twilio.post(f"/twilio/connect/?reservation={reservation.pk}")


@pytest.mark.parametrize("stage", [joined, connected], ids=lambda stage: stage.__name__)
def test_conference(twilio: Twilio, agent: Agent, stage: object) -> None:
    reservation = stage(twilio)  # type: ignore[operator]

    with Budget():
        conference_end(twilio, reservation)


@pytest.mark.parametrize("status", ["ringing", "in-progress", "completed"])
@pytest.mark.parametrize("known", [True, False], ids=["known call", "unknown call"])
def test_status(twilio: Twilio, agent: Agent, status: str, known: bool) -> None:
    connected(twilio)

    with Budget():
        twilio.post("/twilio/status/", sid=call_sid(1 if known else 3), CallStatus=status, SequenceNumber=2)


def test_a_duplicate(twilio: Twilio, agent: Agent) -> None:
    twilio.post("/twilio/voice/")

    with Budget():
        twilio.post("/twilio/voice/")
