"""TwiML documents: read, or refused with Twilio's error code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from xml.etree import ElementTree as ET

BAD_XML: Final = 12100
BAD_VERB: Final = 12200
QUEUE_FULL: Final = 14207


class TwimlError(Exception):
    """The app gave nothing that can be run: Twilio's code, and where it was asked."""

    def __init__(self, code: int, url: str) -> None:
        super().__init__(f"{code} at {url}")
        self.code, self.url = code, url


@dataclass(frozen=True, slots=True)
class Document:
    """A response, and the URL that relative ones in it begin at."""

    root: ET.Element
    url: str

    @property
    def picks_up(self) -> bool:
        """Whether Twilio answers at once."""
        return not len(self.root) or picks_up(self.root[0])


def picks_up(verb: ET.Element) -> bool:
    """Whether a verb answers a call that still rings: not one that rejects it, or has it ring on."""
    return verb.tag != "Reject" and verb.get("answerOnBridge") != "true"


def parse(body: bytes, url: str) -> Document:
    """Read a response. Raises `TwimlError` when it is not one."""
    try:
        root = ET.fromstring(body)  # noqa: S314  # the answer of the app under test, over loopback
    except ET.ParseError:
        raise TwimlError(BAD_XML, url) from None
    if root.tag != "Response":
        raise TwimlError(BAD_XML, url)
    return Document(root, url)
