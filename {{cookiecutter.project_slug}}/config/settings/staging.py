"""Staging: production with other values."""

from __future__ import annotations

from .production import *  # noqa: F403
