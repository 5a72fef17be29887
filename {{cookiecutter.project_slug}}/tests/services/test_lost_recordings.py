"""What Twilio recorded and nobody told of: a message is in the inbox all the same, conversations go when due."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from django_twilio_call.constants import QueueEntryState, ReservationState
from django_twilio_call.exceptions import TelephonyError
from django_twilio_call.models import (
    Agent,
    Call,
    IVRFlow,
    IVRVersion,
    Participant,
    Queue,
    QueueEntry,
    Recording,
    Reservation,
    Voicemail,
)
from django_twilio_call.services import LostRecordingService
from django_twilio_call.services.lost_recordings import EVERY, GRACE
from django_twilio_call.telephony import TwilioRecording
from tests.fakes import CALLER, NUMBER, FakeTelephony, Twilio, call_sid
from tests.media import Recordings

pytestmark = pytest.mark.django_db

OLD = GRACE + timedelta(minutes=1)
CONFERENCE = f"CF{1:032x}"


def sid(number: int) -> str:
    return f"RE{number:032x}"


def records(telephony: FakeTelephony, begun: datetime, number: int = 1, **fields: Any) -> str:
    """Twilio has a recording: a finished message of the first call, if nothing else is said."""
    usual = {"status": "completed", "source": "RecordVerb", "call_sid": call_sid(1), "duration": 7}
    telephony.recorded[sid(number)] = TwilioRecording(
        sid=sid(number),
        created_at=begun,
        url="https://api.example.com/sound",
        **{"conference_sid": "", **usual, **fields},
    )
    return sid(number)


def call(begun: datetime, **fields: Any) -> Call:
    return Call.objects.create(
        **{"sid": call_sid(1), "from_number": CALLER, "to_number": NUMBER, "started_at": begun, **fields}
    )


def waited(queue: Queue, begun: datetime, **fields: Any) -> Call:
    """A caller who waited there and was sent to its mailbox."""
    caller = call(begun, **fields)
    QueueEntry.objects.create(call=caller, queue=queue, state=QueueEntryState.OVERFLOWED, priority=1, enqueued_at=begun)
    return caller


@pytest.fixture
def conversation(queue: Queue, agent: Agent, now: datetime) -> Reservation:
    """One that is long over, in a conference that Twilio calls by its sid."""
    over = now + timedelta(minutes=1)
    entry = QueueEntry.objects.create(
        call=call(now, ended_at=over), queue=queue, state=QueueEntryState.ANSWERED, priority=1, enqueued_at=now
    )
    reservation = Reservation.objects.create(
        entry=entry,
        agent=agent,
        agent_call=Call.objects.create(sid=call_sid(8), role="agent", from_number="c", to_number="", started_at=now),
        state=ReservationState.COMPLETED,
        created_at=now,
        accepted_at=now,
        expires_at=over,
        ended_at=over,
    )
    Participant.objects.create(
        sid=CONFERENCE, call_sid=call_sid(1), room=reservation.conference, sequence=1, joined_at=now, left_at=over
    )
    return reservation


def look(telephony: FakeTelephony, now: datetime) -> int:
    return LostRecordingService(telephony=telephony).look(now=now)


def test_a_message_nobody_told_of_is_in_the_inbox_of_the_queue_the_caller_waited_in(
    queue: Queue, telephony: FakeTelephony, now: datetime
) -> None:
    other = Queue.objects.create(key="sales", name="Sales")
    for each in (queue, other):
        QueueEntry.objects.create(
            call=Call.objects.first() or call(now),
            queue=each,
            state=QueueEntryState.OVERFLOWED,
            priority=1,
            enqueued_at=now,
        )
    recording = records(telephony, now)

    assert look(telephony, now + OLD) == 1

    message = Voicemail.objects.get()
    assert (message.queue, message.recording_sid, message.duration, message.recorded_at) == (other, recording, 7, now)
    assert message.url


def test_a_message_left_straight_from_a_menu_is_for_one_of_its_mailboxes(
    queue: Queue, telephony: FakeTelephony, now: datetime
) -> None:
    mailbox = Queue.objects.create(key="sales", name="Sales")
    flow = IVRFlow.objects.create(key="main", name="Main")
    nodes = {"start": {"type": "voicemail", "queue": "sales"}}
    version = IVRVersion.objects.create(
        flow=flow, number=1, definition={"start": "start", "nodes": nodes}, sha256="0" * 64, created_at=now
    )
    call(now, ivr_version=version)
    records(telephony, now)

    look(telephony, now + OLD)

    assert Voicemail.objects.get().queue == mailbox


def test_a_message_of_which_its_callback_comes_late_is_kept_once(
    queue: Queue, telephony: FakeTelephony, twilio: Twilio, now: datetime
) -> None:
    waited(queue, now)
    recording = records(telephony, now)

    look(telephony, now + OLD)
    told = {"RecordingSid": recording, "RecordingStatus": "completed", "RecordingUrl": "https://e.com/x"}
    answer = twilio.post(f"/twilio/recording/?queue={queue.pk}", RecordingDuration=7, **told)

    assert answer.status_code < 300
    assert Voicemail.objects.count() == 1


def test_a_message_that_still_goes_on_is_looked_at_again(queue: Queue, telephony: FakeTelephony, now: datetime) -> None:
    waited(queue, now)
    records(telephony, now, status="processing", duration=None)
    assert look(telephony, now + OLD) == 0

    records(telephony, now)

    assert look(telephony, now + OLD + EVERY) == 1
    assert Voicemail.objects.count() == 1


def test_a_conversation_nobody_told_of_has_its_row(
    conversation: Reservation, telephony: FakeTelephony, now: datetime
) -> None:
    records(telephony, now, source="Conference", conference_sid=CONFERENCE, duration=40)

    assert look(telephony, now + OLD) == 1

    row = Recording.objects.get()
    assert (row.reservation, row.state, row.duration) == (conversation, "completed", 40)
    assert (row.started_at, row.ended_at) == (now, now + timedelta(seconds=40))


@pytest.mark.parametrize("leg", [1, 8], ids=["the caller's", "the agent's"])
def test_nor_need_anybody_have_told_of_its_conference(
    conversation: Reservation, telephony: FakeTelephony, now: datetime, leg: int
) -> None:
    Participant.objects.all().delete()
    talk: dict[str, Any] = {"source": "Conference", "conference_sid": CONFERENCE, "call_sid": call_sid(leg)}
    records(telephony, now + timedelta(seconds=2), **talk)
    records(telephony, now + timedelta(minutes=5), 2, **talk)  # after their conversation

    assert look(telephony, now + OLD + timedelta(minutes=5)) == 1
    assert Recording.objects.get().reservation == conversation


def test_what_was_said_by_somebody_who_is_forgotten_is_deleted_and_not_taken_in(
    queue: Queue, telephony: FakeTelephony, recordings: Recordings, now: datetime
) -> None:
    waited(queue, now, erased_at=now)
    recording = records(telephony, now)
    recordings.kept[recording] = b"sound"

    assert look(telephony, now + OLD) == 0

    assert not Voicemail.objects.exists()
    assert recording not in recordings.kept


def test_one_that_cannot_be_deleted_now_is_looked_at_again_and_holds_up_no_other(
    queue: Queue, telephony: FakeTelephony, recordings: Recordings, now: datetime
) -> None:
    waited(queue, now, erased_at=now)
    other = waited(queue, now, sid=call_sid(2))
    first, _ = records(telephony, now), records(telephony, now, 2, call_sid=other.sid)
    recordings.kept[first] = b"sound"
    recordings.status = 503

    assert look(telephony, now + OLD) == 1
    recordings.status = 0
    look(telephony, now + OLD + EVERY)

    assert first not in recordings.kept


@pytest.mark.parametrize(("status", "becomes"), [("completed", "completed"), ("absent", "absent"), (None, "absent")])
def test_a_recording_of_whose_end_nobody_told_ends(
    conversation: Reservation, telephony: FakeTelephony, now: datetime, status: str | None, becomes: str
) -> None:
    Recording.objects.create(
        sid=sid(1), call=conversation.entry.call, reservation=conversation, conference_sid=CONFERENCE, started_at=now
    )
    if status:
        records(telephony, now, status=status, source="Conference", conference_sid=CONFERENCE, duration=40)

    assert look(telephony, now + OLD + timedelta(minutes=1)) == 1

    assert Recording.objects.get().state == becomes


def test_what_is_young_is_left_to_its_callback(queue: Queue, telephony: FakeTelephony, now: datetime) -> None:
    waited(queue, now)
    records(telephony, now)

    assert look(telephony, now + GRACE - timedelta(minutes=1)) == 0
    assert not Voicemail.objects.exists()


def test_a_message_for_nobody_is_left_where_it_is(queue: Queue, telephony: FakeTelephony, now: datetime) -> None:
    call(now)
    records(telephony, now)

    assert look(telephony, now + OLD) == 0
    assert not Voicemail.objects.exists()


@pytest.mark.parametrize(
    "fields",
    [
        {"call_sid": call_sid(9)},
        {"source": "OutboundAPI"},
        {"source": "Conference", "conference_sid": f"CF{9:032x}"},
        {"status": "absent", "duration": None},
    ],
    ids=["a call of another app", "not by our TwiML", "a conference of another app", "nothing was said"],
)
def test_what_is_not_ours_and_what_has_no_sound_is_left_alone(
    queue: Queue, telephony: FakeTelephony, now: datetime, fields: dict[str, Any]
) -> None:
    waited(queue, now)
    records(telephony, now, **fields)

    assert look(telephony, now + OLD) == 0
    assert not Voicemail.objects.exists()
    assert not Recording.objects.exists()


def test_each_moment_is_looked_at_once_and_no_more_often_than_need_be(telephony: FakeTelephony, now: datetime) -> None:
    look(telephony, now)
    look(telephony, now + EVERY / 2)
    look(telephony, now + EVERY * 3)

    asked = [(since, until) for _, since, until in telephony.asked]
    assert len(asked) == 2
    assert asked[0][0] <= (now - timedelta(days=1)).isoformat()
    assert asked[0][1] == asked[1][0] == (now - GRACE).isoformat()


def test_a_twilio_that_does_not_answer_is_asked_for_the_same_again(
    queue: Queue, telephony: FakeTelephony, now: datetime
) -> None:
    waited(queue, now)
    records(telephony, now)
    telephony.error = TelephonyError("nobody there", retryable=True)

    assert look(telephony, now + OLD) == 0
    assert look(telephony, now + OLD + EVERY / 2) == 0
    assert look(telephony, now + OLD + EVERY) == 1
