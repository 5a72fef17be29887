"""URLs of the project: the call center at the root, the admin and the login beside it."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

urlpatterns = [
    path("", include("django_twilio_call.urls")),  # first, since most requests are webhooks
    # One door: the admin's own would count no attempts.
    path("admin/login/", RedirectView.as_view(pattern_name="login", query_string=True)),
    path("admin/", admin.site.urls),
    path("accounts/", include("django_twilio_call.signin.urls")),
]
