"""Who may do what: rights as Django permissions, and the four roles as groups that have them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from django.contrib.auth.models import Group, Permission
from django.db import models


class May(models.TextChoices):
    """What somebody may do, beyond what Django's own permissions say of rows in the admin.

    Looking at the wallboard wants nothing but a login; the desk wants an `Agent`.
    """

    TAKE_MESSAGES = "take_messages", "Can hear voicemail and mark it handled"
    SUPERVISE = "supervise", "Can listen to live calls, join them, and change agents' states"
    SEE_REPORTS = "see_reports", "Can see reports"
    SEE_RECORDS = "see_records", "Can search the call history"
    LISTEN_RECORDINGS = "listen_recordings", "Can hear and download recordings"
    HOLD_RECORDINGS = "hold_recordings", "Can put recordings under legal hold"
    ERASE = "erase", "Can erase a person's data"
    OPERATE = "operate", "Can see processes, cache and outbox"
    MANAGE = "manage", "Can set up the call center"
    AUDIT = "audit", "Can read the audit log"

    @property
    def permission(self) -> str:
        """As `user.has_perm` wants it."""
        return f"django_twilio_call.{self.value}"


class Role(StrEnum):
    """The four roles; each is a group of that name."""

    AGENT = "agent"
    SUPERVISOR = "supervisor"
    ADMINISTRATOR = "administrator"
    AUDITOR = "auditor"


ROLES: Final[Mapping[Role, frozenset[May]]] = MappingProxyType(
    {
        Role.AGENT: frozenset({May.TAKE_MESSAGES}),
        Role.SUPERVISOR: frozenset(
            {May.TAKE_MESSAGES, May.SUPERVISE, May.SEE_REPORTS, May.SEE_RECORDS, May.LISTEN_RECORDINGS}
        ),
        Role.ADMINISTRATOR: frozenset(May),
        Role.AUDITOR: frozenset(
            {May.SEE_REPORTS, May.SEE_RECORDS, May.LISTEN_RECORDINGS, May.HOLD_RECORDINGS, May.AUDIT}
        ),
    }
)
"""Role -> its rights. An administrator also has the admin's permissions for everything of the call center."""

ADMINISTRATORS_ALONE: Final = ROLES[Role.ADMINISTRATOR].difference(
    *(rights for role, rights in ROLES.items() if role is not Role.ADMINISTRATOR)
)
"""Rights by which an administrator is known, however they came by them."""


class Access(models.Model):
    """No table: what the permissions of `May` hang on."""

    class Meta:
        managed = False
        default_permissions = ()
        permissions = tuple(May.choices)

    def __str__(self) -> str:
        return "access"


def create_roles(**signal: Any) -> None:
    """After each migration: every role has exactly the rights that stand here. Other groups are nobody's but yours."""
    ours = Permission.objects.filter(content_type__app_label="django_twilio_call")
    rights = {permission.codename: permission for permission in ours}
    for role, may in ROLES.items():
        group, _ = Group.objects.get_or_create(name=role)
        wanted = {rights[right] for right in may if right in rights}
        if role is Role.ADMINISTRATOR:
            users = Permission.objects.filter(content_type__app_label="auth", codename="view_user")
            wanted |= {*rights.values(), *users}
        group.permissions.set(wanted)


def give_role(user: Any, role: Role) -> None:
    """Put a user into a role's group. Administrators may enter the admin, which is Django's `is_staff`."""
    user.groups.add(Group.objects.get_or_create(name=role)[0])
    if role is Role.ADMINISTRATOR and not user.is_staff:
        user.is_staff = True
        user.save(update_fields=["is_staff"])
