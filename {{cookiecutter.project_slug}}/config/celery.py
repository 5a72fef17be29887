"""The Celery application: `manage.py celery worker`, or Celery's own `celery --app config.celery worker`."""

from __future__ import annotations

from typing import Any

from celery import Celery
from celery.signals import (
    after_task_publish,
    beat_embedded_init,
    beat_init,
    before_task_publish,
    task_postrun,
    task_prerun,
    worker_init,
    worker_ready,
    worker_shutdown,
)

from django_twilio_call.conf import get_config
from django_twilio_call.exceptions import ConfigurationError

from . import alive

app = Celery("config")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_init.connect
def refuse(**_: Any) -> None:
    """A wrong deploy takes no task. Celery only logs what a receiver raises, but for this."""
    try:
        get_config()
    except ConfigurationError as error:
        raise SystemExit(str(error)) from None


@worker_ready.connect
def begin_worker(**_: Any) -> None:
    """After Celery has set its own handlers: SIGHUP reloads the configuration, it does not restart the worker."""
    _begin("worker")
    tasks = alive.Tasks()
    task_prerun.connect(tasks.begin, weak=False)
    task_postrun.connect(tasks.end, weak=False)
    tasks.watch()


@beat_init.connect
@beat_embedded_init.connect
def begin_beat(**_: Any) -> None:
    """Beat takes no tasks; whenever it sends one it looks for a change."""
    from django_twilio_call import operations

    _begin("beat")
    before_task_publish.connect(alive.sign)  # whether or not the broker then takes it
    after_task_publish.connect(operations.pulse, dispatch_uid="django_twilio_call.operations")


@task_prerun.connect
@task_postrun.connect
def look_after_connections(sender: Any, **_: Any) -> None:
    """As Django does around a request: what broke or is old goes. Celery itself would open one for each task."""
    from django.db import close_old_connections

    if not sender.request.is_eager:
        close_old_connections()


@worker_shutdown.connect
def end_worker(**_: Any) -> None:
    """It is not to be waited for."""
    from django_twilio_call import operations

    operations.end()


def _begin(role: str) -> None:
    from django.db import connections

    from django_twilio_call import operations  # not before Django has its models

    operations.begin(role)
    connections.close_all()  # this thread runs no tasks
