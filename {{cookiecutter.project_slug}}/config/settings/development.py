"""Development: on a laptop, with the simulator, a file for a database and nothing to install."""

from __future__ import annotations

from config.logging import logging_config

from .base import *  # noqa: F403
from .base import CALL_CENTER_READING, STORAGES

DEBUG = True
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
WHITENOISE_USE_FINDERS = True
LOGGING = logging_config(level=CALL_CENTER_READING.config.log_level, as_json=False)
# Pages ask every few seconds: that a request was answered is enough.
LOGGING["loggers"]["django_structlog"] = {"level": "INFO"}
