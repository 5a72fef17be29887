"""What is TwiML, and what is not."""

from __future__ import annotations

import pytest

from twilio_simulator.documents import TwimlError, parse

URL = "https://example.com/v"


def test_a_response_is_read() -> None:
    assert [verb.tag for verb in parse(b'<?xml version="1.0"?><Response><Say/><Hangup/></Response>', URL).root] == [
        "Say",
        "Hangup",
    ]


@pytest.mark.parametrize("body", [b"", b"<Response>", b' <?xml version="1.0"?><Response/>', b"<html/>", b"Not found"])
def test_what_is_not_twiml_is_an_error_of_twilios(body: bytes) -> None:
    with pytest.raises(TwimlError, match="12100 at http") as error:
        parse(body, URL)

    assert (error.value.code, error.value.url) == (12100, URL)


@pytest.mark.parametrize(
    ("body", "picks_up"),
    [
        (b"<Response><Reject/></Response>", False),
        (b'<Response><Dial answerOnBridge="true">+14155550100</Dial></Response>', False),
        (b"<Response><Say/><Reject/></Response>", True),
        (b"<Response/>", True),
    ],
)
def test_twilio_picks_up_unless_the_first_verb_rejects_or_rings_on(body: bytes, picks_up: bool) -> None:
    assert parse(body, URL).picks_up is picks_up
