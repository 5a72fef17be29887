"""Whatever breaks, the caller hears something sensible and no event is lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client

from django_twilio_call.models import Agent, Queue, WebhookEvent
from tests.fakes import Twilio, call_sid, verbs

from .test_walk import enqueue

pytestmark = pytest.mark.django_db


@contextmanager
def database_gone() -> Iterator[None]:
    """Every statement fails as it does when the server has gone away."""

    def fail(*_: object) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    with connection.execute_wrapper(fail):
        yield


@pytest.mark.parametrize(
    "path",
    [
        "/twilio/voice/",
        "/twilio/gather/?attempt=1",
        "/twilio/onward/?entry=1",
        "/twilio/ivr/?node=main&attempt=1&step=1",
        "/twilio/connect/?reservation=1",
    ],
)
def test_without_a_database_a_caller_is_kept_on_the_line(twilio: Twilio, path: str) -> None:
    with database_gone():
        assert twilio.say(path) == ["Say", "Pause", "Redirect"]


def test_after_a_while_the_caller_is_told_to_call_again(twilio: Twilio) -> None:
    with database_gone():
        assert twilio.say("/twilio/voice/?again=5") == ["Say", "Hangup"]


def test_the_key_that_was_pressed_survives_the_trouble(twilio: Twilio, agent: Agent) -> None:
    twilio.post("/twilio/voice/")
    with database_gone():
        answer = twilio.post("/twilio/gather/?attempt=1", Digits="1").content.decode()
    path = answer.split("Redirect")[1].split(twilio.base)[1].split("<")[0].replace("&amp;", "&")

    assert twilio.say(path) == ["Enqueue"]


@pytest.mark.parametrize("path", ["/twilio/wait/?entry=1", "/twilio/ask/?entry=1&at=5"])
def test_without_a_database_a_waiting_caller_goes_on_waiting(twilio: Twilio, path: str) -> None:
    with database_gone():
        assert twilio.say(path, QueueTime=5, Digits="1") == ["Pause"]


@pytest.mark.parametrize("path", ["/twilio/status/", "/twilio/conference/?reservation=1", "/twilio/recording/?queue=1"])
def test_without_a_database_a_status_callback_is_asked_for_again(twilio: Twilio, path: str) -> None:
    params: dict[str, Any] = {
        "CallStatus": "completed",
        "SequenceNumber": 1,
        "ConferenceSid": "CF1",
        "StatusCallbackEvent": "x",
        "RecordingSid": "RE1",
        "RecordingStatus": "in-progress",
    }

    with database_gone():
        assert twilio.post(path, **params).status_code == 503
    assert twilio.post(path, **params).status_code == 200
    assert WebhookEvent.objects.count() == 1


def test_the_fallback_url_needs_nothing_and_nobodys_signature() -> None:
    with database_gone():
        assert verbs(Client().post("/twilio/fallback/")) == ["Say", "Hangup"]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("/twilio/gather/", {"Digits": "1"}),
        ("/twilio/gather/?attempt=x", {"Digits": "1"}),
        ("/twilio/queue/?entry=99999999999", {"QueueResult": "hangup"}),
        ("/twilio/voice/", {"sid": "CA1"}),
        ("/twilio/voice/", {"sid": "\x00"}),
    ],
)
def test_what_cannot_be_read_is_answered_with_an_apology(
    twilio: Twilio, queue: Queue, path: str, params: dict[str, str]
) -> None:
    assert twilio.say(path, **params) == ["Say", "Hangup"]


def test_a_callback_that_cannot_be_read_is_refused_for_good(twilio: Twilio) -> None:
    assert twilio.post("/twilio/status/", sid="nonsense", CallStatus="completed").status_code == 400


def test_a_key_for_a_queue_that_was_closed_meanwhile_is_answered(twilio: Twilio, queue: Queue) -> None:
    twilio.post("/twilio/voice/")
    queue.delete()

    assert twilio.say("/twilio/gather/?attempt=1", Digits="1") in (["Say", "Hangup"], ["Gather/Say"])


def test_a_full_queue_is_an_outcome(twilio: Twilio, queue: Queue) -> None:
    Queue.objects.update(max_size=1)
    enqueue(twilio)

    twilio.post("/twilio/voice/", sid=call_sid(5))

    assert twilio.say("/twilio/gather/?attempt=1", sid=call_sid(5), Digits="1") == ["Say", "Hangup"]
    assert queue.entries.get(call__sid=call_sid(5)).state == "overflowed"


@pytest.mark.parametrize("method", ["put", "delete", "patch"])
def test_other_methods_are_refused(method: str) -> None:
    assert getattr(Client(), method)("/twilio/voice/").status_code == 405
