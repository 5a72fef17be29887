"""Wiring: who listens to whom, once all models are loaded."""

from __future__ import annotations

from django.apps import AppConfig


class DjangoTwilioCallConfig(AppConfig):
    """The call center as a Django application."""

    name = "django_twilio_call"
    verbose_name = "Call center"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register checks and connect the signals."""
        from celery.signals import task_postrun, task_prerun
        from django.core.signals import request_finished
        from django.db.models.signals import post_migrate
        from django_structlog.signals import bind_extra_request_metadata

        from . import cache, checks, models, operations, signals, tasks  # noqa: F401  # checks register themselves

        post_migrate.connect(models.create_roles, sender=self, dispatch_uid="django_twilio_call.roles")
        cache.connect_model_invalidation(models.INVALIDATES)
        signals.work_waiting.connect(tasks.wake, dispatch_uid="django_twilio_call.wake")
        task_prerun.connect(operations.begin_task, dispatch_uid="django_twilio_call.operations")
        task_postrun.connect(operations.end_task, dispatch_uid="django_twilio_call.operations")
        request_finished.connect(operations.publish, dispatch_uid="django_twilio_call.operations")
        bind_extra_request_metadata.connect(operations.name_the_call, dispatch_uid="django_twilio_call.operations")
