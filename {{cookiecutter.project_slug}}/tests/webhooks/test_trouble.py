"""Whatever breaks, the caller hears something sensible and no event is lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from xml.etree import ElementTree as ET

import pytest
from django.db import OperationalError, connection
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from django_twilio_call.constants import Onward, QueueEntryState
from django_twilio_call.models import Agent, OutsideLeg, Queue, QueueEntry, WebhookEvent
from django_twilio_call.webhooks.base import StatusCallback
from django_twilio_call.webhooks.urls import urlpatterns
from tests.fakes import Twilio, call_sid, verbs

from .test_walk import AGENT_LEG, accepted, connected, enqueue

pytestmark = pytest.mark.django_db


@contextmanager
def database_gone() -> Iterator[None]:
    """Every statement fails as it does when the server has gone away."""

    def fail(*_: object) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    with connection.execute_wrapper(fail):
        yield


ASKED_AGAIN: dict[str, tuple[str, dict[str, str]]] = {
    "voice": ("", {}),
    "gather": ("?attempt=1", {"Digits": "1"}),
    "ivr": ("?node=main&attempt=1&step=1", {"Digits": "*"}),
    "consent": ("?entry=1", {"Digits": "1"}),
    "queue": ("?entry=1&then=voicemail", {"QueueResult": "leave", "QueueSid": "QU1", "QueueTime": "600"}),
    "onward": ("?entry=1", {}),
    "connect": ("?reservation=1", {}),
    "agent": ("", {"reservation": "1"}),
    "transfer": ("?reservation=1", {}),
    "outside": ("?reservation=1", {}),
    "outside-ended": ("?reservation=1", {"DialCallStatus": "completed", "DialCallSid": "CA2"}),
}
"""Webhook -> the query of our URL, and what Twilio tells it once."""
GOING_ON = {"wait": ["Pause"], "ask": ["Pause"], "recorded": ["Say", "Hangup"], "probe": []}
"""Webhooks that have an answer without a database."""


def again(twilio: Twilio, answer: HttpResponse) -> str:
    """The path that a caller in trouble is sent to."""
    assert verbs(answer) == ["Say", "Pause", "Redirect"]
    return str(ET.fromstring(answer.content).findtext("Redirect")).removeprefix(twilio.base)


def test_every_webhook_that_a_caller_hears_is_looked_at_here() -> None:
    views = {route.name: getattr(route.callback, "view_class", StatusCallback) for route in urlpatterns}
    heard = {name for name, view in views.items() if not issubclass(view, StatusCallback)}

    assert heard == {*ASKED_AGAIN, *GOING_ON}


@pytest.mark.parametrize("name", ASKED_AGAIN)
def test_without_a_database_a_caller_is_kept_on_the_line_and_what_was_told_once_is_told_again(
    twilio: Twilio, name: str
) -> None:
    """Also what no webhook reads today: the next one that does need not think of it."""
    query, once = ASKED_AGAIN[name]
    once = {**once, "ToldOnce": "ünd & so"}
    path = f"/twilio/{name}/{query}"
    with database_gone():
        for _ in range(2):
            path = again(twilio, twilio.post(path, **once))
            told = dict(parse_qsl(urlsplit(path).query))
            expected = {**dict(parse_qsl(query.removeprefix("?"))), **once}
            assert {key: told.get(key) for key in expected} == expected
            assert not {"CallSid", "From", "To", "AccountSid"} & told.keys()
            once = {}


@pytest.mark.parametrize("name", GOING_ON)
def test_without_a_database_a_caller_goes_on_where_that_needs_none(twilio: Twilio, name: str) -> None:
    with database_gone():
        assert twilio.say(f"/twilio/{name}/?entry=1&at=5&queue=1", QueueTime=5, Digits="1") == GOING_ON[name]


def test_a_long_token_does_not_make_an_address_that_nobody_takes(twilio: Twilio) -> None:
    with database_gone():
        answer = twilio.post("/twilio/voice/", CallToken="x" * 4000, Another="y" * 4000)

    assert len(again(twilio, answer)) < 500


def test_after_a_while_the_caller_is_told_to_call_again(twilio: Twilio) -> None:
    with database_gone():
        assert twilio.say("/twilio/voice/?again=5") == ["Say", "Hangup"]


def test_the_key_that_was_pressed_survives_the_trouble(twilio: Twilio, agent: Agent) -> None:
    twilio.post("/twilio/voice/")
    with database_gone():
        answer = twilio.post("/twilio/gather/?attempt=1", Digits="1")

    assert twilio.say(again(twilio, answer)) == ["Enqueue"]


def test_a_caller_who_left_the_queue_in_the_trouble_goes_where_it_sends_them(
    twilio: Twilio, agent: Agent, queue: Queue
) -> None:
    queue.when_waited = Onward.VOICEMAIL
    queue.save()
    entry = enqueue(twilio)
    with database_gone():
        answer = twilio.post(f"/twilio/queue/?entry={entry.pk}&then=voicemail", QueueResult="leave")

    assert twilio.say(again(twilio, answer)) == ["Redirect"]
    entry.refresh_from_db()
    assert (entry.state, entry.overflow_to) == (QueueEntryState.OVERFLOWED, Onward.VOICEMAIL)


def test_an_agent_who_joins_in_the_trouble_meets_the_caller(twilio: Twilio, agent: Agent) -> None:
    reservation, client = accepted(twilio), f"client:{agent.identity}"
    with database_gone():
        answer = twilio.post("/twilio/agent/", sid=AGENT_LEG, From=client, reservation=reservation.pk)

    assert twilio.say(again(twilio, answer), sid=AGENT_LEG, From=client) == ["Dial/Conference"]


def test_a_supervisor_who_joins_in_the_trouble_is_not_taken_for_an_agent(twilio: Twilio) -> None:
    with database_gone():
        answer = twilio.post("/twilio/agent/", sid=AGENT_LEG, From="client:supervisor_1", supervision=7)

    assert "supervision=7" in again(twilio, answer)


def test_who_talked_outside_is_not_put_in_line_again_for_the_trouble_after_it(twilio: Twilio, agent: Agent) -> None:
    reservation = connected(twilio)
    room = f"dial-{reservation.pk}"
    leg = OutsideLeg.objects.create(reservation=reservation, room=room, number="+1415", created_at=timezone.now())
    with database_gone():
        answer = twilio.post(f"/twilio/outside-ended/?reservation={reservation.pk}", DialCallStatus="completed")

    assert twilio.say(again(twilio, answer)) == []
    leg.refresh_from_db()
    assert leg.ended_at is not None
    assert QueueEntry.objects.count() == 1


@pytest.mark.parametrize(
    "path",
    [
        "/twilio/status/",
        "/twilio/conference/?reservation=1",
        "/twilio/recording/?queue=1",
        "/twilio/transcription/?queue=1",
    ],
)
def test_without_a_database_a_status_callback_is_asked_for_again(twilio: Twilio, path: str) -> None:
    params: dict[str, Any] = {
        "CallStatus": "completed",
        "SequenceNumber": 1,
        "ConferenceSid": "CF1",
        "StatusCallbackEvent": "x",
        "RecordingSid": "RE1",
        "RecordingStatus": "in-progress",
        "TranscriptionSid": "TR1",
        "TranscriptionStatus": "failed",
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
