"""People who sign in at an identity provider: which user they are here, and in which roles."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import transaction
from django.utils.translation import gettext

from ..exceptions import AuthorizationError
from ..models import Agent, Identity, Role, give_role
from .base import BaseService


@dataclass(frozen=True, slots=True)
class Claims:
    """What the provider says of somebody."""

    issuer: str
    subject: str
    username: str
    name: str = ""
    email: str = ""
    groups: frozenset[str] = frozenset()


class IdentityService(BaseService):
    """Roles follow the provider's groups at every sign-in; somebody with none of them does not come in."""

    service_type = "identity"

    def sign_in(self, *, claims: Claims, now: datetime) -> Any:
        """The user, made where there was none. Raises `AuthorizationError` where this person has no business here."""
        roles = {role for role in Role if f"{self.config.oidc_group_prefix}{role}" in claims.groups}
        if not roles:
            wanted = ", ".join(f"{self.config.oidc_group_prefix}{role}" for role in Role)
            raise AuthorizationError(
                gettext("%(name)s is in none of the groups %(groups)s") % {"name": claims.username, "groups": wanted}
            )
        with transaction.atomic():
            user = self._user(claims, now)
            if not user.is_active:
                raise AuthorizationError(gettext("%(name)s is not active here") % {"name": claims.username})
            user.first_name, user.email = claims.name[:150], claims.email[:254]
            user.is_staff = Role.ADMINISTRATOR in roles
            user.save()
            self._set_roles(user, roles)
            if Role.AGENT in roles:
                Agent.objects.get_or_create(user=user, defaults={"name": (claims.name or claims.username)[:150]})
        return user

    def _user(self, claims: Claims, now: datetime) -> Any:
        known = Identity.objects.select_related("user").filter(issuer=claims.issuer, subject=claims.subject).first()
        if known is not None:
            return known.user
        users = get_user_model().objects
        user = users.filter(username=claims.username[:150]).first()
        if user is None:
            user = get_user_model()(username=claims.username[:150])
            user.set_unusable_password()
            user.save()
        elif user.has_usable_password() or user.is_staff or user.is_superuser or user.identities.exists():
            # Somebody else's, for all we know: what a provider lets people call themselves opens no account here.
            raise AuthorizationError(gettext("there is another user %(name)s here") % {"name": claims.username})
        Identity.objects.create(issuer=claims.issuer, subject=claims.subject, user=user, created_at=now)
        return user

    def _set_roles(self, user: Any, roles: Iterable[Role]) -> None:
        user.groups.remove(*Group.objects.filter(name__in=set(Role) - set(roles)))
        for role in roles:
            give_role(user, role)
