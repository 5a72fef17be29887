"""What callers hear where nothing can be reached."""

from __future__ import annotations

from io import StringIO
from xml.etree import ElementTree as ET

from django.core.management import call_command
from django.test import Client, override_settings


def printed() -> str:
    out = StringIO()
    call_command("fallback_twiml", stdout=out)
    return out.getvalue().strip()


def test_it_is_what_the_fallback_url_says_and_needs_no_database() -> None:
    assert printed() == Client().post("/twilio/fallback/").content.decode()


@override_settings(DJANGO_TWILIO_CALLER_LANGUAGE="de-DE", DJANGO_TWILIO_CALLER_VOICE="Polly.Vicki")
def test_it_speaks_the_configured_language() -> None:
    say, hangup = ET.fromstring(printed())

    assert (say.get("language"), say.get("voice"), hangup.tag) == ("de-DE", "Polly.Vicki", "Hangup")
    assert say.text is not None
    assert say.text.startswith("Leider")


@override_settings(DJANGO_TWILIO_FALLBACK_TEXT="Please call 555 & ask for Ada.")
def test_it_says_a_text_of_ones_own() -> None:
    assert ET.fromstring(printed())[0].text == "Please call 555 & ask for Ada."
