"""Which attributes TwiML has: those that twilio-python can write. Others are warned of, as Twilio's debugger does."""

from __future__ import annotations

import functools
import inspect
from xml.etree import ElementTree as ET

from .calls import Call
from .documents import BAD_VERB


def check(verb: ET.Element, call: Call) -> None:
    """Warn of attributes, and of nouns with attributes, that Twilio does not know."""
    for element in verb.iter():
        known = _known().get(element.tag)
        for name in element.attrib:
            if known is not None and name not in known and not name.startswith("{"):
                call.warn(BAD_VERB, f"{name} in <{element.tag}>")


@functools.cache
def _known() -> dict[str, frozenset[str]]:
    """Attributes by element, from the methods that write them."""
    from twilio.twiml import voice_response  # 80 ms to import

    writers = ("VoiceResponse", "Dial", "Gather", "Start", "Stop", "Client")
    known: dict[str, frozenset[str]] = {}
    for writer in writers:
        for name, method in inspect.getmembers(getattr(voice_response, writer), inspect.isfunction):
            if not name.startswith("_"):
                tag, attributes = (
                    _camel(name, first=True),
                    {_camel(each) for each in inspect.signature(method).parameters},
                )
                known[tag] = known.get(tag, frozenset()) | attributes
    return known


def _camel(name: str, *, first: bool = False) -> str:
    words = name.strip("_").split("_")
    return "".join(word.capitalize() if index or first else word for index, word in enumerate(words))
