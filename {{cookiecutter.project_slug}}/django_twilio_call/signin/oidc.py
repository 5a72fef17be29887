"""Signing in at an identity provider: OpenID Connect with code, PKCE and nonce. Off unless OIDC_ISSUER is set."""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import Any, Final

from django.contrib.auth import REDIRECT_FIELD_NAME, login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from ..conf import Config, get_config
from ..exceptions import AuthorizationError
from ..services import IdentityService, audit
from ..services.identities import Claims
from ..visitors import address_of
from .second_factor import PROVIDER, SESSION_KEY, without_second_factor

logger = logging.getLogger(__name__)

NEXT: Final = "oidc_next"
SECONDS: Final = 5
"""Longest wait for the provider, for each of its answers."""


@lru_cache(maxsize=1)
def _registered(issuer: str, client_id: str, client_secret: str, scopes: str) -> Any:
    """Authlib's client, which keeps what the provider says of itself."""
    from authlib.integrations.django_client import OAuth  # 0.2 s to import, wanted where there is a provider alone

    return OAuth().register(
        "provider",
        client_id=client_id,
        client_secret=client_secret,
        server_metadata_url=f"{issuer.rstrip('/')}/.well-known/openid-configuration",
        client_kwargs={"scope": scopes, "code_challenge_method": "S256", "timeout": SECONDS},
    )


def _provider(config: Config) -> Any:
    if not config.oidc_issuer:
        raise Http404
    return _registered(config.oidc_issuer, config.oidc_client_id, config.oidc_client_secret, config.oidc_scopes)


def _failures() -> tuple[type[Exception], ...]:
    """What goes wrong between us and a provider: no answer, a refusal, a token that proves nothing."""
    from authlib.common.errors import AuthlibBaseError
    from joserfc.errors import JoseError
    from requests import RequestException

    return AuthlibBaseError, JoseError, RequestException, ValueError, KeyError


@require_GET
@never_cache
@without_second_factor
def start(request: HttpRequest) -> HttpResponse:
    """To the provider, with `?next=` kept here."""
    config = get_config()
    provider = _provider(config)
    request.session[NEXT] = request.GET.get(REDIRECT_FIELD_NAME, "")
    try:
        answer: HttpResponse = provider.authorize_redirect(request, f"{config.public_base_url}{reverse('oidc-back')}")
    except _failures() as error:
        return _refused(request, error, gettext("The identity provider does not answer."), status=503)
    return answer


@require_GET
@never_cache
@without_second_factor
def back(request: HttpRequest) -> HttpResponse:
    """From the provider, with a code for a token that says who this is."""
    config = get_config()
    provider = _provider(config)
    try:
        options = {"iss": {"essential": True, "value": config.oidc_issuer}}
        said = provider.authorize_access_token(request, claims_options=options)["userinfo"]
        claims = _claims(config, said)
    except _failures() as error:
        return _refused(request, error, gettext("The identity provider did not let you in."))
    try:
        user = IdentityService().sign_in(claims=claims, now=timezone.now())
    except AuthorizationError as error:
        return _refused(request, error, gettext("You cannot come in: %(why)s.") % {"why": error})
    wanted = request.session.pop(NEXT, "")
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    request.session[SESSION_KEY] = PROVIDER
    audit.record(
        actor=user, action="login", detail={"by": claims.issuer}, address=address_of(request), now=timezone.now()
    )
    safe = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return redirect(wanted if safe else "/")


def _claims(config: Config, said: Any) -> Claims:
    """Raises `KeyError` where the provider says not who this is."""
    username = said.get(config.oidc_username_claim)
    if not username:
        raise KeyError(f"the token has no claim {config.oidc_username_claim}")
    groups = said.get(config.oidc_groups_claim) or []
    return Claims(
        issuer=str(said["iss"]),
        subject=str(said["sub"]),
        username=str(username),
        name=str(said.get("name", "")),
        email=str(said.get("email", "")),
        groups=frozenset(map(str, groups if isinstance(groups, list) else [groups])),
    )


def _refused(request: HttpRequest, error: Exception, said: str, status: int = 403) -> HttpResponse:
    logger.warning("nobody came in by the identity provider", extra={"error": f"{type(error).__name__}: {error}"})
    return render(request, "signin/refused.html", {"said": said}, status=status)
