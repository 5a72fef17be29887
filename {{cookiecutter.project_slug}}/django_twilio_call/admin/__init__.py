"""The admin: what people set up, and what happened."""

from __future__ import annotations

from django.contrib import admin

from . import callbacks, center, hours, ivr, voicemail

__all__ = ["callbacks", "center", "hours", "ivr", "voicemail"]

admin.site.site_header = admin.site.site_title = "Call center administration"
