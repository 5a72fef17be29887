"""One line in the log for each request: what was asked, by whom, and from where."""

from __future__ import annotations

from django.http import HttpRequest
from django_structlog.middlewares import RequestMiddleware
from structlog.contextvars import bind_contextvars

from .visitors import address_of, is_webhook


class RequestLogMiddleware(RequestMiddleware):
    """Twilio is nobody who signs in, and its address says nothing; of others, that which our proxies vouch for."""

    @classmethod
    def bind_ip(cls, request: HttpRequest) -> None:
        """Say where a person is."""
        if not is_webhook(request):
            bind_contextvars(ip=address_of(request))

    @staticmethod
    def bind_user_id(request: HttpRequest) -> None:
        """Say who it is, which reads the session."""
        if not is_webhook(request):
            RequestMiddleware.bind_user_id(request)
