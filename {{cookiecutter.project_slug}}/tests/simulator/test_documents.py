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
    ("body", "rejects"),
    [
        (b"<Response><Reject/></Response>", True),
        (b"<Response><Say/><Reject/></Response>", False),
        (b"<Response/>", False),
    ],
)
def test_only_a_reject_at_the_beginning_keeps_twilio_from_picking_up(body: bytes, rejects: bool) -> None:
    assert parse(body, URL).rejects is rejects
