"""What all stages share. The configuration is read here, once, and every value comes from it."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from environ import Env
from kombu import Queue

from config.broker import PATIENCE
from config.logging import logging_config
from config.sentry import report_errors
from django_twilio_call.conf.envfiles import loaded
from django_twilio_call.conf.reader import reading
from django_twilio_call.exceptions import ConfigurationError

BASE_DIR = Path(__file__).resolve().parent.parent.parent

try:
    CALL_CENTER_READING = reading(
        os.environ, os.environ.get("DJANGO_SETTINGS_MODULE", "").rpartition(".")[2], where=loaded(os.environ)
    )
except ConfigurationError as error:
    raise ImproperlyConfigured(str(error)) from None

_config = CALL_CENTER_READING.config

SECRET_KEY = _config.secret_key
SECRET_KEY_FALLBACKS = list(_config.secret_key_fallbacks)
DEBUG = False
ALLOWED_HOSTS = list(_config.allowed_hosts)
CSRF_TRUSTED_ORIGINS = [*_config.csrf_trusted_origins, _config.public_base_url]

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "django_otp",
    "django_otp.plugins.otp_static",
    "django_otp.plugins.otp_totp",
    "django_structlog",
    "django_twilio_call",
]

MIDDLEWARE = [
    "django_twilio_call.operations.OperationMiddleware",
    "django_twilio_call.metrics.MetricsMiddleware",
    "django_twilio_call.health.HealthMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django_twilio_call.signin.policy.ContentSecurityPolicyMiddleware",
    "django_twilio_call.console.wallboard.WallboardMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django_twilio_call.requestlog.RequestLogMiddleware",
    "django_twilio_call.webhooks.middleware.WebhookMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "django_twilio_call.signin.second_factor.SecondFactorMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "config" / "templates"],  # found before an app's
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "login"
SESSION_COOKIE_AGE = _config.session_age
OTP_TOTP_ISSUER = urlsplit(_config.public_base_url).hostname
OTP_ADMIN_HIDE_SENSITIVE_DATA = True

LANGUAGE_CODE = "en-us"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
LOCALE_PATHS = [BASE_DIR / "var" / "locale"]  # what `manage.py words` compiled; without it pages are in English
TIME_ZONE = _config.time_zone
USE_TZ = True
DATA_UPLOAD_MAX_MEMORY_SIZE = _config.upload_limit

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "var" / "static"
STATICFILES_DIRS = [path for path in [BASE_DIR / "var" / "assets"] if path.is_dir()]  # what `make assets` fetched
STORAGES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}


def _database() -> dict[str, Any]:
    """The database of DATABASE_URL, with time-outs: a caller on the line does not wait longer.

    What the URL says itself stays: how TLS is verified, above all.
    """
    database: dict[str, Any] = Env.db_url_config(_config.database_url)
    said: dict[str, Any] = database.get("OPTIONS", {})
    seconds = _config.webhook_database_timeout
    if database["ENGINE"].endswith("sqlite3"):
        database["NAME"] = str(BASE_DIR / database["NAME"])
        # SQLite ignores row locks, so a transaction takes the one writer's place at its beginning.
        database["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",
            "timeout": 10,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
            **said,
        }
        return database
    # What a statement may take is bounded where callers wait, by `config.database`: a migration takes its time.
    options = {"connect_timeout": seconds, **said}
    # A cursor would outlive the transaction that a connection is lent for. Statements are not prepared: Django's way.
    lent = _config.database_pooler == "transaction"
    kept = {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True, "DISABLE_SERVER_SIDE_CURSORS": lent}
    return {**kept, **database, "OPTIONS": options}


DATABASES = {"default": _database()}

CACHES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django_twilio_call.cache.backend.RedisCache", "LOCATION": _config.redis_url}
    if _config.redis_url
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "OPTIONS": {"MAX_ENTRIES": 10_000}},
}

CELERY_BROKER_URL = _config.celery_broker_url or "filesystem://localhost"
if not _config.celery_broker_url:
    CELERY_BROKER_TRANSPORT = "config.broker:Transport"
# A message only wakes, so nobody keeps it until it is done: that would ask the broker once more, and Kombu gives back
# what was kept over a connection that has just ended, too, which ends the worker.
CELERY_TASK_QUEUES = (Queue("celery", no_ack=True),)
CELERY_DB_REUSE_MAX = 2**62  # never: `config.celery` keeps connections as Django does between requests
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_PUBLISH_RETRY = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BEAT_SCHEDULE = {
    # One that nobody took in time is dropped: the next one does the same.
    "sweep": {
        "task": "django_twilio_call.tasks.sweep",
        "schedule": _config.sweep_interval,
        "options": {"expires": 10 * _config.sweep_interval},
    },
    # Apart from the sweep: a Twilio that answers slowly must not hold up who waits. Rows say what is due.
    "reconcile": {
        "task": "django_twilio_call.tasks.reconcile",
        "schedule": 5,
        "options": {"expires": 10},
    },
    "retention": {
        "task": "django_twilio_call.tasks.retention",
        "schedule": _config.retention_interval,
        "options": {"expires": _config.retention_interval},
    },
}


def _broker_options() -> dict[str, Any]:
    """A folder for messages where there is no broker; else short time-outs, since only a wake-up can be lost."""
    if _config.celery_broker_url:
        return PATIENCE
    folder = BASE_DIR / _config.celery_broker_folder
    (folder / "control").mkdir(parents=True, exist_ok=True)
    messages = str(folder)
    return {
        "data_folder_in": messages,
        "data_folder_out": messages,
        "control_folder": str(folder / "control"),
        "polling_interval": 0.1,
    }


CELERY_BROKER_TRANSPORT_OPTIONS = _broker_options()

LOGGING = logging_config(level=_config.log_level, as_json=True)
# One line for a request is enough, when it is answered; with DJANGO_LOG_LEVEL=DEBUG there is one when it came, too.
DJANGO_STRUCTLOG_STATUS_START_LOG_LEVEL = logging.DEBUG

report_errors(_config)
