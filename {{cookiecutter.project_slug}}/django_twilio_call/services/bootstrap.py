"""A call center from one file: what it says is made so, and what it does not say is left alone."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import models, transaction

from ..models import (
    Agent,
    Calendar,
    IVRFlow,
    OpeningTime,
    Queue,
    QueueMembership,
    Role,
    Skill,
    SpecialDay,
    give_role,
)
from .base import BaseService
from .bootstrap_file import SECTIONS, Row, rows, special_days, week
from .flow_check import check_flow
from .flows import FlowService

GENERATED: Final = 15
"""Bytes of a password nobody chose."""


@dataclass(slots=True)
class Report:
    """What the file changes, or everything that is wrong with it, each with its path. `password`: to be shown once."""

    changes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    password: str = field(default="", repr=False)


class BootstrapService(BaseService):
    """Makes what a file says, all of it or nothing; said again, it changes nothing."""

    service_type = "bootstrap"

    def run(self, *, data: object, apply: bool, now: datetime) -> Report:
        """Do it, or without `apply` find out what it would do: the same, taken back at the end."""
        with transaction.atomic():
            making = _Making(data, self.config.bootstrap_password, now)
            making.everything()
            if making.report.problems or not apply:
                transaction.set_rollback(True)
        return making.report


class _Making:
    """One run over one file."""

    def __init__(self, data: object, password: str, now: datetime) -> None:
        self.report = Report()
        self._password, self._now = password, now
        self._rows: dict[str, list[Row]] = {section: [] for section in SECTIONS}
        for section, row in rows(data, self.report.problems):
            self._rows[section].append(row)

    def everything(self) -> None:
        """In the order in which one thing names another."""
        for row in self._rows["administrator"]:
            self._administrator(row)
        for row in self._rows["calendars"]:
            self._calendar(row)
        for row in self._queues_in_order():
            self._queue(row)
        for row in self._rows["agents"]:
            self._agent(row)
        for row in self._rows["flows"]:
            self._flow(row)

    def _administrator(self, row: Row) -> None:
        """Made once. A password that exists is never touched."""
        users = get_user_model().objects
        if users.filter(username=row.key).exists():
            return
        password = self._password or secrets.token_urlsafe(GENERATED)
        user = get_user_model()(username=row.key, email=row.get("email", ""), is_staff=True, is_superuser=True)
        user.set_password(password)
        try:
            validate_password(password, user)
            user.full_clean()
        except ValidationError as error:
            self._refuse(row.path, error)
            return
        user.save()
        give_role(user, Role.ADMINISTRATOR)
        self._changed(f"administrator {row.key}: made")
        self.report.password = "" if self._password else password

    def _calendar(self, row: Row) -> None:
        calendar = self._save(row, Calendar, {"key": row.key}, row.only("name", "zone"))
        if calendar is None:
            return
        if "week" in row.values:
            spans = week(row, self.report.problems)
            self._replace(
                row, OpeningTime.objects.filter(calendar=calendar), calendar, ("weekday", "opens", "closes"), spans
            )
        if "special_days" in row.values:
            days = special_days(row, self.report.problems)
            self._replace(
                row, SpecialDay.objects.filter(calendar=calendar), calendar, ("date", "name", "opens", "closes"), days
            )

    def _queues_in_order(self) -> Iterator[Row]:
        """Whoever is overflowed to comes first; what goes round is refused by the queue itself, or named here."""
        waiting = {row.key: row for row in self._rows["queues"]}
        while waiting:
            ready = [row for row in waiting.values() if row.get("overflow_queue") not in waiting]
            if not ready:
                for row in waiting.values():
                    self.report.problems.append(f"{row.path}.overflow_queue: callers would go round and round")
                return
            for row in ready:
                del waiting[row.key]
                yield row

    def _queue(self, row: Row) -> None:
        fields = row.without("key", "calendar", "overflow_queue")
        for name, section, model in (("calendar", "calendars", Calendar), ("overflow_queue", "queues", Queue)):
            if name in row.values:
                fields[name] = self._named(row, name, section, model)
        self._save(row, Queue, {"key": row.key}, fields)

    def _agent(self, row: Row) -> None:
        users = get_user_model().objects
        user = users.filter(username=row.key).first() or get_user_model()(username=row.key)
        if user._state.adding:
            user.set_unusable_password()
            if not self._is_clean(row, user):
                return
            user.save()
        agent = self._save(row, Agent, {"user": user}, {"name": row.get("name", row.key)})
        if agent is None or "queues" not in row.values:
            return
        named = row.values["queues"] if isinstance(row.values["queues"], list) else [row.values["queues"]]
        queues = [self._find(f"{row.path}.queues[{at}]", key, "queues", Queue) for at, key in enumerate(named)]
        wanted = {queue for queue in queues if queue is not None}
        has = set(agent.queues.all())
        for queue in sorted(wanted - has, key=str):
            QueueMembership.objects.create(queue=queue, agent=agent)
            self._changed(f"agent {row.key}: takes calls of {queue.key}")
        for queue in sorted(has - wanted, key=str):
            QueueMembership.objects.get(queue=queue, agent=agent).delete()
            self._changed(f"agent {row.key}: takes no calls of {queue.key}")

    def _flow(self, row: Row) -> None:
        flow = self._save(row, IVRFlow, {"key": row.key}, row.only("name", "number", "draft"))
        if flow is None:
            return
        found = check_flow(
            flow.draft,
            queues=self._keys("queues", Queue),
            calendars=self._keys("calendars", Calendar),
            skills=set(Skill.objects.values_list("key", flat=True)),
        )
        self.report.problems += [f"{row.path}.draft.{finding}" for finding in found]
        if found or self.report.problems or (flow.release is not None and flow.release.definition == flow.draft):
            return
        version = FlowService().publish(key=flow.key, now=self._now)
        self._changed(f"flow {flow.key}: {version} is what callers get")

    def _save(self, row: Row, model: type[Any], key: Mapping[str, Any], fields: Mapping[str, Any]) -> Any:
        """Make or change a row, and say what changed; None where it is refused."""
        instance = model.objects.filter(**key).first()
        is_new = instance is None
        instance = instance or model(**key)
        before = {name: getattr(instance, name) for name in fields}
        for name, value in fields.items():
            setattr(instance, name, value)
        if not self._is_clean(row, instance):
            return None
        now = {name: getattr(instance, name) for name in fields}
        differences = [_difference(name, before[name], now[name]) for name in fields if now[name] != before[name]]
        if is_new or differences:
            instance.save()
            self._changed(f"{row.kind} {row.key}: {'made' if is_new else ', '.join(differences)}")
        return instance

    def _replace(
        self,
        row: Row,
        kept: models.QuerySet[Any],
        calendar: Calendar,
        names: tuple[str, ...],
        wanted: set[tuple[Any, ...]],
    ) -> None:
        """Have the calendar's rows be these, and no others."""
        if set(kept.values_list(*names)) == wanted or self.report.problems:
            return
        kept.delete()
        kept.model.objects.bulk_create(
            kept.model(calendar=calendar, **dict(zip(names, values, strict=True))) for values in sorted(wanted, key=str)
        )
        self._changed(f"calendar {row.key}: {kept.model._meta.verbose_name_plural} are {len(wanted)}")

    def _named(self, row: Row, name: str, section: str, model: type[Any]) -> Any:
        key = row.values[name]
        return None if key is None else self._find(f"{row.path}.{name}", key, section, model)

    def _find(self, path: str, key: Any, section: str, model: type[Any]) -> Any:
        """The row that is named. One of this file that was refused is spoken of where it stands."""
        found = model.objects.filter(key=str(key)).first()
        if found is None and key not in {row.key for row in self._rows[section]}:
            self.report.problems.append(f"{path}: there is no {model._meta.verbose_name} {key!r}")
        return found

    def _keys(self, section: str, model: type[Any]) -> set[str]:
        return {*model.objects.values_list("key", flat=True), *(row.key for row in self._rows[section])}

    def _changed(self, text: str) -> None:
        self.report.changes.append(text)

    def _is_clean(self, row: Row, instance: models.Model) -> bool:
        try:
            instance.full_clean()
        except ValidationError as error:
            self._refuse(row.path, error)
            return False
        return True

    def _refuse(self, path: str, error: ValidationError) -> None:
        table = error.message_dict if hasattr(error, "error_dict") else {"password": error.messages}
        for name, texts in table.items():
            where = path if name == "__all__" else f"{path}.{name}"
            self.report.problems += [f"{where}: {text}" for text in texts]


def _difference(name: str, before: Any, now: Any) -> str:
    long = isinstance(before, dict) or isinstance(now, dict)
    return f"{name} changed" if long else f"{name} {before} -> {now}"
