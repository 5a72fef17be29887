"""The admin: what people set up, and what happened."""

from __future__ import annotations

from . import center, hours, voicemail

__all__ = ["center", "hours", "voicemail"]
