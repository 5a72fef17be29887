"""The WSGI application, with URLs and views loaded before the first caller (and before a fork) rather than by it."""

from __future__ import annotations

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

from .celery import app as celery
from .database import bound_statements
from .rehearsal import rehearse

application = get_wsgi_application()
get_resolver().url_patterns  # noqa: B018  # read for its effect
bound_statements()
# So is what sends a message; a page that a worker writes to is its own.
celery.finalize(auto=True)
_ = celery.amqp.queues, celery.events.Dispatcher, celery.connection_for_write().get_transport_cls()
rehearse()
