"""The admin: what people set up, and what happened."""

from __future__ import annotations

from . import center, hours, ivr, voicemail

__all__ = ["center", "hours", "ivr", "voicemail"]
