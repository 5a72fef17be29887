"""The admin: what people set up, and what happened."""

from __future__ import annotations

from . import callbacks, center, hours, ivr, voicemail

__all__ = ["callbacks", "center", "hours", "ivr", "voicemail"]
