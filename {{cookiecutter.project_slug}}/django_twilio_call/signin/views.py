"""Signing in with a password, and the second factor: an app's code, or one of the recovery codes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import segno
from django import forms
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.decorators import login_required
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods
from django_otp import devices_for_user, login, match_token
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from ..conf import get_config
from ..exceptions import LockedOut
from ..services import LoginService, audit
from ..visitors import address_of
from .second_factor import DUE, SESSION_KEY, is_owed, without_second_factor

RECOVERY_CODES: Final = 10
View = Callable[[HttpRequest], HttpResponse]


class SignInForm(AuthenticationForm):
    """Django's, but an attempt is counted before the password is looked at."""

    def clean(self) -> dict[str, Any]:
        """Refuses with the time to wait where there were too many attempts."""
        username, password = self.cleaned_data.get("username"), self.cleaned_data.get("password")
        if not username or not password:
            return super().clean()
        address = address_of(self.request) if self.request else ""
        try:
            LoginService().attempt(username=username, address=address, now=timezone.now())
        except LockedOut as error:
            raise forms.ValidationError(_locked(error), code="locked") from None
        cleaned = super().clean()
        LoginService().succeeded(username=username, address=address)
        return cleaned


def _locked(error: LockedOut) -> str:
    if error.minutes == 1:
        return gettext("Too many attempts. Try again in a minute.")
    return gettext("Too many attempts. Try again in %(minutes)s minutes.") % {"minutes": error.minutes}


class SignInView(LoginView):
    """Whoever has a second factor is asked for it next, whether or not they must have one."""

    authentication_form = SignInForm
    redirect_authenticated_user = True

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        """Signed in, or half of it."""
        answer = super().form_valid(form)
        user = form.get_user()
        audit.record(actor=user, action="login", address=address_of(self.request), now=timezone.now())
        if any(devices_for_user(user)):
            self.request.session[SESSION_KEY] = DUE
        return answer

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Whether there is an identity provider too."""
        return super().get_context_data(provider=bool(get_config().oidc_issuer), **context)


class CodeForm(forms.Form):
    """One code."""

    code = forms.CharField(
        label=_("Code"),
        max_length=20,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "autofocus": True, "spellcheck": "false"}),
    )

    def clean_code(self) -> str:
        """People write it down in groups."""
        return str(self.cleaned_data["code"]).replace(" ", "").lower()


def _private(view: View) -> View:
    """Of one's own second factor: for whoever has signed in with a password, and in nobody's cache or log."""
    guarded = login_required(sensitive_post_parameters()(require_http_methods(["GET", "POST"])(view)))
    private: View = without_second_factor(never_cache(guarded))
    return private


@_private
def verify(request: HttpRequest) -> HttpResponse:
    """Ask for a code. Wrong ones are slowed down by the device itself, each twice as long as the one before."""
    form = CodeForm(request.POST or None)
    if not any(devices_for_user(request.user)):
        return redirect("second-factor-set-up")
    if request.method == "POST" and form.is_valid():
        device = match_token(request.user, form.cleaned_data["code"])
        now = timezone.now()
        if device is not None:
            _verified(request, device)
            if isinstance(device, StaticDevice):
                audit.record(actor=request.user, action="second_factor.recovery", address=address_of(request), now=now)
            return redirect(_next(request))
        audit.record(actor=request.user, action="second_factor.wrong", address=address_of(request), now=now)
        form.add_error("code", _("That is not the code, or it was used already. Wait for the next one."))
    context = {
        "form": form,
        "next": request.GET.get(REDIRECT_FIELD_NAME, ""),
        "owes_second_factor": is_owed(request),
    }
    return render(request, "signin/verify.html", context)


@_private
def set_up(request: HttpRequest) -> HttpResponse:
    """Have an authenticator app know the secret, and prove it. Shows the recovery codes, once."""
    user: Any = request.user
    if any(devices_for_user(user)) and not user.is_verified():
        return redirect("second-factor")
    device, _made = TOTPDevice.objects.get_or_create(user=user, confirmed=False, defaults={"name": "app"})
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        if device.verify_token(form.cleaned_data["code"]):
            codes = _confirm(user, device)
            _verified(request, device)
            audit.record(actor=user, action="second_factor.set_up", address=address_of(request), now=timezone.now())
            return render(request, "signin/recovery_codes.html", {"codes": codes})
        form.add_error("code", _("That is not the code the app should show. Is its clock right?"))
    context = {
        "form": form,
        "picture": segno.make(device.config_url, error="m").svg_inline(scale=5, border=3, light="#fff"),
        "secret": device.bin_key and _secret(device),
        "required": get_config().second_factor == "required",
        "owes_second_factor": is_owed(request),
    }
    return render(request, "signin/set_up.html", context)


def _confirm(user: Any, device: TOTPDevice) -> list[str]:
    """This device and new recovery codes, and no others."""
    with transaction.atomic():
        TOTPDevice.objects.filter(user=user).exclude(pk=device.pk).delete()
        StaticDevice.objects.filter(user=user).delete()
        device.confirmed = True
        device.save()
        recovery = StaticDevice.objects.create(user=user, name="recovery")
        codes = [StaticToken.random_token() for _number in range(RECOVERY_CODES)]
        recovery.token_set.bulk_create(StaticToken(device=recovery, token=code) for code in codes)
    return codes


def _verified(request: HttpRequest, device: Any) -> None:
    login(request, device)
    request.session.pop(SESSION_KEY, None)


def _secret(device: TOTPDevice) -> str:
    """The secret in groups, for an app that cannot see."""
    from base64 import b32encode

    text = b32encode(device.bin_key).decode()
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def _next(request: HttpRequest) -> str:
    wanted = request.POST.get(REDIRECT_FIELD_NAME, "")
    if url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure()):
        return wanted
    return resolve_url("/")
