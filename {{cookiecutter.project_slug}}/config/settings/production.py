"""Production: behind a proxy that ends TLS."""

from __future__ import annotations

from .base import *  # noqa: F403

# The proxy must set or remove this header itself; docs/kubernetes.md says how.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = True
# A redirect would break Twilio's signature, and a probe knows nothing of TLS.
SECURE_REDIRECT_EXEMPT = [r"^healthz/", r"^twilio/"]
SECURE_HSTS_SECONDS = 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
