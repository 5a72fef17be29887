"""What is kept, until when, and what is forgotten when somebody asks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db.models import Q
from django.utils import timezone
from pytest_django import Settings

from django_twilio_call.constants import OutboxKind, OutboxState, QueueEntryState
from django_twilio_call.exceptions import TelephonyError
from django_twilio_call.models import (
    Agent,
    AuditEntry,
    Call,
    CallOutcome,
    Outbox,
    OutsideLeg,
    Queue,
    QueueEntry,
    Recording,
    Reservation,
    Supervision,
    Voicemail,
    WebhookEvent,
)
from django_twilio_call.services import OutboxService, RecordingService, RetentionService, TransferService, audit
from django_twilio_call.services.rooms import call_in
from django_twilio_call.tasks import retention
from tests.fakes import CALLER, FakeTelephony, Twilio, call_sid
from tests.media import Recordings
from tests.webhooks.test_recordings import SID, tell
from tests.webhooks.test_walk import AGENT_LEG, conference_end, connected

pytestmark = pytest.mark.django_db
MESSAGE = "RE" + "2" * 32


@pytest.fixture
def recorded(twilio: Twilio, agent: Agent, queue: Queue, recordings: Recordings) -> Call:
    """A call that is over, with a recording, a message, a note, and what Twilio sent."""
    recordings.kept |= {SID: b"talk", MESSAGE: b"message"}
    reservation = connected(twilio)
    tell(twilio, reservation, "completed")
    conference_end(twilio, reservation)
    CallOutcome.objects.create(reservation=reservation, code="sold", note="her card", created_at=timezone.now())
    left = {"RecordingSid": MESSAGE, "RecordingStatus": "completed", "RecordingUrl": "https://api.twilio.com/x"}
    twilio.post(f"/twilio/recording/?queue={queue.pk}", **left)
    for sid in (call_sid(1), AGENT_LEG):
        twilio.post("/twilio/status/", sid=sid, CallStatus="completed", SequenceNumber=9)
    return Call.objects.get(sid=call_sid(1))


def run(days: int) -> dict[str, int]:
    """As it will be that many days from now, until nothing is left to do."""
    done = dict[str, int]()
    while piece := RetentionService().run(now=timezone.now() + timedelta(days=days)):
        done = {kind: done.get(kind, 0) + piece.get(kind, 0) for kind in {*done, *piece}}
    return done


def erase(number: str = CALLER) -> dict[str, int]:
    return dict(RetentionService().erase(number=number, actor=None, now=timezone.now()))


OUTSIDE = "+14155550177"


def called_in(twilio: Twilio, reservation: Reservation) -> OutsideLeg:
    """Somebody outside was asked into a conversation, and has left it."""
    now = timezone.now()
    leg = OutsideLeg.objects.create(
        reservation=reservation, room=reservation.conference, number=OUTSIDE, created_at=now
    )
    call_in(leg, conference="CF1", now=now)
    OutboxService(telephony=FakeTelephony()).deliver(now=now)
    path, sid = f"/twilio/outside-status/?leg={leg.pk}", call_sid(7)
    twilio.post(path, sid=sid, To=OUTSIDE, CallStatus="in-progress")
    twilio.post(
        f"/twilio/conference/?reservation={reservation.pk}",
        sid=sid,
        ConferenceSid="CF1",
        SequenceNumber=10,
        StatusCallbackEvent="participant-join",
        ParticipantLabel=leg.label,
    )
    twilio.post(path, sid=sid, To=OUTSIDE, CallStatus="completed")
    return leg


def test_nothing_is_deleted_before_its_time(recorded: Call, recordings: Recordings) -> None:
    assert run(29) == {}
    assert len(recordings.kept) == 2


def test_everything_goes_when_its_time_has_come(recorded: Call, recordings: Recordings) -> None:
    events = WebhookEvent.objects.count()
    assert run(31) == {"webhooks": events}
    assert run(91) == {"recordings": 1, "messages": 1}
    assert recordings.kept == {}
    assert run(366) == {"calls": 2}

    recorded.refresh_from_db()
    assert (recorded.from_number, recorded.to_number, recorded.sid) == ("", "", call_sid(1))
    assert recorded.ended_at is not None
    assert CallOutcome.objects.get().note == ""
    assert CallOutcome.objects.get().code == "sold"


def test_what_was_done_is_written_down(recorded: Call) -> None:
    run(91)

    assert AuditEntry.objects.filter(action="retention", actor=None).first().detail["recordings"] == 1  # type: ignore[union-attr]


def test_zero_days_are_for_ever(recorded: Call, settings: Settings) -> None:
    for kind in ("RECORDINGS", "VOICEMAIL", "WEBHOOKS", "CALLS"):
        setattr(settings, f"DJANGO_TWILIO_RETENTION_{kind}", 0)

    assert run(9999) == {}


def test_a_hold_keeps_everything_until_it_is_released(recorded: Call, agent: Agent, recordings: Recordings) -> None:
    RecordingService().hold(call_sid=recorded.sid, reason="Case 7", actor=agent.user, now=timezone.now())

    assert run(9999) == {}
    assert erase() == {"held": 1}
    assert len(recordings.kept) == 2

    RecordingService().release(call_sid=recorded.sid, actor=agent.user, now=timezone.now())
    assert run(9999)["calls"] == 2


def test_a_hold_keeps_what_twilio_sent_of_everybody_in_the_call(recorded: Call, agent: Agent, twilio: Twilio) -> None:
    reservation, now = Reservation.objects.get(), timezone.now()
    twilio.post("/twilio/status/", sid=call_sid(8), From="client:supervisor_1", CallStatus="completed")
    Supervision.objects.create(
        reservation=reservation, user=agent.user, call_sid=call_sid(8), created_at=now, ended_at=now
    )
    called_in(twilio, reservation)
    told = f"/twilio/conference/?reservation={reservation.pk}&SequenceNumber=12"
    twilio.post(told, sid="", ConferenceSid="CF1", StatusCallbackEvent="conference-end")
    RecordingService().hold(call_sid=recorded.sid, reason="Case 7", actor=agent.user, now=timezone.now())
    sent = WebhookEvent.objects.count()

    twilio.post("/twilio/voice/", sid=call_sid(9))
    assert run(9999) == {"webhooks": 1}

    assert WebhookEvent.objects.count() == sent
    assert Call.objects.exclude(from_number="").count() == Call.objects.count()


def test_a_run_takes_so_many_rows_and_the_next_goes_on(now: datetime, settings: Settings) -> None:
    settings.DJANGO_TWILIO_BATCH_SIZE_BULK_OPERATIONS = 500
    WebhookEvent.objects.bulk_create(
        WebhookEvent(key=f"k{number}", kind="voice", payload={}, received_at=now) for number in range(1200)
    )

    pieces = [RetentionService().run(now=now + timedelta(days=31))["webhooks"] for _ in range(4)]

    assert pieces == [500, 500, 200, 0]


def test_a_recording_twilio_does_not_delete_now_is_for_the_next_run(recorded: Call, recordings: Recordings) -> None:
    recordings.status = 503
    assert "recordings" not in run(91)
    assert Recording.objects.get().erased_at is None

    recordings.status = 0
    assert run(91)["recordings"] == 1


@pytest.mark.parametrize("how", [lambda: run(91), erase], ids=["in time", "at once"])
def test_what_was_written_down_goes_with_the_sound(
    recorded: Call, recordings: Recordings, queue: Queue, twilio: Twilio, how: Callable[[], object]
) -> None:
    text = "TR" + "3" * 32
    recordings.kept[text] = b"text"
    said = {"TranscriptionSid": text, "TranscriptionText": "secret", "TranscriptionStatus": "completed"}
    twilio.post(f"/twilio/transcription/?queue={queue.pk}", RecordingSid=MESSAGE, RecordingUrl="u", **said)
    assert Voicemail.objects.get().transcript == "secret"

    how()

    assert (Voicemail.objects.get().transcript, Voicemail.objects.get().transcription_sid) == ("", "")
    assert text not in recordings.kept


def test_a_person_is_erased_at_once(recorded: Call, recordings: Recordings) -> None:
    assert erase() == {"sounds": 2, "calls": 1}

    assert recordings.kept == {}
    assert not Call.objects.filter(from_number=CALLER).exists()
    assert not WebhookEvent.objects.filter(call_sid=call_sid(1)).exists()
    assert erase() == {}


def test_whom_an_agent_had_called_in_is_forgotten_with_the_call(recorded: Call, now: datetime) -> None:
    reservation = Reservation.objects.get(entry__call=recorded)
    leg = OutsideLeg.objects.create(reservation=reservation, room="r", number="+14155550177", created_at=now)

    erase()

    leg.refresh_from_db()
    assert leg.number == ""


def traces(number: str) -> list[object]:
    """Where that number still stands."""
    events = WebhookEvent.objects.filter(Q(payload__icontains=number) | Q(response__contains=number))
    return [*events, *Outbox.objects.filter(to_number=number), *OutsideLeg.objects.filter(number=number)]


def test_somebody_who_was_asked_into_the_call_of_another_is_erased(recorded: Call, twilio: Twilio) -> None:
    called_in(twilio, Reservation.objects.get())
    assert traces(OUTSIDE)

    assert erase(OUTSIDE) == {"outside": 1}

    assert traces(OUTSIDE) == []
    assert not WebhookEvent.objects.filter(call_sid=call_sid(7)).exists()
    assert WebhookEvent.objects.filter(call_sid=recorded.sid).exists()
    recorded.refresh_from_db()
    assert recorded.from_number == CALLER


def test_somebody_to_whom_a_caller_was_sent_is_erased(twilio: Twilio, agent: Agent) -> None:
    reservation = connected(twilio)
    TransferService().to_outside(agent_id=agent.pk, number=OUTSIDE, now=timezone.now())
    twilio.post(f"/twilio/outside/?reservation={reservation.pk}")
    assert erase(OUTSIDE) == {"live": 1}
    twilio.post(f"/twilio/outside-ended/?reservation={reservation.pk}", DialCallStatus="completed")

    erase(OUTSIDE)

    assert traces(OUTSIDE) == []


def test_whom_a_held_call_was_connected_with_is_kept(recorded: Call, agent: Agent, twilio: Twilio) -> None:
    called_in(twilio, Reservation.objects.get())
    RecordingService().hold(call_sid=recorded.sid, reason="Case 7", actor=agent.user, now=timezone.now())
    before = traces(OUTSIDE)

    assert erase(OUTSIDE) == {"held": 1}
    assert erase(CALLER) == {"held": 1}

    assert traces(OUTSIDE) == before


@pytest.mark.parametrize("how", [lambda: erase(), lambda: run(366)], ids=["asked for", "in time"])
def test_commands_forget_whom_they_called(
    recorded: Call, twilio: Twilio, queue: Queue, how: Callable[[], object]
) -> None:
    """A callback's command has the sid its call had before it was made, that of a leg outside none."""
    now = timezone.now()
    called_in(twilio, Reservation.objects.get())
    back = Call.objects.create(sid=call_sid(5), from_number=CALLER, to_number="", started_at=now, ended_at=now)
    entry = QueueEntry.objects.create(
        call=back, queue=queue, priority=0, enqueued_at=now, state=QueueEntryState.ANSWERED
    )
    command = Outbox(kind=OutboxKind.CREATE_CALL, call_sid="CB5", to_number=CALLER, entry=entry, state=OutboxState.DONE)
    command.not_before = command.created_at = now
    command.save()

    how()

    assert not Outbox.objects.exclude(to_number="").exists()
    assert traces(OUTSIDE) == []


def test_somebody_else_is_left_alone(recorded: Call, twilio: Twilio) -> None:
    twilio.post("/twilio/voice/", sid=call_sid(5), From="+14155550199")

    erase()

    assert Call.objects.get(sid=call_sid(5)).from_number == "+14155550199"
    assert WebhookEvent.objects.filter(call_sid=call_sid(5)).exists()


def test_a_call_that_goes_on_is_not_torn_apart_but_told(twilio: Twilio, agent: Agent) -> None:
    twilio.post("/twilio/voice/")

    assert erase() == {"live": 1}


def test_an_erasure_twilio_refuses_is_an_error_and_can_be_repeated(recorded: Call, recordings: Recordings) -> None:
    recordings.status = 503
    with pytest.raises(TelephonyError):
        erase()
    recorded.refresh_from_db()
    assert recorded.from_number == CALLER

    recordings.status = 0
    assert erase()["calls"] == 1


def test_the_audit_log_does_not_say_who_was_erased(recorded: Call) -> None:
    erase()

    entry = AuditEntry.objects.get(action="erase")
    assert CALLER not in f"{entry.target} {entry.detail}"


def test_the_audit_log_itself_is_kept_as_long_as_wanted(settings: Settings, now: datetime) -> None:
    audit.record(actor=None, action="login", now=now)
    settings.DJANGO_TWILIO_RETENTION_AUDIT = 30
    RetentionService().run(now=now + timedelta(days=29))
    assert AuditEntry.objects.filter(action="login").exists()

    RetentionService().run(now=now + timedelta(days=31))
    assert not AuditEntry.objects.filter(action="login").exists()


def command(*argv: str) -> str:
    out = StringIO()
    call_command("retention", *argv, stdout=out)
    return out.getvalue().strip()


def test_the_command_does_all_that_is_due_or_erases(recorded: Call) -> None:
    assert command() == "nothing was due"
    WebhookEvent.objects.update(received_at=timezone.now() - timedelta(days=31))
    assert command().startswith("webhooks: ")
    assert command("--erase", CALLER) == "calls: 1, sounds: 2"


def test_the_command_says_what_went_wrong(recorded: Call, recordings: Recordings) -> None:
    recordings.status = 503

    with pytest.raises(CommandError, match="run it again: Twilio answered 503"):
        command("--erase", CALLER)


def test_a_worker_does_a_piece(recorded: Call) -> None:
    WebhookEvent.objects.update(received_at=timezone.now() - timedelta(days=31))

    retention()

    assert not WebhookEvent.objects.exists()
