"""Attributes that Twilio does not know are warned of; everything twilio-python writes is known."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from twilio.twiml.voice_response import Dial, Gather, Start, VoiceResponse

from twilio_simulator.calls import Call
from twilio_simulator.clock import Clock
from twilio_simulator.grammar import check


def warnings(twiml: str) -> list[str]:
    """What is warned of in a document."""
    call = Call("CA0", "", "", Clock())
    for verb in ET.fromstring(twiml):
        check(verb, call)
    found: list[str] = call.journal["warnings"]
    return found


@pytest.mark.parametrize(
    ("twiml", "warned"),
    [
        ('<Gather numdigits="1"/>', ["12200: numdigits in <Gather>"]),
        ('<Dial><Conference colour="red">room</Conference></Dial>', ["12200: colour in <Conference>"]),
        ('<Say xml:lang="de">Hallo</Say>', []),
        ('<Unknown some="thing"/>', []),
    ],
)
def test_an_attribute_that_is_none_is_named(twiml: str, warned: list[str]) -> None:
    assert warnings(f"<Response>{twiml}</Response>") == warned


def test_what_twilios_library_writes_is_known() -> None:
    response = VoiceResponse()
    gather = Gather(input="dtmf speech", num_digits=1, action_on_empty_result=True, finish_on_key="#")
    gather.say("Hello", voice="alice", language="de-DE")
    response.append(gather)
    dial = Dial(answer_on_bridge=True, caller_id="+15550100000", hangup_on_star=True)
    dial.conference("room", start_conference_on_enter=True, participant_label="agent", wait_url="/music")
    dial.queue("support", reservation_sid="WR0")
    response.append(dial)
    start = Start()
    start.transcription(name="t", status_callback_url="/text", language_code="de-DE")
    response.append(start)
    response.record(max_length=3, recording_status_callback_event="completed", play_beep=True, trim="trim-silence")
    response.enqueue("support", wait_url="/wait", wait_url_method="GET", workflow_sid="WW0")

    assert warnings(str(response)) == []
