"""Composition root: settings, URLs and processes. It may import anything; nothing imports it."""

from __future__ import annotations

from .celery import app as celery_app

__all__ = ["celery_app"]
