"""Callers leave messages."""

from __future__ import annotations

from collections.abc import Callable
from xml.etree import ElementTree as ET

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client, override_settings
from django.utils import timezone
from pytest_django import Settings

from django_twilio_call.constants import Onward
from django_twilio_call.models import Call, Queue, QueueEntry, Voicemail, WebhookEvent
from tests.fakes import Twilio, call_sid, verbs

from .test_overflow import call_in, refuse, visits
from .test_trouble import database_gone

pytestmark = pytest.mark.django_db

URL = f"https://api.twilio.com/2010-04-01/Accounts/AC{'0' * 32}/Recordings/RE{'1' * 32}"


def recording(twilio: Twilio, queue: Queue, sid: str = call_sid(1), status: str = "completed") -> HttpResponse:
    return twilio.post(
        f"/twilio/recording/?queue={queue.pk}",
        sid=sid,
        RecordingSid=f"RE{'1' * 32}",
        RecordingStatus=status,
        RecordingUrl=URL,
        RecordingDuration=12,
    )


def written(twilio: Twilio, queue: Queue, sid: str = call_sid(1), status: str = "completed") -> HttpResponse:
    return twilio.post(
        f"/twilio/transcription/?queue={queue.pk}",
        sid=sid,
        TranscriptionSid=f"TR{'1' * 32}",
        TranscriptionText="Please call me back",
        TranscriptionStatus=status,
        TranscriptionUrl=URL,
        RecordingSid=f"RE{'1' * 32}",
        RecordingUrl=URL,
    )


@pytest.fixture
def asked(twilio: Twilio, queue: Queue) -> HttpResponse:
    """What a caller hears who is to leave a message."""
    refuse(queue, "nobody", when=Onward.VOICEMAIL)
    call_in(twilio)
    return twilio.post(f"/twilio/onward/?entry={QueueEntry.objects.get().pk}")


def test_a_caller_nobody_takes_leaves_a_message(twilio: Twilio, queue: Queue, asked: HttpResponse) -> None:
    assert verbs(asked) == ["Say", "Record", "Say", "Hangup"]
    assert twilio.say(f"/twilio/recorded/?queue={queue.pk}", Digits="#") == ["Say", "Hangup"]
    recording(twilio, queue)

    message = Voicemail.objects.get()
    assert (message.queue, message.call.sid, message.url, message.duration) == (queue, call_sid(1), URL, 12)
    assert visits() == [("support", "overflowed", "nobody", "voicemail")]


def test_a_recording_has_an_end_and_goes_on_elsewhere(asked: HttpResponse, queue: Queue) -> None:
    record = ET.fromstring(asked.content).find("Record")

    assert record is not None
    assert (record.get("maxLength"), record.get("finishOnKey")) == ("120", "#")
    assert f"/twilio/recorded/?queue={queue.pk}#" in record.get("action", "")
    assert f"/twilio/recording/?queue={queue.pk}#" in record.get("recordingStatusCallback", "")


def test_a_message_is_not_written_down_unless_that_is_wanted(asked: HttpResponse) -> None:
    assert b"transcribe" not in asked.content


def test_where_it_is_wanted_twilio_is_told_where_to_send_the_text(
    twilio: Twilio, queue: Queue, settings: Settings
) -> None:
    settings.DJANGO_TWILIO_ENABLE_TRANSCRIPTION = True
    refuse(queue, "nobody", when=Onward.VOICEMAIL)
    call_in(twilio)

    answer = twilio.post(f"/twilio/onward/?entry={QueueEntry.objects.get().pk}")

    record = ET.fromstring(answer.content).find("Record")
    assert record is not None
    assert record.get("transcribe") == "true"
    assert f"/twilio/transcription/?queue={queue.pk}#" in record.get("transcribeCallback", "")


@pytest.mark.parametrize("first", [recording, written], ids=["sound first", "text first"])
def test_the_text_of_a_message_is_kept_in_whatever_order(
    twilio: Twilio, queue: Queue, first: Callable[[Twilio, Queue], HttpResponse]
) -> None:
    for tell in sorted((recording, written), key=lambda each: each is not first):
        assert tell(twilio, queue).status_code == 200

    message = Voicemail.objects.get()
    assert (message.transcript, message.transcription_sid) == ("Please call me back", f"TR{'1' * 32}")
    assert (message.duration, message.url) == (12, URL)


def test_a_text_that_failed_changes_nothing(twilio: Twilio, queue: Queue) -> None:
    recording(twilio, queue)
    written(twilio, queue, status="failed")

    assert Voicemail.objects.get().transcript == ""


def test_a_text_that_comes_after_the_message_was_erased_is_not_kept(twilio: Twilio, queue: Queue) -> None:
    recording(twilio, queue)
    Voicemail.objects.update(erased_at=timezone.now())

    written(twilio, queue)

    assert Voicemail.objects.get().transcript == ""


def test_what_twilio_sent_is_kept_without_the_text(twilio: Twilio, queue: Queue) -> None:
    written(twilio, queue)

    assert "TranscriptionText" not in WebhookEvent.objects.get(kind="transcription").payload


def test_a_message_told_of_twice_is_one_message(twilio: Twilio, queue: Queue, asked: HttpResponse) -> None:
    answers = [recording(twilio, queue), recording(twilio, queue)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert Voicemail.objects.count() == 1


def test_a_recording_that_failed_is_no_message(twilio: Twilio, queue: Queue) -> None:
    recording(twilio, queue, status="absent")

    assert not Voicemail.objects.exists()


def test_a_message_of_a_call_whose_beginning_was_lost_is_kept(twilio: Twilio, queue: Queue) -> None:
    recording(twilio, queue, sid=call_sid(7))

    assert Voicemail.objects.get().call == Call.objects.get(sid=call_sid(7))


def test_without_a_database_the_caller_is_thanked(twilio: Twilio) -> None:
    with database_gone():
        assert twilio.say("/twilio/recorded/?queue=1") == ["Say", "Hangup"]


@override_settings(DJANGO_TWILIO_ENABLE_VOICEMAIL=False)
def test_where_voicemail_is_switched_off_the_call_ends(twilio: Twilio, queue: Queue) -> None:
    refuse(queue, "nobody", when=Onward.VOICEMAIL)

    assert verbs(call_in(twilio)) == ["Say", "Hangup"]
    assert visits() == [("support", "overflowed", "nobody", "goodbye")]


def test_who_listens_first_stays(twilio: Twilio, queue: Queue, admin_client: Client) -> None:
    recording(twilio, queue)
    chosen = {"action": "mark_heard", "_selected_action": [Voicemail.objects.get().pk]}

    admin_client.post("/admin/django_twilio_call/voicemail/", chosen)

    first = Voicemail.objects.get()
    assert first.heard_by == User.objects.get(username="admin")
    admin_client.post("/admin/django_twilio_call/voicemail/", chosen)
    assert Voicemail.objects.get().heard_at == first.heard_at
