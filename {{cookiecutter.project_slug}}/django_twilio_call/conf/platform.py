"""Variables of the platform: Django, backing services, the web process. The call center's own are in `catalogue`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from . import types as t
from .variables import STAGES, Section, Var, own

_django: Final = Section("Django")
_services: Final = Section("Backing services")
_web: Final = Section("Web process")
_signin: Final = Section("Signing in")


@dataclass(frozen=True, slots=True, init=False, repr=False, eq=False)  # as `Config` is
class Platform:
    """The half of `Config` that any Django project has."""

    stage: str
    """The stage, from the settings module alone."""

    secret_key: str = _django(
        "DJANGO_SECRET_KEY",
        t.text("at least 32 characters, without blanks", r"\S{32,}"),
        None,
        "Signs sessions and tokens.",
        secret=True,
        generated=STAGES,
    )
    secret_key_fallbacks: tuple[str, ...] = _django(
        "DJANGO_SECRET_KEY_FALLBACKS",
        t.items("former keys, separated by commas", r"[^,\s]{32,}"),
        (),
        "Former values of DJANGO_SECRET_KEY: what they signed still counts.",
        secret=True,
    )
    allowed_hosts: tuple[str, ...] = _django(
        "DJANGO_ALLOWED_HOSTS",
        t.items("host names, separated by commas", r"[A-Za-z0-9.*-]+|\[[0-9a-f:]+\]"),
        ("localhost", "127.0.0.1", "[::1]", "testserver"),
        "Host names this deploy answers to.",
        operator=True,
    )
    csrf_trusted_origins: tuple[str, ...] = _django(
        "DJANGO_CSRF_TRUSTED_ORIGINS",
        t.items("origins with scheme, separated by commas", r"https?://[^/,\s$]+"),
        (),
        "Other origins whose forms are trusted.",
    )
    log_level: str = _django(
        "DJANGO_LOG_LEVEL",
        t.choice("DEBUG", "INFO", "WARNING", "ERROR"),
        "INFO",
        "How much is logged. DEBUG tells more of the call center, not of libraries.",
        stages={"development": "DEBUG"},
    )
    time_zone: str = _django(
        "DJANGO_TIME_ZONE",
        t.time_zone(),
        "UTC",
        "Where the call center's day begins.",
    )
    upload_limit: int = _django(
        "DJANGO_UPLOAD_LIMIT", t.size(65_536, 104_857_600), 2_621_440, "The largest request that is read into memory."
    )

    database_url: str = _services(
        "DATABASE_URL",
        t.database_url(),
        "sqlite:///db.sqlite3",
        "The database; a relative SQLite path begins at the project's folder.",
        secret=True,
        operator=True,
    )
    database_pooler: str = _services(
        "DATABASE_POOLER",
        t.choice("session", "transaction"),
        "session",
        "`transaction`: PgBouncer stands before PostgreSQL and lends a connection for that long.",
    )
    database_connections: int = _services(
        "DATABASE_CONNECTIONS",
        t.integer(1, 100_000),
        150,
        "How many all pods together may open. `manage.py check --database default` asks the server.",
    )
    redis_url: str = _services(
        "REDIS_URL",
        t.url("redis", "rediss", "unix", empty=True, secret=True),
        "",
        "The cache. Empty: one in each process, for a single web process.",
        secret=True,
        operator=True,
    )
    celery_broker_url: str = _services(
        "CELERY_BROKER_URL",
        t.broker_url("redis", "rediss", "amqp", "amqps", "memory"),
        "",
        "Where messages to workers go. Empty: a folder, for workers on this machine.",
        stages={"testing": "memory://localhost"},
        secret=True,
        operator=True,
    )
    celery_broker_folder: str = _services(
        "CELERY_BROKER_FOLDER",
        t.text("a path of letters, digits and ./_-", r"[\w./-]+( [\w./-]+)*"),
        "var/broker",
        "The folder for messages where there is no broker; a relative path begins at the project's folder.",
    )

    port: int = _web(
        "PORT", t.integer(1, 65535), 8000, "Port the web process listens on: 8000 by compose and Kubernetes."
    )
    web_concurrency: int = _web(
        "WEB_CONCURRENCY", t.integer(1, 64), 2, "Web worker processes.", stages={"development": 1, "testing": 1}
    )
    web_threads: int = _web("WEB_THREADS", t.integer(1, 128), 8, "Threads of each web worker process.")
    public_base_url: str = _web(
        "PUBLIC_BASE_URL",
        t.origin("http", "https"),
        "http://127.0.0.1:8000",
        "The address Twilio and browsers know this deploy by. Signatures are checked against it. "
        "Its host is one of DJANGO_ALLOWED_HOSTS.",
        operator=True,
    )
    metrics_token: str = _web(
        own("METRICS_TOKEN"),
        t.text("empty, or at least 16 characters without blanks", r"(\S{16,})?"),
        "",
        "What a reader of /metrics must show as a bearer token. Empty: nobody reads them outside development.",
        secret=True,
    )
    sentry_dsn: str = _web(
        "SENTRY_DSN",
        t.text(
            "empty, or a project's address at Sentry: https://key@host/number",
            r"(https?://[\w-]+@[\w.:-]+(/[\w-]+)*/\d+)?",
        ),
        "",
        "Where errors are reported, without phone numbers and secrets. Empty: nowhere.",
        secret=True,
    )

    session_age: int = _signin(
        "DJANGO_SESSION_AGE", t.seconds(300, 1_209_600), 43_200, "How long a sign-in lasts: a shift."
    )
    trusted_proxies: int = _signin(
        own("TRUSTED_PROXIES"),
        t.integer(0, 10),
        0,
        "How many proxies of ours append to X-Forwarded-For. Visitors' addresses are read from there.",
        stages={"staging": 1, "production": 1},
    )
    login_attempts: int = _signin(
        own("LOGIN_ATTEMPTS"),
        t.integer(1, 100, "times"),
        5,
        "Passwords that may be tried for one account from one address. An account has ten times as many from all "
        "addresses, an address twenty times as many for all accounts.",
    )
    login_lock: int = _signin(
        own("LOGIN_LOCK"), t.seconds(60, 86_400), 900, "The time that attempts are counted in and then refused for."
    )
    second_factor: str = _signin(
        own("SECOND_FACTOR"),
        t.choice("optional", "required"),
        "required",
        "Whether administrators must have a second factor. Anybody may.",
        stages={"development": "optional", "testing": "optional"},
    )
    oidc_issuer: str = _signin(
        "OIDC_ISSUER", t.url("http", "https", empty=True), "", "Identity provider (OpenID Connect). Empty: none."
    )
    oidc_client_id: str = _signin("OIDC_CLIENT_ID", t.text(), "", "What the provider knows this deploy by.")
    oidc_client_secret: str = _signin("OIDC_CLIENT_SECRET", t.text(), "", "Secret of that client.", secret=True)
    oidc_scopes: str = _signin(
        "OIDC_SCOPES",
        t.text("scopes, openid among them", r".*\bopenid\b.*"),
        "openid profile email",
        "What is asked of it.",
    )
    oidc_username_claim: str = _signin(
        "OIDC_USERNAME_CLAIM",
        t.text(),
        "preferred_username",
        "Claim that names the user. It must be one that people cannot choose themselves.",
    )
    oidc_groups_claim: str = _signin("OIDC_GROUPS_CLAIM", t.text(), "groups", "Claim that lists the user's groups.")
    oidc_group_prefix: str = _signin(
        "OIDC_GROUP_PREFIX",
        t.text(),
        "call-center-",
        "What the groups' names begin with: call-center-agent, -supervisor, -administrator, -auditor.",
    )


def _part(name: str, type_: t.Type, default: str, help_: str, *, secret: bool = False) -> Var:
    return Var(name, type_, default, help_, "Backing services", secret=secret)


DATABASE_PARTS: Final[Mapping[str, Var]] = MappingProxyType(
    {
        part.name: part
        for part in (
            _part("DATABASE_HOST", t.text("a host name or address", r"[\w.:-]+"), "", "Instead of DATABASE_URL: host."),
            _part("DATABASE_PORT", t.integer(1, 65535), "5432", "Instead of DATABASE_URL: port."),
            _part("DATABASE_NAME", t.text("a name", r".+"), "", "Instead of DATABASE_URL: name of the database."),
            _part("DATABASE_USER", t.text(), "", "Instead of DATABASE_URL: user."),
            _part("DATABASE_PASSWORD", t.text(), "", "Instead of DATABASE_URL: password.", secret=True),
        )
    }
)
"""Platforms that hand out a database in parts set these; DATABASE_URL is put together from them."""
