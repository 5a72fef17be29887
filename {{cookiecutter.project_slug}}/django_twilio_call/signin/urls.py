"""Paths of the way in and out, below `/accounts/`."""

from __future__ import annotations

from django.contrib.auth.views import LogoutView
from django.urls import path

from . import oidc, views
from .second_factor import without_second_factor

urlpatterns = [
    path("login/", without_second_factor(views.SignInView.as_view()), name="login"),
    path("logout/", without_second_factor(LogoutView.as_view()), name="logout"),
    path("second-factor/", views.verify, name="second-factor"),
    path("second-factor/set-up/", views.set_up, name="second-factor-set-up"),
    path("oidc/", oidc.start, name="oidc"),
    path("oidc/back/", oidc.back, name="oidc-back"),
]
