"""Everything people and Twilio reach, below the root."""

from __future__ import annotations

from django.urls import include, path

urlpatterns = [
    path("twilio/", include("django_twilio_call.webhooks.urls")),
    path("api/", include("django_twilio_call.api")),
    path("", include("django_twilio_call.console.urls")),
]
