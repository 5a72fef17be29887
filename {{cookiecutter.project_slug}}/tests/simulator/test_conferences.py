"""Conferences: who is in, when they start and end, and what the app hears."""

from __future__ import annotations

from twilio_simulator.calls import Call

from .stage import App, Stage

EVENTS = 'statusCallback="/conf" statusCallbackEvent="start end join leave"'


def room(app: App, stage: Stage, *attributes: str) -> list[Call]:
    """One leg after the other joins, each as its attributes say."""
    legs = []
    for number, said in enumerate(attributes):
        url = app.says(f"/leg{number}", f"<Dial><Conference {said}>room</Conference></Dial>")
        legs.append(stage.phone(f"agent_{number}", url))
        stage.reaches(legs[-1], "conference")
    return legs


def told(app: App, stage: Stage, path: str = "/conf") -> list[dict[str, str]]:
    """What the app was told, in the order it happened: callbacks may overtake one another."""
    stage.drained()
    return sorted((each.params for each in app.to(path)), key=lambda each: int(each["SequenceNumber"]))


def test_everything_that_happens_is_told_in_order(app: App, stage: Stage) -> None:
    first, second = room(app, stage, EVENTS, f'{EVENTS} endConferenceOnExit="true"')
    stage.hang_up(second)
    stage.ended(first)

    assert [
        (each["SequenceNumber"], each["StatusCallbackEvent"], each.get("CallSid")) for each in told(app, stage)
    ] == [
        ("1", "participant-join", first.sid),
        ("2", "participant-join", second.sid),
        ("3", "conference-start", second.sid),
        ("4", "participant-leave", second.sid),
        ("5", "participant-leave", first.sid),
        ("6", "conference-end", None),
    ]


def test_the_end_says_why_and_by_whom(app: App, stage: Stage) -> None:
    first, second = room(app, stage, EVENTS, 'endConferenceOnExit="true"')
    stage.hang_up(second)
    stage.ended(first)

    end = told(app, stage)[-1]
    assert end["ReasonConferenceEnded"] == "participant-with-end-conference-on-exit-left"
    assert end["CallSidEndingConference"] == second.sid
    assert end["FriendlyName"] == "room"
    assert "CallStatus" not in end


def test_a_conference_ends_with_its_last_leg(app: App, stage: Stage) -> None:
    first, second = room(app, stage, EVENTS, "")
    stage.hang_up(second)
    stage.ended(second)
    assert first.conference is not None

    stage.hang_up(first)
    assert told(app, stage)[-1]["ReasonConferenceEnded"] == "last-participant-left"


def test_the_callback_of_the_first_counts(app: App, stage: Stage) -> None:
    legs = room(app, stage, EVENTS, EVENTS.replace("/conf", "/other"))
    for leg in legs:
        stage.hang_up(leg)

    assert len(told(app, stage)) == 6
    assert told(app, stage, "/other") == []


def test_events_nobody_asked_for_are_counted_and_not_told(app: App, stage: Stage) -> None:
    (leg,) = room(app, stage, 'statusCallback="/conf" statusCallbackEvent="end"')
    stage.hang_up(leg)

    assert [each["SequenceNumber"] for each in told(app, stage)] == ["3"]


def test_a_conference_waits_for_one_who_may_start_it(app: App, stage: Stage) -> None:
    waits = f'{EVENTS} startConferenceOnEnter="false"'
    legs = room(app, stage, waits, waits, "")
    for leg in legs:
        stage.hang_up(leg)

    assert [each["StatusCallbackEvent"] for each in told(app, stage)][:4] == [
        *["participant-join"] * 3,
        "conference-start",
    ]


def test_the_journal_knows_who_was_in_and_when(app: App, stage: Stage) -> None:
    (leg,) = room(app, stage, "")
    stage.hang_up(leg)

    ((name, joined, left),) = stage.ended(leg)["conferences"]
    assert name == "room"
    assert joined < left


def test_a_name_can_be_used_again(app: App, stage: Stage) -> None:
    sids = []
    for _ in range(2):
        (leg,) = room(app, stage, "")
        sids.append(leg.conference.sid if leg.conference else "")
        stage.hang_up(leg)
        stage.ended(leg)

    assert sids[0] != sids[1]
