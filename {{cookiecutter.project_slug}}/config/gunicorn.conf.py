"""How gunicorn serves: threads, because a webhook waits for the database far longer than it computes."""

from __future__ import annotations

import gc
from pathlib import Path

from django.conf import settings

from django_twilio_call.conf import get_config

_config = get_config()

bind = f"0.0.0.0:{_config.port}"
worker_class = "gthread"
threads = _config.web_threads
# Without REDIS_URL the cache is this process's own: a second one would not see what the first invalidates.
workers = _config.web_concurrency if _config.redis_url else 1

# wsgi.py loads URLs and views, so the workers share that memory and the first caller waits for no import. Nothing is
# connected before the fork. The price: SIGHUP reloads no code; a new release is a new process. What may change without
# a restart does: the master's SIGHUP makes new workers, and each reads it anew below; a worker's own does so in place.
preload_app = True


def on_starting(server: object) -> None:
    """The master begins: what a pod counted before is over."""
    from django_twilio_call.metrics import pod

    pod.forget()


def when_ready(server: object) -> None:
    """All is loaded: the collector leaves it alone from now on, or it would write to every page that workers share."""
    gc.freeze()


def post_worker_init(worker: object) -> None:
    """A worker begins: it watches the mounted configuration, and says with which it runs."""
    from django.db import connections

    from django_twilio_call import operations, tasks

    operations.begin("web")
    tasks.wake()  # the first message of a process takes its time: not that of the first caller
    connections.close_all()  # this thread answers no requests


def worker_exit(server: object, worker: object) -> None:
    """A worker ends."""
    from django_twilio_call import operations

    operations.end()


# Twilio gives a webhook 15 s. Those under way get their answer; only then does the process end.
graceful_timeout = 20
timeout = 30
# Longer than a load balancer keeps an idle connection (60 s, mostly): were ours the one to close, a request is lost.
keepalive = 75

# The heartbeat of a worker must not wait for a disk.
if Path("/dev/shm").is_dir():  # noqa: S108
    worker_tmp_dir = "/dev/shm"  # noqa: S108
# It would be opened below $HOME, which is read-only or nobody's in a container.
control_socket_disable = True

# Requests are logged by the application, with request id and CallSid; gunicorn's own lines go the same way.
accesslog = None
logconfig_dict = settings.LOGGING | {
    "loggers": settings.LOGGING.get("loggers", {})
    | {"gunicorn.error": {"level": "INFO", "handlers": [], "propagate": True}}
}
