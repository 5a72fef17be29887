"""What callers hear while they wait, and in whose voice."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db.models import F
from django.utils import timezone

from django_twilio_call.conf import get_config
from django_twilio_call.constants import QueueEntryState
from django_twilio_call.models import Agent, Call, Queue, QueueEntry
from django_twilio_call.services import QueueService
from django_twilio_call.services.decisions import Queued, Speech, Wait
from django_twilio_call.webhooks import twiml
from tests.fakes import Twilio

from .test_walk import enqueue

pytestmark = pytest.mark.django_db


def hears(twilio: Twilio, entry_id: int, waited: int) -> str:
    path = f"/twilio/wait/?entry={entry_id}"
    return twilio.post(path, QueuePosition=2, QueueTime=waited).content.decode()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "less than a minute"),
        (60, "less than a minute"),
        (61, "about 2 minutes"),
        (300, "about 5 minutes"),
        (301, "about 10 minutes"),
        (3600, "about 60 minutes"),
        (3601, "more than an hour"),
    ],
)
def test_a_wait_is_rounded_as_people_say_it(seconds: int, text: str) -> None:
    assert text in twiml.render(Wait(position=1, estimate=seconds), get_config())


def test_an_unknown_wait_is_not_spoken_of(twilio: Twilio, agent: Agent) -> None:
    assert "in line.</Say>" in hears(twilio, enqueue(twilio).pk, 5)


def test_the_position_is_said_again_after_the_interval_and_to_a_question_asked_twice(
    twilio: Twilio, agent: Agent, queue: Queue
) -> None:
    queue.announce_every = 60
    queue.save()
    entry = enqueue(twilio)

    said = ["number 2" in hears(twilio, entry.pk, waited) for waited in (0, 0, 30, 59, 60, 60, 90, 120)]

    assert said == [True, True, False, False, True, True, False, True]


def test_a_second_wait_of_the_same_visit_begins_anew(twilio: Twilio, agent: Agent, queue: Queue) -> None:
    queue.announce_every = 60
    queue.save()
    entry = enqueue(twilio)
    hears(twilio, entry.pk, 300)

    assert "number 2" in hears(twilio, entry.pk, 5)


def test_who_was_nearly_put_through_has_waited_from_the_beginning(twilio: Twilio, agent: Agent, queue: Queue) -> None:
    """Twilio's own count begins anew when a caller comes back into the queue."""
    entry = enqueue(twilio)
    QueueEntry.objects.update(enqueued_at=F("enqueued_at") - timedelta(seconds=queue.max_wait))
    Call.objects.update(answered_at=F("answered_at") - timedelta(seconds=queue.max_wait))

    assert "<Leave" in hears(twilio, entry.pk, 3)


def test_the_wait_in_another_queue_does_not_send_a_caller_on(twilio: Twilio, agent: Agent, queue: Queue) -> None:
    first = enqueue(twilio)
    long_ago = first.enqueued_at - timedelta(seconds=queue.max_wait)
    Call.objects.update(answered_at=long_ago)
    other = Queue.objects.create(key="other", name="Other")
    QueueEntry.objects.update(state="overflowed", ended_at=timezone.now(), enqueued_at=long_ago)
    second = QueueService().enter(call_sid=first.call.sid, queue_key="other", since=long_ago, now=timezone.now())

    assert isinstance(second, Queued)
    assert "number 2" in hears(twilio, second.entry_id, 3)
    assert other.entries.get().state == QueueEntryState.WAITING


def test_a_queue_has_its_own_language_voice_texts_and_music(twilio: Twilio, agent: Agent, queue: Queue) -> None:
    queue.language, queue.voice, queue.hold_music_url = "de-DE", "Polly.Vicki", "https://example.com/lied.mp3"
    queue.save()
    entry = enqueue(twilio)

    heard = hears(twilio, entry.pk, 5)
    assert '<Say language="de-DE" voice="Polly.Vicki">Sie sind Nummer 2 in der Warteschlange.</Say>' in heard
    assert "<Play>https://example.com/lied.mp3</Play>" in heard

    queue.texts = {"position": "Platz {position}."}
    queue.save()
    assert ">Platz 2.</Say>" in hears(twilio, entry.pk, 5)


def test_another_language_is_not_spoken_in_the_configurations_voice() -> None:
    assert "voice" not in twiml.render(Wait(position=1, speech=Speech(language="de-DE")), get_config())
    assert "Polly.Joanna" in twiml.render(Wait(position=1, speech=Speech(language="en-GB")), get_config())


@pytest.mark.parametrize(
    ("field", "value"),
    [("texts", {"hello": "Hi"}), ("texts", {"busy": "{who}"}), ("language", "Deutsch"), ("hold_music_url", "music")],
)
def test_what_could_not_be_said_or_played_is_refused(queue: Queue, field: str, value: object) -> None:
    setattr(queue, field, value)

    with pytest.raises(ValidationError, match=field):
        queue.full_clean()
