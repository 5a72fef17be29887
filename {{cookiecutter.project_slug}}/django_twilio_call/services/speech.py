"""How the callers of a queue are spoken to."""

from __future__ import annotations

from ..models import Queue
from .decisions import Speech


def speech_of(queue: Queue) -> Speech:
    """As the queue says; what it leaves open, the configuration says."""
    return Speech(language=queue.language, voice=queue.voice, texts=queue.texts)
